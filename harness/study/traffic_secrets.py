"""Values of `${secret.NAME}`: of the environment, or else of an Ansible variable, which may come out of a vault."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from harness import secrecy
from harness.deploy import confined_process
from harness.deploy.inventory import positions
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput, DeployFailed
from harness.grid import http, templates, traffic_checks
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_

_BEFORE_BRACE = re.compile(r"\$\{\s*secret\.(\w+)\s*\}(?=\$?\{)")  # a secret before a template or a brace


def fill(
    root: Path, source: Path, grid: Grid, inventory: Inventory, environment: Mapping[str, str] = os.environ
) -> tuple[Grid, list[tuple[Path_, str]]]:
    """Return the grid with the values of its secrets, and (path in the grid, message) for each that is not set.

    `source` is the inventory or its snapshot. An Ansible variable has the secret's name in lower case. Raises BadInput
    or DeployFailed if Ansible cannot read it.
    """
    needed = traffic_checks.secrets(grid)
    values = {name: environment[name] for name in needed if environment.get(name)}
    variables = {name.lower(): name for name in needed if name not in values}
    known = [variable for variable in variables if variable in inventory.generator.names]
    if known:
        read = _read(root, source, known)
        values |= {variables[variable]: value for variable, value in read.items() if value}
    secrecy.remember(form for value in values.values() for form in (value, *forms(value)))
    missing = [
        (
            where,
            f"{'.'.join(map(str, where))}: ${{secret.{name}}} is not set. Fix: export {name} with the secret, or set "
            f"the variable {name.lower()} of the load generators in the inventory, as in a vault",
        )
        for name, where in needed.items()
        if name not in values
    ]
    return grid.with_traffic_secrets(values), [*missing, *_wrong_values(grid, values)]


def _wrong_values(grid: Grid, values: Mapping[str, str]) -> Iterator[tuple[Path_, str]]:
    """Yield (path in the grid, message) for secrets that cannot be sent; a message has no value."""
    for each in traffic_checks.sent(grid):
        for where, text in each.texts():
            for found in _BEFORE_BRACE.finditer(text):
                if values.get(found[1], "").endswith("$"):
                    words = "It ends in '$', which would escape the text after it. Fix: put another character between"
                    yield where, _wrong_value(where, found[1], words)
        for header, text in each.request.headers.items():
            where = (*each.at, "headers", header)
            for name in dict.fromkeys(templates.names(text)):
                secret = name.removeprefix(templates.SECRET)
                if name != secret and http.wrong_value(f"x{values.get(secret, '')}x"):
                    words = "Allowed in a header: one line of Latin-1 characters without control characters"
                    yield where, _wrong_value(where, secret, words)


def _wrong_value(where: Path_, secret: str, words: str) -> str:
    return f"{'.'.join(map(str, where))}: the value of ${{secret.{secret}}} cannot be sent. {words}"


def forms(value: str) -> set[str]:
    """Return a secret as it is encoded in a path, a form and JSON."""
    return {quote(value, safe=""), quote_plus(value, safe=""), json.dumps(value)[1:-1]}


def _read(root: Path, source: Path, names: Iterable[str]) -> dict[str, str]:
    """Return variable → value, as Ansible resolves them for the first load generator."""
    module = "harness.deploy.inventory.resolve_process"
    try:
        done = confined_process.run(module, [str(root), str(source), *names], root, os.environ, positions.LIMIT_S)
    except subprocess.TimeoutExpired:
        raise BadInput(positions.too_slow(source)) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"failed": f"exit code {done.returncode}"}
    if "failed" in answer:
        raise DeployFailed(f"the variables of the load generator cannot be read: {answer['failed']}")
    values: dict[str, str] = answer["values"]
    return values

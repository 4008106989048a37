"""Values of `${secret.NAME}`: of the environment, or else of an Ansible variable, which may come out of a vault."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from harness import secrecy
from harness.deploy import confined_process
from harness.deploy.inventory import positions
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput, DeployFailed
from harness.grid import traffic_checks
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_


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
    return grid.with_traffic_secrets(values), missing


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

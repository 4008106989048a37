"""The choices of the user: which service, which source of traffic, which hosts. Frozen types."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.draft.sources import is_url, shown
from harness.errors import BadInput
from harness.grid.load import MOST_USERS
from harness.secrecy import is_secret_name

SOURCES = ("openapi", "har", "locustfile", "access_log")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options of `study.py init`; "" and () stand for options that are not set.

    `env` has NAME=VALUE, or NAME for a value of the environment. `as_steps` None lets a recording decide.
    """

    image: str = ""
    url: str = ""
    port: int | None = None
    health: str = ""
    env: tuple[str, ...] = ()
    command: str = ""
    openapi: str = ""
    operations: tuple[str, ...] = ()
    har: str = ""
    host: str = ""
    as_steps: bool | None = None
    locustfile: str = ""
    access_log: str = ""
    inventory: str = ""
    vusers: tuple[int, ...] = ()
    grid: str = ""
    observe: bool = True

    @property
    def source(self) -> str:
        """The option with the source of traffic; empty without one."""
        return next((name for name in SOURCES if getattr(self, name)), "")

    def check(self) -> None:
        """Raise BadInput for options that contradict each other or are unusable."""
        problems = [*self._combinations(), *self._values()]
        if problems:
            raise BadInput(*problems)

    def _combinations(self) -> list[str]:
        given = [f"--{name.replace('_', '-')}" for name in SOURCES if getattr(self, name)]
        problems = []
        if len(given) > 1:
            problems.append(f"{' and '.join(given)} are set. Allowed: one source of traffic")
        if not (given or self.image or self.url or self.inventory):
            problems.append(
                "init: nothing is given. Allowed: at least one of --image, --url, --openapi, --har, --locustfile, "
                "--access-log and --inventory, as in: study.py init --image registry.example/team/app:1.4"
            )
        needs = (("operations", "operation", "openapi"), ("host", "host", "har"))
        for key, option, needed in needs:
            if getattr(self, key) and not getattr(self, needed) and not (key == "operations" and self.is_service):
                problems.append(f"--{option}: only valid with --{needed}. Fix: remove it, or add --{needed}")
        if self.as_steps is not None and not self.har:
            problems.append("--steps, --mix: only valid with --har. Fix: remove it")
        for key in ("port", "health", "env", "command"):
            if getattr(self, key) and not self.image:
                problems.append(f"--{key}: only valid with --image. Fix: add --image, or remove it")
        return problems

    @property
    def is_service(self) -> bool:
        """Whether the user names a service, by its image or its URL."""
        return bool(self.image or self.url)

    def _values(self) -> list[str]:
        problems = []
        if self.url and not is_url(self.url):
            problems.append(f"--url: got {shown(self.url)}. Allowed: a URL of HTTP, as in http://127.0.0.1:8000")
        if self.port is not None and not 1 <= self.port <= 65535:
            problems.append(f"--port: got {self.port}. Allowed: 1 to 65535")
        if self.health and not self.health.startswith("/"):
            problems.append(f"--health: got {shown(self.health)}. Allowed: a path that begins with a slash")
        if re.search(r"\s", self.image):
            problems.append(f"--image: got {shown(self.image)}. Allowed: a name such as registry.example/team/app:1.4")
        for number in self.vusers:
            if not 1 <= number <= MOST_USERS:
                problems.append(f"--vusers: got {number}. Allowed: 1 to {MOST_USERS}")
        for each in self.env:
            name, sign, _ = each.partition("=")
            if not _VARIABLE.fullmatch(name):
                problems.append(
                    f"--env: got {shown(name)}. Allowed: NAME=VALUE, or NAME for its value in the environment"
                )
            elif not sign and name != name.upper():
                words = "a value of the environment has a name in capital letters"
                problems.append(f"--env: got {shown(name)}: {words}. Fix: write {name}=VALUE")
            elif not sign and not os.environ.get(name):
                problems.append(
                    f"--env: {name} is not set in the environment. Fix: export {name}, or write {name}=VALUE"
                )
        return problems

    @property
    def arguments(self) -> list[str]:
        """The command as a list; raises BadInput for an open quote."""
        try:
            return shlex.split(self.command)
        except ValueError as error:
            raise BadInput(f"--command: got {shown(self.command)}: {error}") from None

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return variable → value for the container."""
        pairs = [each.partition("=") for each in self.env]
        return {name: value if sign else environ[name] for name, sign, value in pairs}

    def variables(self) -> dict[str, Any]:
        """Return the role variables for the grid, with references instead of secrets and of values without `=`."""
        found: dict[str, Any] = {}
        if self.env:
            pairs = [each.partition("=") for each in self.env]
            found["ml_server_env"] = {
                name: value if sign and not is_secret_name(name) else {"env": name.upper()}
                for name, sign, value in pairs
            }
        if self.command:
            found["ml_server_command"] = self.arguments
        return found

    def references(self) -> Sequence[str]:
        """Return the environment variables to which the role variables of the grid refer."""
        pairs = [each.partition("=") for each in self.env]
        return [name.upper() for name, sign, _ in pairs if not sign or is_secret_name(name)]

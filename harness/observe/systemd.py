"""Systemd units on machines, read in the same way as containers."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import TrialFailed


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """State of one host's container; `cpus` is its CPU limit in cores, None without a limit."""

    running: bool
    started_at: str
    restarts: int
    oom_killed: bool
    exit_code: int
    cpus: float | None
    image: str


@dataclass(frozen=True)
class SystemdUnit:
    """A systemd unit on a host: its name, its user, and its CPU limit in cores (0: no limit)."""

    unit: str
    user: str
    cpus: float


def dependency_units(inventory: Inventory) -> dict[str, SystemdUnit]:
    """Units of dependencies outside containers, by host."""
    return {
        host.name: SystemdUnit(
            host.unit,
            str(host.variables.get("dependency_unit_user") or "root"),
            float(str(host.variables.get("dependency_cpus") or 0)),
        )
        for host in inventory.dependencies
        if host.unit and not host.container and host.is_machine
    }


def state(connections: Connections, host: Host, service: SystemdUnit) -> ContainerState:
    """The state of a unit in the form of a container's; raises TrialFailed if it cannot be read."""
    command = ["systemctl", "show", service.unit, "--property=ActiveState,NRestarts,ExecMainStartTimestamp"]
    output = connections.run(host, ["sh", "-c", f"nproc; {shlex.join(command)}"])
    cores, *lines = output.splitlines() or ["0"]
    properties = dict(line.partition("=")[::2] for line in lines)
    if not properties:
        raise TrialFailed(f"{host.name}: cannot read the state of the unit {service.unit}")
    return ContainerState(
        running=properties.get("ActiveState") == "active",
        started_at=properties.get("ExecMainStartTimestamp", ""),
        restarts=int(properties.get("NRestarts") or 0),
        oom_killed=False,
        exit_code=0,
        cpus=service.cpus or float(cores),
        image="",
    )


def usage(connections: Connections, host: Host, service: SystemdUnit) -> Iterator[dict[str, Any]]:
    """Resource usage of all processes of a unit's user, in the form of a container's statistics."""
    program = Path(__file__).parent.joinpath("agents", "user.py").read_text(encoding="utf-8")
    yield from json_lines(connections.stream(host, ["python3", "-", service.user], program))


def json_lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """JSON lines of a process, which is killed when the iterator is closed."""
    with contextlib.closing(text_lines(process)) as printed:
        yield from map(json.loads, printed)


def text_lines(process: subprocess.Popen[str]) -> Generator[str, None, None]:
    """Lines of a process, which is killed when the iterator is closed."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        yield from process.stdout
    finally:
        process.kill()
        process.stdout.close()
        process.wait()

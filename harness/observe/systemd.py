"""What runs on a machine outside any container, as a systemd unit, read as a container is."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host
from harness.errors import TrialFailed


@dataclass(frozen=True)
class ContainerState:
    """One host's container at one moment; `cpus` is its cap in cores, None without one."""

    running: bool
    started_at: str
    restarts: int
    oom_killed: bool
    exit_code: int
    cpus: float | None
    image: str


@dataclass(frozen=True)
class Service:
    """What runs on a host outside any container: its systemd unit, its user, its cap in cores (0: none)."""

    unit: str
    user: str
    cpus: float


def state(connections: Connections, host: Host, service: Service) -> ContainerState:
    """A unit's state in the words of a container's; raises TrialFailed when the host does not tell."""
    asked = ["systemctl", "show", service.unit, "--property=ActiveState,NRestarts,ExecMainStartTimestamp"]
    output = connections.run(host, ["sh", "-c", f"nproc; {shlex.join(asked)}"])
    cores, *said_lines = output.splitlines() or ["0"]
    said = dict(line.partition("=")[::2] for line in said_lines)
    if not said:
        raise TrialFailed(f"{host.name}: cannot ask for the state of its unit {service.unit}")
    return ContainerState(
        running=said.get("ActiveState") == "active",
        started_at=said.get("ExecMainStartTimestamp", ""),
        restarts=int(said.get("NRestarts") or 0),
        oom_killed=False,
        exit_code=0,
        cpus=service.cpus or float(cores),
        image="",
    )


def usage(connections: Connections, host: Host, service: Service) -> Iterator[dict[str, Any]]:
    """What all processes of a unit's user use, by a program that runs there, as a container's readings look."""
    program = Path(__file__).parent.joinpath("agents", "user.py").read_text(encoding="utf-8")
    yield from lines(connections.stream(host, ["python3", "-", service.user], program))


def lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """JSON lines that a process writes; it is ended when nobody reads any more."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        for line in process.stdout:
            yield json.loads(line)
    finally:
        process.kill()
        process.wait()

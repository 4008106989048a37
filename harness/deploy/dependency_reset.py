"""Restore the state of dependencies between trials, with the command that the grid or the inventory sets."""

from __future__ import annotations

import queue
import shlex
import threading
from collections.abc import Callable, Mapping
from typing import Any

import docker.errors
import requests

from harness.deploy.connections import Connections
from harness.deploy.container_engine import execute
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import TrialFailed

NAME = "dependency_reset"
WITHIN_S = 600.0  # of one command, which may restore a database, or wait for a lock that nobody releases


def run(connections: Connections, inventory: Inventory, *variables: Mapping[str, Any]) -> None:
    """Reset every dependency that has a command; raises TrialFailed with its output if it fails.

    Of several mappings (variable → value) the first that has a command wins; last are the host's own variables.
    """
    for host in inventory.dependencies:
        command = next((by[NAME] for by in (*variables, host.variables) if by.get(NAME)), None)
        if command:
            _reset(connections, host, [str(part) for part in command])


def _reset(connections: Connections, host: Host, command: list[str]) -> None:
    try:
        code, output = _executed(connections, host, command)
    except TimeoutError:
        raise TrialFailed(
            f"{host.name}: {NAME} did not end within {WITHIN_S:g} s: {shlex.join(command)}. "
            "Fix: end the sessions whose locks it waits for, or use a faster command."
        ) from None
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise TrialFailed(f"{host.name}: {NAME} cannot be run: {error}") from None
    if code:
        printed = output.strip()[-300:] or "no output"
        raise TrialFailed(
            f"{host.name}: {NAME} failed with exit code {code}: {printed}. "
            f"Fix: correct the command {shlex.join(command)}."
        )


def _executed(connections: Connections, host: Host, command: list[str]) -> tuple[int, str]:
    """Exit code and output of a command in the dependency's container, or on its machine; raises TimeoutError."""
    if host.container:
        return _within(lambda: execute(connections.docker(host).api, host.container, command))
    if not host.is_machine:
        return 1, "the dependency has neither a container nor a machine in the inventory"
    output = connections.run(host, ["sh", "-c", '"$@" 2>&1; echo "$?"', "sh", *command], WITHIN_S)
    *lines, last = output.splitlines() or ["the machine does not answer", "1"]
    return (int(last) if last.isdigit() else 1), "\n".join(lines)


def _within(run: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """The result of `run`, which goes on in a thread when this raises TimeoutError."""
    results: queue.Queue[tuple[int, str] | Exception] = queue.Queue()

    def execute_once() -> None:
        try:
            results.put(run())
        except (docker.errors.DockerException, requests.RequestException) as error:
            results.put(error)

    threading.Thread(target=execute_once, daemon=True).start()
    try:
        found = results.get(timeout=WITHIN_S)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found

"""Clients of container engines: of this machine's engine, as the docker command selects it, and of hosts' engines."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import docker
import docker.errors
import requests
from docker.utils.socket import frames_iter

from harness import docker_context, process_environment
from harness.errors import MachineNotReady

# An engine may close the output of a command before it has the command's exit code.
EXIT_WITHIN_S = 5.0


def connect(url: str | None = None) -> docker.DockerClient:
    """A client of the engine at a URL, or of the docker command's engine; raises MachineNotReady without an answer."""
    try:
        if url:
            client = docker.DockerClient(base_url=url, timeout=30, max_pool_size=64)
        else:
            client = docker.from_env(timeout=30, max_pool_size=64, environment=environment())
        client.ping()
    except (docker.errors.DockerException, requests.RequestException, ValueError) as error:  # ValueError of a URL
        raise MachineNotReady(f"no container engine answers: {error}. Fix: run 'python study.py doctor'.") from None
    return client


def environment() -> dict[str, str]:
    """The environment with DOCKER_HOST as the docker command resolves it; raises MachineNotReady if it is unusable."""
    if problem := unusable():
        raise MachineNotReady(problem)
    return {**os.environ, **docker_context.variables(os.environ, process_environment.home())}


def unusable() -> str:
    """Why the selected engine is unusable here, with the fix; empty if it is usable."""
    try:
        found = docker_context.variables(os.environ, process_environment.home())
    except ValueError as error:
        return str(error)
    host = {**os.environ, **found}.get("DOCKER_HOST", "")
    if not host.startswith("ssh:"):
        return ""
    return (
        f"DOCKER_HOST: container engines behind SSH are not supported (got {host}). Allowed: unix:// and tcp://. "
        "Fix: select this machine's engine: unset DOCKER_HOST DOCKER_CONTEXT; docker context use default."
    )


def execute(
    engine: docker.APIClient, container: str, command: list[str], on_line: Callable[[], None] = lambda: None
) -> tuple[int, str]:
    """Exit code and output of a command in a container; `on_line` is called at the end of its first line.

    The engine can lose the output of a short command that exits with 0 (moby issue 27289): callers must check it.
    Raises docker.errors.DockerException, also if the engine reports no exit code, and requests.RequestException.
    """
    created = engine.exec_create(container, command)["Id"]
    output = b""
    for part in engine.exec_start(created, stream=True):
        if b"\n" in part and b"\n" not in output:
            on_line()
        output += part
    by = time.monotonic() + EXIT_WITHIN_S
    while (code := engine.exec_inspect(created)["ExitCode"]) is None:
        if time.monotonic() > by:
            raise docker.errors.DockerException(
                f"the container engine reports no exit code of {command[0]} in {container}"
            )
        time.sleep(0.05)
    return int(code), output.decode(errors="replace")


def lines(engine: docker.APIClient, container: str, command: list[str]) -> Iterator[str]:
    """Lines that a command in a container prints to its output, as they come, until it ends or the iterator is closed.

    The engine's client leaves the sockets of its own streams open; this closes the connection. Raises
    docker.errors.DockerException, requests.RequestException and OSError.
    """
    created = engine.exec_create(container, command, stderr=False)["Id"]
    connection, rest = engine.exec_start(created, socket=True), b""
    try:
        for _, part in frames_iter(connection, tty=False):  # type: ignore[no-untyped-call] # docker ships no types
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    finally:
        response = getattr(connection, "_response", connection)  # whose end also ends the connection
        response.close()

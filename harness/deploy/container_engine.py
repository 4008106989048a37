"""Clients of container engines: of this machine's own, as the docker command selects it, and of hosts'."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import docker
import docker.errors
import requests

from harness import docker_context
from harness.errors import CannotRun

# An engine may end the output of a command before it knows the command's exit code.
EXIT_WITHIN_S = 5.0


def connect(url: str | None = None) -> docker.DockerClient:
    """A client of an engine, without a URL of the docker command's own; raises CannotRun when none answers."""
    try:
        if url:
            client = docker.DockerClient(base_url=url, timeout=30, max_pool_size=64)
        else:
            client = docker.from_env(timeout=30, max_pool_size=64, environment=environment())
        client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CannotRun(f"no Docker engine answers: {error}; 'python study.py doctor' says what to do") from None
    return client


def environment() -> dict[str, str]:
    """The environment with DOCKER_HOST as the docker command resolves it; raises CannotRun for one of no use here."""
    if problem := unusable():
        raise CannotRun(problem)
    return {**os.environ, **docker_context.variables(os.environ, Path.home())}


def unusable() -> str:
    """Why the selected engine cannot be used here, with the fix; empty where it can."""
    try:
        found = docker_context.variables(os.environ, Path.home())
    except ValueError as error:
        return str(error)
    host = {**os.environ, **found}.get("DOCKER_HOST", "")
    if not host.startswith("ssh:"):
        return ""
    return (
        f"DOCKER_HOST: an engine behind SSH cannot be used (got {host}). Allowed: unix:// and tcp://. "
        "Fix: select this machine's engine: unset DOCKER_HOST DOCKER_CONTEXT; docker context use default."
    )


def execute(
    engine: docker.APIClient, container: str, command: list[str], on_line: Callable[[], None] = lambda: None
) -> tuple[int, str]:
    """Exit code and output of a command in a container; `on_line` is called at the end of its first line.

    The output of a short command can be lost with exit code 0 (moby issue 27289): the caller checks what it got.
    Raises docker.errors.DockerException, also where the engine never knows the exit code, and
    requests.RequestException.
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
            raise docker.errors.DockerException(f"the engine does not know how {command[0]} in {container} ended")
        time.sleep(0.05)
    return int(code), output.decode(errors="replace")

"""Start the user's image once in this machine's container engine, as the study does, to observe its responses."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import requests

from harness.deploy import container_engine
from harness.errors import BadInput, CannotRun

# The order counts: the first path with status 200 becomes the health check.
HEALTH_PATHS = (
    *("/readyz", "/healthz", "/health", "/ready", "/livez", "/actuator/health", "/api/health", "/health/ready"),
    *("/_health", "/status", "/ping", "/"),
)
WITHIN_S = 300.0  # as ml_server_ready_within_s
_REQUEST_S = 5.0
DIAGNOSIS_S = 10.0  # a container that can never become ready is found after this time
_FAILED = 1  # exit code of the program below: waiting is useless
SETTLED_S = 20.0  # a service may return 404 until its application is loaded
_WAIT_PROGRAM = "roles/ml_server/files/wait_until_ready.py"


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """An image and the variables of the role ml_server that start it; `port` None is the one that the image declares.

    `health` "" is found by trying usual paths. `env` has text values, also those of secrets.
    """

    image: str
    port: int | None = None
    health: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    within_s: float = WITHIN_S


@dataclass(frozen=True)
class RunningImage:
    """A started container: its URL on this machine, the port in the container, and the path of its health check."""

    url: str
    port: int
    health: str


@contextlib.contextmanager
def running(root: Path, settings: ImageSettings, lab: str, notify: Callable[[str], None]) -> Iterator[RunningImage]:
    """Start an image with the restrictions of the role, wait until it is ready, and remove it at the end.

    It listens on 127.0.0.1 only. `lab` is the label by which `study.py down` finds what an interruption left behind.
    Raises CannotRun if the engine, the image or its start fails, and BadInput for an image without a known port.
    """
    client = container_engine.connect()
    try:
        image = _image(client, settings.image, notify)
        port = settings.port or _declared_port(settings.image, image)
        with _container(client, settings, port, lab) as container:
            published = _published(container, port)
            if not published:
                raise CannotRun(_diagnosis(root, container, port, settings.health or "/")[1])
            url = f"http://127.0.0.1:{published}"
            notify(f"waits until {settings.image} responds on port {port}")
            yield RunningImage(url, port, _ready_path(root, container, settings, port, url))
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CannotRun(f"{settings.image}: the container engine reports: {_words(error)}") from None
    finally:
        client.close()


def _words(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)


def _image(client: docker.DockerClient, name: str, notify: Callable[[str], None]) -> Any:
    try:
        return client.images.get(name)
    except docker.errors.ImageNotFound:
        notify(f"pulls {name}")
    try:
        has_tag = ":" in name.rpartition("/")[2] or "@" in name
        return client.images.pull(name) if has_tag else client.images.pull(name, tag="latest")
    except docker.errors.APIError as error:
        fix = f"Fix: check the name, or run 'docker login' and 'docker pull {name}'"
        raise CannotRun(f"--image: {name} cannot be pulled: {_words(error)}. {fix}") from None


def _declared_port(name: str, image: Any) -> int:
    """Return the TCP port that an image declares; raises BadInput unless it is one."""
    declared = (image.attrs.get("Config") or {}).get("ExposedPorts") or {}
    ports = sorted(int(port.partition("/")[0]) for port in declared if port.endswith("/tcp"))
    if len(ports) != 1:
        got = f"ports {', '.join(map(str, ports))}" if ports else "no port"
        raise BadInput(f"--port: {name} declares {got}. Fix: add --port PORT, on which the service listens")
    return ports[0]


@contextlib.contextmanager
def _container(client: docker.DockerClient, settings: ImageSettings, port: int, lab: str) -> Iterator[Any]:
    container = client.containers.create(
        settings.image,
        command=list(settings.command) or None,
        name=f"scale-out-init-{uuid.uuid4().hex[:8]}",
        environment=dict(settings.env),
        labels={"scale-out.lab": lab},
        ports={f"{port}/tcp": ("127.0.0.1", 0)},  # the engine chooses a free port
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        pids_limit=1024,
        init=True,
    )
    try:
        container.start()
        yield container
    finally:
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
            container.remove(force=True, v=True)


def _published(container: Any, port: int) -> int:
    """Return the port of this machine; 0 if the container has ended."""
    container.reload()
    published = (container.attrs["NetworkSettings"].get("Ports") or {}).get(f"{port}/tcp") or []
    return int(published[0]["HostPort"]) if published else 0


def _ready_path(root: Path, container: Any, settings: ImageSettings, port: int, url: str) -> str:
    """Wait for the first health check with status 200, and return its path; raises CannotRun with the reason."""
    paths = (settings.health,) if settings.health else HEALTH_PATHS
    deadline, responds_since = time.monotonic() + settings.within_s, 0.0
    next_diagnosis = time.monotonic() + DIAGNOSIS_S
    with httpx.Client(trust_env=False, timeout=_REQUEST_S) as client:
        while (now := time.monotonic()) < deadline:
            statuses = list(_statuses(client, url, paths))
            if httpx.codes.OK in statuses:
                return paths[statuses.index(httpx.codes.OK)]
            responds_since = (responds_since or now) if statuses else 0.0
            container.reload()
            if container.status != "running" or (responds_since and now - responds_since > SETTLED_S):
                break
            if now > next_diagnosis:
                next_diagnosis = now + DIAGNOSIS_S
                if _diagnosis(root, container, port, paths[0])[0] == _FAILED:
                    break
            time.sleep(0.5)
    if responds_since and not settings.health:
        raise BadInput(
            f"--health: {settings.image} responds, but with status 200 to none of {', '.join(paths)}. "
            "Fix: add --health PATH, a path that returns 200 without login"
        )
    raise CannotRun(_diagnosis(root, container, port, paths[0])[1])


def _statuses(client: httpx.Client, url: str, paths: Sequence[str]) -> Iterator[int]:
    """Yield the status of each path up to the first 200; nothing while the service does not respond."""
    for path in paths:
        try:
            status = client.get(url + path).status_code
        except httpx.HTTPError:
            return
        yield status
        if status == httpx.codes.OK:
            return


def _diagnosis(root: Path, container: Any, port: int, path: str) -> tuple[int, str]:
    """Return an exit code and why a container is not ready, by the program that waits for the study's servers."""
    awaited = {"container": container.name, "port": port, "path": path, "host": "", "attempt_s": 3, "timeout_s": 5}
    done = subprocess.run(
        [sys.executable, str(root / _WAIT_PROGRAM), json.dumps(awaited)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=container_engine.environment(),
    )
    options = "Options of init for these variables: --port, --health, --env, --command"
    reason = done.stdout.strip() or done.stderr.strip()[-500:] or "not ready"
    return done.returncode, f"{reason.rstrip('.')}. {options}"

"""The load generator's own code as real Locust processes on this machine, without a container."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock

from tests.locust_image import IMAGE

ROOT = Path(__file__).resolve().parents[1]
START_S, STOP_S = 120.0, 10.0


def locust_python() -> str:
    """Return the Python of an environment with the image's requirements, which is made once for each lock file.

    Its packages are compiled once, as in the image. Otherwise each of Locust's processes would compile them.
    """
    requirements = IMAGE / "requirements.txt"
    name = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"locust-compiled-{name}"
    folder.parent.mkdir(exist_ok=True)
    uv = Path(sys.executable).with_name("uv")
    python = folder / "bin" / "python"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            subprocess.run(
                [uv, "--native-tls", "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True
            )
            install: list[str | Path] = [
                uv,
                "--native-tls",
                "pip",
                "install",
                "--quiet",
                "--compile-bytecode",
                "--require-hashes",
                "--python",
                python,
            ]
            subprocess.run([*install, "--requirement", requirements], check=True)
            (folder / "ready").touch()
    return str(python)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Generator:
    """The paths of a Locust master, as the study calls them."""

    def __init__(self, client: httpx.Client, token_file: Path) -> None:
        self._client = client
        self._token_file = token_file

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token_file.read_text()}"}
        return self._client.request(method, f"/study/{path}", headers=headers, **arguments)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(httpx.HTTPError, OSError, ValueError):  # it is starting
                if self.call("GET", "ready").json().get("ready"):
                    return
            assert time.monotonic() < deadline, "the load generator is not ready"
            time.sleep(0.05)

    def upload(self, rows: list[dict[str, Any]], files: dict[str, bytes], digest: str = "d") -> None:
        encoded = {key: base64.b64encode(content).decode() for key, content in files.items()}
        answer = self.call("POST", "data", json={"digest": digest, "rows": rows, "files": encoded})
        assert answer.status_code == 200, answer.text

    def send_each(self, load: dict[str, Any]) -> list[dict[str, Any]]:
        self.wait_ready()
        answer = self.call("POST", "send-each", json=load)
        assert answer.status_code == 200, answer.text
        exchanges: list[dict[str, Any]] = answer.json()["exchanges"]
        return exchanges

    def run(self, load: dict[str, Any]) -> dict[str, Any]:
        """Run a load to its end; return its result."""
        self.wait_ready()
        started = self.call("POST", "start", json=load)
        assert started.status_code == 200, started.text
        deadline = time.monotonic() + load["longest_s"] + START_S
        while not self.call("GET", "samples", params={"since": 0}).json()["over"]:
            assert time.monotonic() < deadline, "the load does not end"
            time.sleep(0.1)
        result: dict[str, Any] = self.call("GET", "result").json()
        return result


@contextmanager
def _running(*command: str, log: Path, **variables: str) -> Iterator[None]:
    environment = {**os.environ, "PYTHONPATH": str(IMAGE), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as started:
        try:
            yield
        finally:
            started.terminate()
            try:
                started.wait(STOP_S)
            except subprocess.TimeoutExpired:
                started.kill()


@contextmanager
def generator(target: str, workers: int = 1, *, may_raise: bool = False) -> Iterator[Generator]:
    """Run a master and its workers, whose only target is this URL.

    An error in their logs fails the test unless `may_raise` is set, for scripts that raise.
    """
    web, bus = free_port(), free_port()
    locust = (locust_python(), "-m", "locust", f"--locustfile={IMAGE / 'locustfile.py'}")
    master = ("--master", f"--master-bind-port={bus}", "--master-bind-host=127.0.0.1")
    pages = ("--web-host=127.0.0.1", f"--web-port={web}", f"--expect-workers={workers}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        logs = [folder / "master.log"]
        variables = {"STUDY_TARGET": target, "STUDY_TOKEN_FILE": str(folder / "token")}
        stack.enter_context(_running(*locust, *master, *pages, log=logs[0], **variables))
        for number in range(workers):
            logs.append(folder / f"worker-{number}.log")
            joins = (f"--master-port={bus}", "--master-host=127.0.0.1")
            stack.enter_context(_running(*locust, "--worker", *joins, log=logs[-1]))
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{web}", trust_env=False, timeout=START_S))
        found = Generator(client, folder / "token")
        try:
            found.wait_ready()
            found.upload([], {}, "none")  # until every worker listens
            yield found
        except BaseException:
            for log in logs:
                sys.stderr.write(f"--- {log.name}\n{log.read_text()[-3000:]}")
            raise
        raised = [log.read_text() for log in logs if "Traceback" in log.read_text()]
        assert may_raise or not raised, raised[0][-3000:]

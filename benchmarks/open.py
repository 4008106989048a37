"""What an open load costs and how punctual it is: `python -m benchmarks.open [PYTHON]`.

Plays open and closed loads with the engine's own code (roles/locust/files/image) against a small server on this
machine, by turns, and prints a Markdown table. PYTHON is one that has Locust; without it an environment is made of the
image's requirements in a temporary folder, which takes a minute. Costs are told as ratios, as machines differ.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from harness.errors import LoadGeneratorFailed
from harness.grid.request import Request
from harness.judge import window_stats
from harness.records.series import Sample
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.locust import LocustLoadGenerator

IMAGE = Path(__file__).resolve().parent.parent / "roles" / "locust" / "files" / "image"
RATE, SERVICE_S = 500, 0.02
ROUNDS = 4
RAMP_UP_S, UNTIL_S = 2.0, 12.0


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + b'{"hello": true}'


class Answers(asyncio.Protocol):
    """Answers each request after a set time; at /stop/S the whole server stops for S seconds."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server gives
        self._to = transport

    def data_received(self, data: bytes) -> None:
        self._said += data
        while b"\r\n\r\n" in self._said:
            head, _, self._said = self._said.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            loop = asyncio.get_running_loop()
            if path.startswith(b"/stop/"):
                loop.call_soon(time.sleep, float(path.removeprefix(b"/stop/")))
            loop.call_later(self._after_s, self._answer)

    def _answer(self) -> None:
        if not self._to.is_closing():
            self._to.write(ANSWER)


async def serve(port: int, after_s: float) -> None:
    """A server that never ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(after_s), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(*command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(IMAGE), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as started:
        try:
            yield started
        finally:
            started.terminate()


@contextmanager
def site(python: str, workers: int = 1, after_s: float = SERVICE_S) -> Iterator[tuple[LocustLoadGenerator, str]]:
    """An engine with so many workers, and the URL of a server."""
    port, web, bus = free_port(), free_port(), free_port()
    locust = (python, "-m", "locust", f"--locustfile={IMAGE / 'locustfile.py'}")
    master = ("--master", f"--master-bind-port={bus}", "--web-host=127.0.0.1", f"--web-port={web}")
    own = f"import asyncio, sys; from benchmarks.open import serve; asyncio.run(serve({port}, {after_s}))"
    with ExitStack() as all_of_it:
        token = Path(all_of_it.enter_context(tempfile.TemporaryDirectory())) / "token"
        variables = {"STUDY_TARGET": f"http://127.0.0.1:{port}", "STUDY_TOKEN_FILE": str(token)}
        all_of_it.enter_context(running(sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {own}"))
        all_of_it.enter_context(running(*locust, *master, f"--expect-workers={workers}", **variables))
        for _ in range(workers):
            all_of_it.enter_context(running(*locust, "--worker", f"--master-port={bus}"))
        client = all_of_it.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{web}", timeout=5.0))
        load_generator = LocustLoadGenerator(client, token.read_text)
        _until_ready(load_generator)
        yield load_generator, f"http://127.0.0.1:{port}"


def _until_ready(load_generator: LocustLoadGenerator) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if load_generator.ready():
                return
        except LoadGeneratorFailed:
            pass
        if time.monotonic() > deadline:
            raise LoadGeneratorFailed("the engine is not ready after 60 s")
        time.sleep(0.1)


@dataclass(frozen=True)
class Played:
    """One load as the harness gets it."""

    samples: list[Sample]
    result: LoadResult
    from_s: float

    @property
    def window(self) -> list[Sample]:
        return window_stats.window(self.samples, self.from_s, UNTIL_S)

    @property
    def cpu_ms(self) -> float:
        """Of the generator, for a request."""
        return 1000 * sum(s.busiest_cpu_s or 0.0 for s in self.window) / sum(s.completed for s in self.window)


def play(load_generator: LocustLoadGenerator, url: str, path: str = "/", **load: Any) -> Played:
    """One load, to its end."""
    _until_ready(load_generator)
    base = {"users": 0, "think_time_s": 0.0, "ramp_up_s": RAMP_UP_S, "duration_s": UNTIL_S, "timeout_s": 10.0}
    spec = LoadSpec(trial="t", url=url, window_from_s=RAMP_UP_S + 1, request=Request(path=path), **{**base, **load})
    load_generator.start(spec)
    samples: list[Sample] = []
    over = False
    while not over:
        time.sleep(0.2)
        fresh, over = load_generator.samples(len(samples))
        samples += fresh
    return Played(samples, load_generator.result(), spec.window_from_s)


def rows(python: str) -> list[tuple[str, str]]:
    """What was measured, and the result."""
    opened, closed = [], []
    think_s = 1.0
    with site(python) as (load_generator, url):
        for _ in range(ROUNDS):
            closed.append(play(load_generator, url, users=round(RATE * (think_s + SERVICE_S)), think_time_s=think_s))
            opened.append(play(load_generator, url, rate_per_s=float(RATE), seed="benchmark"))
    offered = sum(s.offered or 0 for one in opened for s in one.window)
    sent = sum(s.sent or 0 for one in opened for s in one.window)
    delays = sorted(window_stats.rank_ms(one.result.delays, 0.99) or 0.0 for one in opened)
    costs = sorted(a.cpu_ms / b.cpu_ms for a, b in zip(opened, closed, strict=True))
    each = [sum(s.completed for s in one.window) / len(one.window) for one in closed]
    late = f"{statistics.median(delays):.2f} ms, {delays[-1]:.2f} ms"
    stops = _stops(python)
    return [
        (f"sent of what was due, {RATE}/s Poisson, one worker", f"{sent / offered:.2%}"),
        ("send delay, p99, median and largest of the loads", late),
        ("closed loads beside it, requests per second", f"{statistics.mean(each):.0f}"),
        (
            "CPU of a request, open against closed",
            f"{statistics.median(costs):.3f} [{costs[0]:.3f}, {costs[-1]:.3f}]",
        ),
        ("p99 of a server that stops for 2 s, at 200/s, and by users", f"{stops[0]:.0f} ms, {stops[1]:.0f} ms"),
    ]


def _stops(python: str) -> list[float]:
    """p99 in ms of a server that stops for 2 s in the window, at 200/s and by 10 users who ask as often."""
    found = []
    loads: tuple[dict[str, Any], ...] = (
        {"rate_per_s": 200.0, "seed": "benchmark"},
        {"users": 10, "think_time_s": 0.03},
    )
    for load in loads:
        with site(python) as (load_generator, url):
            timer = threading.Timer(RAMP_UP_S + 4, lambda url=url: httpx.get(f"{url}/stop/2", timeout=10.0))
            timer.start()
            played = play(load_generator, url, **load)
            timer.join()
        found.append(window_stats.values_ms(window_stats.merged([played.result.latencies]), [99])[99])
    return found


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        python = sys.argv[1] if len(sys.argv) > 1 else _with_locust(Path(folder))
        sys.stdout.write(f"| what ({os.cpu_count()} cores) | figure |\n|---|---|\n")
        for name, figure in rows(python):
            sys.stdout.write(f"| {name} | {figure} |\n")


def _with_locust(folder: Path) -> str:
    """A Python that has what the image has."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", IMAGE / "requirements.txt"], check=True)
    return python


if __name__ == "__main__":
    main()

"""CPU cost and punctuality of open loads: `python -m benchmarks.open [PYTHON]`.

Runs open and closed loads in turn with the load generator's own code (roles/locust/files/image) against a small server
on this machine, and prints a Markdown table. PYTHON is an interpreter with Locust. Without it the benchmark installs
the image's requirements in a temporary folder, which takes a minute. Costs are ratios, because machines differ.
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
from harness.judge import latency_stats, window_stats
from harness.records.series import Sample
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.locust import LocustLoadGenerator
from harness.traffic.sent_traffic import SentTraffic

IMAGE = Path(__file__).resolve().parent.parent / "roles" / "locust" / "files" / "image"
RATE, SERVICE_S = 500, 0.02
ROUNDS = 4
RAMP_UP_S, UNTIL_S = 2.0, 12.0


RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + b'{"hello": true}'


class Responder(asyncio.Protocol):
    """Responds to each request after a set time; /stop/S blocks the whole server for S seconds."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's transport
        self._to = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            loop = asyncio.get_running_loop()
            if path.startswith(b"/stop/"):
                loop.call_soon(time.sleep, float(path.removeprefix(b"/stop/")))
            loop.call_later(self._after_s, self._respond)

    def _respond(self) -> None:
        if not self._to.is_closing():
            self._to.write(RESPONSE)


async def serve(port: int, after_s: float) -> None:
    """Run a server until the process ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Responder(after_s), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(*command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, and terminate it afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(IMAGE), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as started:
        try:
            yield started
        finally:
            started.terminate()


@contextmanager
def site(python: str, workers: int = 1, after_s: float = SERVICE_S) -> Iterator[tuple[LocustLoadGenerator, str]]:
    """Run a load generator and a server; yield the load generator and the server's URL."""
    port, web, bus = free_port(), free_port(), free_port()
    locust = (python, "-m", "locust", f"--locustfile={IMAGE / 'locustfile.py'}")
    master = ("--master", f"--master-bind-port={bus}", "--web-host=127.0.0.1", f"--web-port={web}")
    own = f"import asyncio, sys; from benchmarks.open import serve; asyncio.run(serve({port}, {after_s}))"
    with ExitStack() as stack:
        token = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "token"
        variables = {"STUDY_TARGET": f"http://127.0.0.1:{port}", "STUDY_TOKEN_FILE": str(token)}
        stack.enter_context(running(sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {own}"))
        stack.enter_context(running(*locust, *master, f"--expect-workers={workers}", **variables))
        for _ in range(workers):
            stack.enter_context(running(*locust, "--worker", f"--master-port={bus}"))
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{web}", timeout=5.0))
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
            raise LoadGeneratorFailed("the load generator is not ready after 60 s")
        time.sleep(0.1)


@dataclass(frozen=True)
class Measured:
    """Samples and result of one load, as the harness receives them."""

    samples: list[Sample]
    result: LoadResult
    from_s: float

    @property
    def window(self) -> list[Sample]:
        return window_stats.window(self.samples, self.from_s, UNTIL_S)

    @property
    def cpu_ms(self) -> float:
        """CPU time of the generator per request in ms."""
        return 1000 * sum(s.busiest_cpu_s or 0.0 for s in self.window) / sum(s.completed for s in self.window)


def run(load_generator: LocustLoadGenerator, url: str, path: str = "/", **load: Any) -> Measured:
    """Run one load to its end."""
    _until_ready(load_generator)
    base = {"users": 0, "think_time_s": 0.0, "ramp_up_s": RAMP_UP_S, "duration_s": UNTIL_S, "timeout_s": 10.0}
    fields = {**base, "traffic": SentTraffic.of(Request(path=path)), **load}
    spec = LoadSpec(trial="t", url=url, window_from_s=RAMP_UP_S + 1, **fields)
    load_generator.start(spec)
    samples: list[Sample] = []
    over = False
    while not over:
        time.sleep(0.2)
        fresh, over = load_generator.samples(len(samples))
        samples += fresh
    return Measured(samples, load_generator.result(), spec.window_from_s)


def rows(python: str) -> list[tuple[str, str]]:
    """Return the rows of the table: what was measured, and its value."""
    open_loads, closed_loads = [], []
    think_s = 1.0
    with site(python) as (load_generator, url):
        for _ in range(ROUNDS):
            closed_loads.append(
                run(load_generator, url, users=round(RATE * (think_s + SERVICE_S)), think_time_s=think_s)
            )
            open_loads.append(run(load_generator, url, rate_per_s=float(RATE), seed="benchmark"))
    offered = sum(s.offered or 0 for load in open_loads for s in load.window)
    sent = sum(s.sent or 0 for load in open_loads for s in load.window)
    delays = sorted(latency_stats.rank_ms(load.result.delays, 0.99) or 0.0 for load in open_loads)
    costs = sorted(a.cpu_ms / b.cpu_ms for a, b in zip(open_loads, closed_loads, strict=True))
    each = [sum(s.completed for s in load.window) / len(load.window) for load in closed_loads]
    late = f"{statistics.median(delays):.2f} ms, {delays[-1]:.2f} ms"
    stops = _stops(python)
    return [
        (f"sent share of due requests, {RATE} req/s Poisson, one worker", f"{sent / offered:.2%}"),
        ("p99 of the send delay, median and maximum of the loads", late),
        ("closed loads for comparison, req/s", f"{statistics.mean(each):.0f}"),
        (
            "CPU time per request, open ÷ closed",
            f"{statistics.median(costs):.3f} [{costs[0]:.3f}, {costs[-1]:.3f}]",
        ),
        ("p99 of a server that pauses for 2 s: open at 200 req/s, closed", f"{stops[0]:.0f} ms, {stops[1]:.0f} ms"),
    ]


def _stops(python: str) -> list[float]:
    """Return p99 in ms of a server that pauses for 2 s: open loop at 200 req/s, and 10 users with the same rate."""
    found = []
    loads: tuple[dict[str, Any], ...] = (
        {"rate_per_s": 200.0, "seed": "benchmark"},
        {"users": 10, "think_time_s": 0.03},
    )
    for load in loads:
        with site(python) as (load_generator, url):
            timer = threading.Timer(RAMP_UP_S + 4, lambda url=url: httpx.get(f"{url}/stop/2", timeout=10.0))
            timer.start()
            measured = run(load_generator, url, **load)
            timer.join()
        found.append(latency_stats.values_ms(latency_stats.merged([measured.result.latencies]), [99])[99])
    return found


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        python = sys.argv[1] if len(sys.argv) > 1 else with_locust(Path(folder))
        sys.stdout.write(f"| measurement ({os.cpu_count()} cores) | value |\n|---|---|\n")
        for name, figure in rows(python):
            sys.stdout.write(f"| {name} | {figure} |\n")


def with_locust(folder: Path) -> str:
    """Install the image's requirements in a virtual environment; return its Python."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", IMAGE / "requirements.txt"], check=True)
    return python


if __name__ == "__main__":
    main()

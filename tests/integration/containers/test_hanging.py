"""Requests that never get a response count as failed and as late in the second in which they were due or sent.

The image's own Locust master and worker send real requests to a server that hangs on a known share of them. A request
whose timeout ends after the window, or after the load, must count like any other.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import docker
import httpx
import pytest
from docker.types import Ulimit
from scipy import special

from harness.deploy.inventory.hosts import Inventory
from harness.errors import LoadGeneratorFailed
from harness.grid.request import Request
from harness.judge import latency_stats, window_stats
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.locust import LocustLoadGenerator
from tests.builders import load
from tests.hanging import Hanging, hanging
from tests.integration.conftest import build_images

pytestmark = [pytest.mark.long, pytest.mark.concurrent]
SHARES = (0.004, 0.06, 0.5)
FROM_S, TO_S = 1.0, 7.0  # the window
TIMEOUTS_S = {"below": 3.0, "at": TO_S - FROM_S, "above": 9.0}  # the window's length
LOADS: dict[str, dict[str, Any]] = {
    "open": {"users": 0, "rate_per_s": 150.0, "in_flight": 5000},
    "closed": {"users": 450, "think_time_s": 3.0},
}
CONFIDENCE = 0.999
START_S = 60.0  # the longest start of the load generator


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Hanging]:
    with hanging() as found:
        yield found


@pytest.fixture(scope="module")
def generator(lab: Inventory, engine: docker.DockerClient, server: Hanging) -> Iterator[LocustLoadGenerator]:
    """A load generator of the lab's image, whose only target is the server."""
    build_images()
    web, workers = free_port(), free_port()
    container = engine.containers.run(
        str(lab.generator.variables["locust_image"]),
        [
            *("python3", "-m", "locust", "--locustfile=/opt/study/locustfile.py", "--processes=1"),
            *("--expect-workers=1", "--web-host=127.0.0.1", f"--web-port={web}", "--master-bind-host=127.0.0.1"),
            *(f"--master-bind-port={workers}", f"--master-port={workers}"),
        ],
        environment={"STUDY_TARGET": server.url},
        network_mode="host",
        ulimits=[Ulimit(name="nofile", soft=20000, hard=20000)],
        init=True,
        detach=True,
    )

    def token() -> str:
        found = container.exec_run(["cat", "/tmp/study-token"])  # noqa: S108 - the container's own
        return str(found.output, "utf-8") if found.exit_code == 0 and isinstance(found.output, bytes) else ""

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{web}", trust_env=False, timeout=10) as client:
            yield LocustLoadGenerator(client, token)
    finally:
        container.remove(force=True)


def wait_ready(generator: LocustLoadGenerator) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if generator.ready():
                return
        except LoadGeneratorFailed:  # it is starting
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, "the load generator is not ready"
        time.sleep(0.1)


def run(generator: LocustLoadGenerator, spec: LoadSpec) -> LoadResult:
    """Run a load to the end of its last request."""
    wait_ready(generator)
    generator.start(spec)
    deadline = time.monotonic() + spec.longest_s
    while not generator.samples(0)[1]:
        assert time.monotonic() < deadline, "the load does not end"
        time.sleep(0.2)
    return generator.result()


def bounds(requests: int, share: float) -> tuple[int, int]:
    """The fewest and the most of these requests that hang with a probability of `CONFIDENCE`, each draw for itself."""
    tail = (1 - CONFIDENCE) / 2
    least = next(k for k in range(requests + 1) if special.bdtr(k, requests, share) >= tail)
    most = next(k for k in range(least, requests + 1) if special.bdtrc(k, requests, share) <= tail)
    return least, most


@pytest.mark.parametrize("timeout", TIMEOUTS_S)
@pytest.mark.parametrize("loop", LOADS)
@pytest.mark.parametrize("share", SHARES)
def test_the_recorded_share_of_failed_and_late_requests_is_that_of_hanging_ones(
    generator: LocustLoadGenerator, server: Hanging, share: float, loop: str, timeout: str
) -> None:
    server.forget()
    path, timeout_s = f"/{share}", TIMEOUTS_S[timeout]
    spec = load(
        url=server.url,
        ramp_up_s=FROM_S,
        duration_s=TO_S,
        window_from_s=FROM_S,
        timeout_s=timeout_s,
        slow_after_s=timeout_s,
        seed="1",
        request=Request(path=path, expect_body="right"),
        **LOADS[loop],
    )
    result = run(generator, spec)
    samples = result.samples or []

    # Over the whole load, the server's own counts are those of the load generator.
    assert result.errors == {"timeout": server.hung[path]}
    assert sum(row.by_start[0] for row in samples) == server.requests[path]
    assert sum(row.by_start[1] for row in samples) == server.hung[path]

    # In the window, failed and late requests are a sample of the hanging share.
    counted = latency_stats.objective_counts(result.latencies, result.failures, timeout_s)
    assert counted.requests > 500 if share < 0.5 else counted.requests > 250
    least, most = bounds(counted.requests, share)
    assert least <= counted.failed <= most
    assert least <= counted.late <= most
    rows = window_stats.window(samples, FROM_S, TO_S)
    assert sum(row.by_start[0] for row in rows) == counted.requests
    assert window_stats.error_rate(rows) == pytest.approx(counted.failed / counted.requests)
    over = window_stats.over_p95(rows)
    assert over is not None
    assert least <= round(over * counted.requests) <= most

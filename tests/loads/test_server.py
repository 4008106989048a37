"""Real processes of the server under test: start, stop, and the rate of a paced server."""

import asyncio
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from sklearn.datasets import load_digits

from service.pace import CATCH_UP_S, Pace
from service.train import train

ROOT = Path(__file__).resolve().parents[2]
PACE = Pace.of(140, 0.05)
REQUEST = b"GET /predict HTTP/1.1\r\nHost: paced\r\n\r\n"
CONNECTIONS = 400
AHEAD = 8  # requests sent ahead on each connection, so no slot is idle while this process waits for a CPU


def test_a_server_process_starts_fast_and_stops_gracefully(tmp_path: Path) -> None:
    """Runs uvicorn as the image does, with two workers that share their counters."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service.app:create_app", "--factory", "--port", str(port)]
    train(tmp_path / "digits.onnx")
    counts = tmp_path / "counts"
    counts.mkdir()
    model = {"SERVICE_MODEL_PATH": str(tmp_path / "digits.onnx")}
    environ = {**os.environ, **model, "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    with subprocess.Popen([*command, "--workers", "2", "--loop", "asyncio"], cwd=ROOT, env=environ) as server:
        url = f"http://127.0.0.1:{port}"
        for _ in range(150):
            try:
                if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        for number in range(20):
            body = {"image": load_digits().data[number].tolist()}
            answer = httpx.post(f"{url}/predict", json=body, headers={"X-Study-Trial": "real"}, trust_env=False)
            assert answer.status_code == 200
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
    assert 'ml_requests_total{status="200",trial="real"} 20.0' in metrics


class Users:
    """Connections that send their requests ahead of the responses, without think time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._served = 0
        self.all_served = asyncio.Event()
        self.correct: list[float] = []  # when each correct response was read
        self.ended = False

    async def run(self) -> None:
        await asyncio.gather(*(self._user() for _ in range(CONNECTIONS)))

    async def _user(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(REQUEST * AHEAD)
        for number in itertools.count():
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length
            await reader.readexactly(int(length[1]))
            if head.startswith(b"HTTP/1.1 200"):
                self.correct.append(time.monotonic())
            self._served += number == 0
            if self._served == CONNECTIONS:
                self.all_served.set()
            if self.ended:
                break
            writer.write(REQUEST)
        writer.close()


async def slots_at(port: int, moment: float) -> tuple[dict[str, float], float]:
    """Return the slots' sums at a moment, and the delay of this process in seconds while others used the CPU."""
    await asyncio.sleep(moment - time.monotonic())
    late_s = time.monotonic() - moment
    async with httpx.AsyncClient(trust_env=False) as client:
        return slots((await client.get(f"http://127.0.0.1:{port}/metrics")).text), late_s


async def stop_now_and_then(pid: int, until: float) -> int:
    chance, stops = random.Random(2), 0  # noqa: S311 - no secret
    while time.monotonic() < until - 2:
        await asyncio.sleep(chance.uniform(1, 3))
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGCONT)
        stops += 1
    return stops


def slots(text: str) -> dict[str, float]:
    return {state: float(value) for state, value in re.findall(r'ml_slot_seconds_total{state="(\w+)"} (\S+)', text)}


@pytest.mark.parametrize(("duration_s", "within"), [(10.0, 0.02), pytest.param(60.0, 0.005, marks=pytest.mark.long)])
def test_the_capacity_is_exact_despite_other_load_and_interruptions(duration_s: float, within: float) -> None:
    """Time without CPU beyond the catch-up time counts as lost."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service.calibration:create_app", "--factory", "--port", str(port)]
    environ = {**os.environ, "SERVICE_RATE": "140/s", "SERVICE_TIME": "50ms"}
    spin = "while True: pass" if duration_s > 30 else ""
    with (
        subprocess.Popen([sys.executable, "-c", spin]) as neighbour,
        subprocess.Popen([*command, "--loop", "asyncio", "--no-access-log"], cwd=ROOT, env=environ) as server,
    ):
        try:
            for _ in range(300):
                try:
                    httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            httpx.get(f"http://127.0.0.1:{port}/predict", trust_env=False)  # the slots start with the first request

            async def measure() -> tuple[int, int, tuple[dict[str, float], float], tuple[dict[str, float], float]]:
                users = Users(port)
                async with asyncio.TaskGroup() as group:
                    group.create_task(users.run())
                    await users.all_served.wait()
                    since = time.monotonic() + 0.5
                    until = since + duration_s
                    stops, first, last = await asyncio.gather(
                        stop_now_and_then(server.pid, until), slots_at(port, since), slots_at(port, until)
                    )
                    users.ended = True
                return sum(since <= read < until for read in users.correct), stops, first, last

            answered, stops, (before, late_at_start_s), (after, late_at_end_s) = asyncio.run(measure())
        finally:
            neighbour.kill()
            server.kill()
    lost = (after["lost"] - before["lost"]) / PACE.service_s
    assert stops >= 2
    # A response on the wrong side of a bound of the window: the server may be late by the catch-up time without losing
    # capacity, and this process may read it late.
    expected, slack = PACE.rate_per_s * duration_s, PACE.rate_per_s * (within * duration_s + CATCH_UP_S)
    least, most = (PACE.rate_per_s * late_s for late_s in (late_at_end_s, late_at_start_s))
    assert expected - slack - least <= answered + lost <= expected + slack + most

"""A paced server has exactly the capacity it says, on any machine and beside any neighbour."""

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

from service.pace import CATCH_UP_S, Pace, Slots

ROOT = Path(__file__).resolve().parents[3]
PACE = Pace.of(140, 0.05)
REQUEST = b"GET /predict HTTP/1.1\r\nHost: paced\r\n\r\n"
CONNECTIONS, SECONDS = 60, 60.0


def saturated(wakes: list[float], waiting: int = 100) -> tuple[Slots[int], list[int]]:
    """Slots before which `waiting` requests always stand, and how many had ended by each of `wakes`."""
    slots: Slots[int] = Slots(PACE, 0.0)
    for number in range(waiting):
        slots.reserve(0.0, number)
    ended = []
    for now in wakes:
        gone = slots.due(now)
        ended.append(len(gone))
        for number in gone:
            slots.reserve(now, number)
    return slots, list(itertools.accumulate(ended))


def test_whole_slots_give_exactly_the_rate() -> None:
    for rate, service_s in ((140.0, 0.05), (93.333, 0.05), (3.0, 0.05), (200.0, 0.1)):
        assert Pace.of(rate, service_s).rate_per_s == pytest.approx(rate)


def test_answers_come_evenly_and_as_many_as_the_capacity() -> None:
    _, ended = saturated([second / 1000 for second in range(1, 60_001)])
    assert ended[-1] == pytest.approx(60 * 140, abs=PACE.count)
    every_second = [b - a for a, b in itertools.pairwise([0, *ended[999::1000]])]
    assert set(every_second[1:]) <= {139, 140, 141}


def test_wakes_that_are_late_by_less_than_the_catch_up_lose_nothing() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    wakes = list(itertools.accumulate(chance.uniform(0.001, CATCH_UP_S) for _ in range(500)))
    slots, ended = saturated(wakes)
    assert slots.tally.lost == 0
    assert ended[-1] == pytest.approx(wakes[-1] * 140, abs=CATCH_UP_S * 140 + PACE.count)


def test_a_server_that_slept_for_seconds_does_not_answer_their_backlog_at_once() -> None:
    wakes = [*(ms / 1000 for ms in range(1, 5000)), *(7 + ms / 1000 for ms in range(3000))]
    slots, ended = saturated(wakes, waiting=1000)
    at_once = ended[4999] - ended[4998]
    assert at_once == pytest.approx(CATCH_UP_S * 140, abs=2)
    assert slots.tally.lost == pytest.approx((2.0 - CATCH_UP_S) * PACE.count, abs=0.1)
    assert slots.tally.busy + slots.tally.lost == pytest.approx(slots.tally.offered, rel=0.01)


def test_idle_slots_give_no_credit() -> None:
    slots: Slots[int] = Slots(PACE, 0.0)
    slots.reserve(0.0, 0)
    assert slots.due(0.1) == [0]
    for number in range(14):  # after a minute without work
        slots.reserve(60.0, number)
    assert slots.due(60.049) == []
    assert len(slots.due(60.051)) == 7
    assert len(slots.due(60.101)) == 7


def test_a_frozen_idle_server_is_late_only_with_what_it_had_begun() -> None:
    slots: Slots[int] = Slots(PACE, 0.0)
    slots.reserve(0.0, 0)
    slots.reserve(3.0, 1)  # frozen for 3 s, then it reads what came meanwhile before it answers
    assert slots.due(3.0) == [0]
    assert slots.due(3.051) == [1]


async def drive(port: int, until: float) -> int:
    """Closed-loop connections without think time; returns the number of right answers."""

    async def user() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        right = 0
        while time.monotonic() < until:
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length
            await reader.readexactly(int(length[1]))
            right += head.startswith(b"HTTP/1.1 200") and time.monotonic() < until
        writer.close()
        return right

    return sum(await asyncio.gather(*(user() for _ in range(CONNECTIONS))))


async def stop_now_and_then(pid: int, until: float) -> int:
    chance, stops = random.Random(2), 0  # noqa: S311 - no secret
    while time.monotonic() < until - 2:
        await asyncio.sleep(chance.uniform(1, 3))
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGCONT)
        stops += 1
    return stops


def slots_of(port: int) -> dict[str, float]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return {state: float(value) for state, value in re.findall(r'ml_slot_seconds_total{state="(\w+)"} (\S+)', text)}


def test_the_capacity_holds_for_a_minute_beside_a_spinning_neighbour_and_stopped_now_and_then() -> None:
    """Within 0.5 % of the capacity; what this machine itself withheld for longer than may be caught up is told."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service.calibration:create_app", "--factory", "--port", str(port)]
    environ = {**os.environ, "SERVICE_RATE": "140/s", "SERVICE_TIME": "50ms"}
    with (
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) as neighbour,
        subprocess.Popen([*command, "--loop", "asyncio", "--no-access-log"], cwd=ROOT, env=environ) as server,
    ):
        try:
            for _ in range(300):
                try:
                    httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            httpx.get(f"http://127.0.0.1:{port}/predict", trust_env=False)  # the slots begin with the first request
            before, until = slots_of(port), time.monotonic() + SECONDS

            async def both() -> tuple[int, int]:
                driven, stops = await asyncio.gather(drive(port, until), stop_now_and_then(server.pid, until))
                return driven, stops

            answered, stops = asyncio.run(both())
            after = slots_of(port)
        finally:
            neighbour.kill()
            server.kill()
    lost = (after["lost"] - before["lost"]) / PACE.service_s
    assert stops > 15
    assert answered + lost == pytest.approx(140 * SECONDS, rel=0.005)

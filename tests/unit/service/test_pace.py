"""A paced server has exactly its set capacity, on any machine and with any other load."""

import itertools
import random

import pytest

from service.pace import CATCH_UP_S, Pace, Slots

PACE = Pace.of(140, 0.05)


def saturated(wakes: list[float], waiting: int = 100) -> tuple[Slots[int], list[int]]:
    """Keep `waiting` requests queued; return the slots, and how many requests have ended at each of `wakes`."""
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


def test_a_whole_number_of_slots_gives_exactly_the_rate() -> None:
    for rate, service_s in ((140.0, 0.05), (93.333, 0.05), (3.0, 0.05), (200.0, 0.1)):
        assert Pace.of(rate, service_s).rate_per_s == pytest.approx(rate)


def test_responses_are_evenly_spaced_at_the_capacity() -> None:
    _, ended = saturated([second / 1000 for second in range(1, 60_001)])
    assert ended[-1] == pytest.approx(60 * 140, abs=PACE.count)
    every_second = [b - a for a, b in itertools.pairwise([0, *ended[999::1000]])]
    assert set(every_second[1:]) <= {139, 140, 141}


def test_wake_ups_late_by_less_than_the_catch_up_time_lose_no_capacity() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    wakes = list(itertools.accumulate(chance.uniform(0.001, CATCH_UP_S) for _ in range(500)))
    slots, ended = saturated(wakes)
    assert slots.tally.lost == 0
    assert ended[-1] == pytest.approx(wakes[-1] * 140, abs=CATCH_UP_S * 140 + PACE.count)


def test_a_server_that_slept_for_seconds_does_not_serve_its_backlog_at_once() -> None:
    wakes = [*(ms / 1000 for ms in range(1, 5000)), *(7 + ms / 1000 for ms in range(3000))]
    slots, ended = saturated(wakes, waiting=1000)
    at_once = ended[4999] - ended[4998]
    assert at_once == pytest.approx(CATCH_UP_S * 140, abs=2)
    assert slots.tally.lost == pytest.approx((2.0 - CATCH_UP_S) * PACE.count, abs=0.1)
    assert slots.tally.busy + slots.tally.lost == pytest.approx(slots.tally.offered, rel=0.01)


def test_idle_slots_gain_no_capacity() -> None:
    slots: Slots[int] = Slots(PACE, 0.0)
    slots.reserve(0.0, 0)
    assert slots.due(0.1) == [0]
    for number in range(14):  # after a minute without work
        slots.reserve(60.0, number)
    assert slots.due(60.049) == []
    assert len(slots.due(60.051)) == 7
    assert len(slots.due(60.101)) == 7


def test_a_frozen_idle_server_is_late_only_for_requests_in_progress() -> None:
    slots: Slots[int] = Slots(PACE, 0.0)
    slots.reserve(0.0, 0)
    slots.reserve(3.0, 1)  # frozen for 3 s; then it reads new requests before it responds
    assert slots.due(3.0) == [0]
    assert slots.due(3.051) == [1]

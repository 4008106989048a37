"""What known servers carry: against closed formulas, and against the lab's own slots event by event."""

import itertools
import math

import numpy as np
import pytest

from harness.summarise.statistics import queueing
from service.pace import Pace, Slots


@pytest.mark.parametrize("load", [0.3, 0.9, 0.99])
def test_one_slot_waits_as_the_queue_with_a_known_formula(load: float) -> None:
    """M/D/1: P(W ≤ x) = (1 − ρ)·e^(ρx) for x below one service time; Erlang 1909."""
    assert queueing.paced_over(load, 1, 1.0, 1.0) == pytest.approx(load)
    assert queueing.paced_over(load, 1, 1.0, 1.5) == pytest.approx(1 - (1 - load) * math.exp(0.5 * load))


def answered_late(servers: int, rate: float, within_s: float, requests: int = 40_000) -> float:
    """Share of requests that took longer, played with the slots of the lab's servers, who take turns."""
    pace = Pace.of(140.0, 0.05)
    slots = [Slots[float](pace, 0.0) for _ in range(servers)]
    arrivals = np.cumsum(np.random.default_rng(servers).exponential(1 / rate, requests)).tolist()
    late = 0
    for arrival, server in zip(arrivals, itertools.cycle(slots), strict=False):
        server.due(arrival)
        server.reserve(arrival, arrival)
        late += server._waiting[-1][0] - arrival > within_s
    return late / requests


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_the_capacity_of_paced_servers_is_that_of_the_labs_own_slots(servers: int) -> None:
    capacity = queueing.paced_capacity(servers, 7, 0.05, 0.12)
    assert (
        answered_late(servers, 0.97 * capacity, 0.12) < queueing.SHARE < answered_late(servers, 1.03 * capacity, 0.12)
    )


def test_servers_that_take_turns_lose_nothing_against_one_line_only_where_service_is_constant() -> None:
    assert queueing.paced_capacity(3, 7, 0.05, 0.1) == queueing.paced_capacity(1, 21, 0.05, 0.1)
    # One line of exponential servers carries more than as many lines, each with its share of the arrivals.
    assert queueing.exponential_capacity(3, 1.0, 6.0) > 3 * queueing.exponential_capacity(1, 1.0, 6.0)


def test_more_states_change_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    before = queueing.paced_over(19.8 * 7, 7, 0.05, 0.4)
    monkeypatch.setattr(queueing, "STATES", 30)
    assert queueing.paced_over(19.8 * 7, 7, 0.05, 0.4) == pytest.approx(before, rel=1e-9)


def test_an_overloaded_or_too_slow_server_is_over_always() -> None:
    assert queueing.paced_over(141.0, 7, 0.05, 5.0) == 1
    assert queueing.paced_over(1.0, 7, 0.05, 0.049) == 1
    assert queueing.paced_capacity(2, 7, 0.05, 0.049) == 0
    assert queueing.exponential_over(21.0, 1, 0.05, 9.0) == 1


def test_a_long_wait_leaves_nearly_all_of_the_rate() -> None:
    assert 0.99 < queueing.paced_capacity(1, 1, 1.0, 200.0) < 1


def test_exponential_service_has_erlangs_formulas() -> None:
    assert queueing.erlang_c(2.0, 3) == pytest.approx(4 / 9)
    assert queueing.exponential_over(0.6, 1, 1.0, 3.0) == pytest.approx(math.exp(-0.4 * 3))
    assert queueing.exponential_capacity(1, 1.0, 5.0) == pytest.approx(1 - math.log(20) / 5, abs=1e-5)
    near = [queueing.exponential_over(rate, 2, 1.0, 2.0) for rate in (1 - 1e-6, 1.0, 1 + 1e-6)]
    assert near == sorted(near)
    assert near[2] == pytest.approx(near[0], rel=1e-4)  # where both rates are the same the formula has another form
    assert queueing.exponential_capacity(4, 1.0, 2.0) == 0  # 13 % take longer by themselves

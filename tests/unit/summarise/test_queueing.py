"""The capacity of paced servers: against closed formulas, and against the lab's own slots event by event."""

import itertools
import math

import numpy as np
import pytest

from harness.summarise.statistics import queueing
from service.pace import Pace, Slots


def erlang_c(erlangs: float, servers: int) -> float:
    """Share of requests that wait in the queue M/M/c, for an offered load of `erlangs` below `servers`.

    By Erlang's recursion for B: A. K. Erlang, "Solution of some Problems in the Theory of Probabilities of Significance
    in Automatic Telephone Exchanges" (1917); C = c·B / (c − a·(1 − B)).
    """
    if erlangs >= servers:
        return 1.0
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = erlangs * blocked / (count + erlangs * blocked)
    return servers * blocked / (servers - erlangs * (1 - blocked))


def exponential_over(rate_per_s: float, servers: int, service_s: float, within_s: float) -> float:
    """Share of the requests of M/M/c that take longer than `within_s`: service exponential of mean `service_s`.

    P(R > t) is that of the service time plus a wait that is 0 with 1 − C and else exponential of rate c/s − λ: Gross,
    Shortle, Thompson and Harris, "Fundamentals of Queueing Theory" (2008), section 2.3.
    """
    leaves, spare = 1 / service_s, servers / service_s - rate_per_s
    if spare <= 0:
        return 1.0
    waits = erlang_c(rate_per_s * service_s, servers)
    served, waited = math.exp(-leaves * within_s), math.exp(-spare * within_s)
    if math.isclose(spare, leaves, rel_tol=1e-9):
        both = (1 + leaves * within_s) * served
    else:
        both = (spare * served - leaves * waited) / (spare - leaves)
    return (1 - waits) * served + waits * both


def exponential_capacity(servers: int, service_s: float, within_s: float, share: float = queueing.SHARE) -> float:
    """The largest Poisson load of M/M/c, in requests per second, of which at most `share` take longer; else 0."""
    return queueing.largest_load(
        lambda rate: exponential_over(rate, servers, service_s, within_s), servers / service_s, share
    )


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
    # One line of exponential servers sustains more than as many lines, each with its share of the arrivals.
    assert exponential_capacity(3, 1.0, 6.0) > 3 * exponential_capacity(1, 1.0, 6.0)


def test_more_states_change_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    before = queueing.paced_over(19.8 * 7, 7, 0.05, 0.4)
    monkeypatch.setattr(queueing, "STATES", 30)
    assert queueing.paced_over(19.8 * 7, 7, 0.05, 0.4) == pytest.approx(before, rel=1e-9)


def test_an_overloaded_or_too_slow_server_is_over_always() -> None:
    assert queueing.paced_over(141.0, 7, 0.05, 5.0) == 1
    assert queueing.paced_over(1.0, 7, 0.05, 0.049) == 1
    assert queueing.paced_capacity(2, 7, 0.05, 0.049) == 0
    assert exponential_over(21.0, 1, 0.05, 9.0) == 1


def test_a_long_wait_leaves_nearly_all_of_the_rate() -> None:
    assert 0.99 < queueing.paced_capacity(1, 1, 1.0, 200.0) < 1


def test_exponential_service_has_erlangs_formulas() -> None:
    assert erlang_c(2.0, 3) == pytest.approx(4 / 9)
    assert exponential_over(0.6, 1, 1.0, 3.0) == pytest.approx(math.exp(-0.4 * 3))
    assert exponential_capacity(1, 1.0, 5.0) == pytest.approx(1 - math.log(20) / 5, abs=1e-5)
    near = [exponential_over(rate, 2, 1.0, 2.0) for rate in (1 - 1e-6, 1.0, 1 + 1e-6)]
    assert near == sorted(near)
    assert near[2] == pytest.approx(near[0], rel=1e-4)  # where both rates are the same the formula has another form
    assert exponential_capacity(4, 1.0, 2.0) == 0  # 13 % take longer by themselves

"""Is what `python -m benchmarks.truth` simulates a closed loop? Against formulas, and event by event."""

import itertools
import math
import random

import numpy as np
import pytest

from benchmarks.truth import parts
from benchmarks.truth.loop import Setup, run
from benchmarks.truth.pace import Pace, Server, combined
from benchmarks.truth.study import one, true_bottleneck
from benchmarks.truth.world import Scenario, works
from harness.records.trial import Component

STEADY = Pace([(0.0, 1.0)])


def test_a_pace_is_the_work_that_can_be_done_until_a_moment_and_back() -> None:
    pace = Pace([(-10.0, 1.0), (5.0, 0.0), (7.0, 0.5)])
    assert [pace.work(at) for at in (-10.0, 0.0, 5.0, 6.0, 7.0, 9.0)] == [0.0, 10.0, 15.0, 15.0, 15.0, 16.0]
    assert [pace.when(work) for work in (10.0, 15.0, 16.0)] == [0.0, 5.0, 9.0]
    assert pace.stalls == [(5.0, 7.0)]
    both = combined([pace, Pace([(-10.0, 2.0), (6.0, 3.0)])])
    assert both.steps == [(-10.0, 2.0), (5.0, 0.0), (6.0, 0.0), (7.0, 1.5)]


def test_a_server_has_one_queue_for_its_workers() -> None:
    server = Server(STEADY, workers=2)
    answered = [server.take(at, 1.0, 9.0, drops=False) for at in (0.0, 0.1, 0.2, 0.3, 5.0)]
    assert answered == pytest.approx([1.0, 1.1, 2.0, 2.1, 6.0])
    # Both compute until second 1, from then on until 2.1 one or two of them.
    assert server.cpu_share(np.arange(7.0)).tolist() == pytest.approx([0.95, 1.0, 0.05, 0, 0, 0.5])
    busy_s, answers = server.in_window(0.5, 2.05)
    assert answers == 3
    assert busy_s == pytest.approx(3.05)


def test_a_request_that_nobody_waits_for_costs_nothing_only_where_it_is_dropped() -> None:
    for drops, end in ((True, 3.0), (False, 4.0)):
        server = Server(STEADY, workers=1)
        first = [server.take(0.0, 1.0, 1.5, drops=drops) for _ in range(3)]
        assert first == [1.0, 2.0, math.inf if drops else 3.0]
        assert server.take(1.5, 1.0, 1.5, drops=drops) == end


def test_in_a_stall_a_server_is_busy_and_computes_nothing() -> None:
    server = Server(Pace([(0.0, 1.0), (1.0, 0.0), (3.0, 1.0)]), workers=1)
    assert server.take(0.5, 1.0, 9.0, drops=False) == 3.5
    assert server.cpu_share(np.arange(5.0)).tolist() == pytest.approx([0.5, 0, 0, 0.5])


def test_rates_are_those_of_the_formula_for_machines_that_are_repaired() -> None:
    """N machines that run for Z on average and wait for one of c exponential repairs: known exactly, whatever runs."""
    users, think_s, workers, service_s = 40, 2.0, 2, 0.1  # at the knee: neither bound is near the rate
    weights, weight = [], 1.0
    for n in range(users + 1):
        weights.append(weight)
        weight *= (users - n) / think_s * service_s / min(n + 1, workers)
    rate = sum(w * min(n, workers) for n, w in enumerate(weights)) / service_s / sum(weights)
    setup = Setup(think_s=think_s, workers=workers, service_s=service_s, path_s=0.0, duration_s=600.0)
    recorder = parts.recorder(20.0, 600.0, 40.0)
    work = works("exponential", service_s, 20_000, np.random.default_rng(1)).tolist()
    server = Server(STEADY, workers)
    seen = run(setup, users, [server], itertools.cycle(work), random.Random(1), [], recorder)  # noqa: S311 - a reproducible load, no secret
    rows = parts.load_result(recorder, seen.over_at).samples or []
    found = sum(row.completed for row in rows if 20 <= row.t_s < 600) / 580
    assert found == pytest.approx(rate, rel=0.015)
    assert rate < 0.93 * min(workers / service_s, users / (think_s + service_s))


def test_nothing_is_sent_or_stamped_while_the_generator_is_frozen() -> None:
    setup = Setup(users=(100,))
    recorder = parts.recorder(7.0, 17.0, 40.0)
    servers = [Server(STEADY, 2) for _ in range(3)]
    seen = run(setup, 100, servers, itertools.repeat(0.1), random.Random(2), [(9.0, 11.0)], recorder)  # noqa: S311 - a reproducible load, no secret
    rows = parts.load_result(recorder, seen.over_at).samples or []
    assert not [at for at in seen.processed if 9.0 < at < 11.0]
    assert [row.completed for row in rows[9:11]] == [0, 0]
    assert len([at for at in seen.processed if at == 11.0]) > 50  # everybody who should have woken meanwhile
    assert max(row.lag_ms or 0.0 for row in rows) == pytest.approx(2000, abs=60)
    for row in rows[7:9]:  # everybody is in one place
        assert (row.in_flight or 0) + (row.thinking or 0) == pytest.approx(100, abs=0.01)
    assert (rows[10].in_flight or 0) + (rows[10].thinking or 0) < 60


def test_a_study_is_the_same_one_whenever_it_is_simulated() -> None:
    scenario = Scenario(name="twice", noise=0.05, stalls=0.5, frozen=0.5)
    first, second = one(scenario, 3), one(scenario, 3)
    assert first[1] == second[1]
    assert one(scenario, 4)[1] != first[1]


def test_the_true_bottleneck_is_defined_only_if_it_is_clear() -> None:
    scenario = Scenario(name="", setup=Setup(users=(60, 180)))
    limits = [true_bottleneck(scenario, servers, users) for users in (60, 180) for servers in (1, 2, 3)]
    assert limits == [
        Component.SERVER,
        Component.LOAD,
        Component.LOAD,
        Component.SERVER,
        Component.SERVER,
        Component.SERVER,
    ]
    assert true_bottleneck(scenario, 3, 125) == Component.UNKNOWN

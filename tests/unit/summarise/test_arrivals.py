"""Is what `benchmarks/truth/arrivals.py` simulates an open load? Against formulas and direct counts."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.capacity.trial import Servers, counted_capacity, trial, truth
from benchmarks.truth.arrivals import Balancing, Every, Killed, ServiceModel, simulate
from benchmarks.truth.queues import Clock, clock, ends, ends_of, ends_of_slots, least_connections, served
from harness.summarise.statistics import queueing

STEADY = clock(100.0)


def test_a_clock_is_the_work_that_can_be_done_until_a_moment_and_back() -> None:
    paused = clock(20.0, 2.0, pause=(1.0, 5.0, 3.0))
    at_s = np.array([0.0, 2.5, 3.5, 4.5, 8.5, 9.5, 100.0])
    assert paused.work(at_s)[:6].tolist() == pytest.approx([0.0, 5.0, 6.0, 7.0, 14.0, 15.0])
    running = [0, 1, 3, 5, 6]  # not in a pause
    assert paused.when(paused.work(at_s))[running].tolist() == pytest.approx(at_s[running].tolist())
    warming = clock(20.0, 1.0, warm_up_s=8.0)
    assert float(warming.work(np.array([8.0]))[0]) == pytest.approx(6.0)
    assert float(warming.when(np.array([7.0]))[0]) == pytest.approx(9.0)


def test_all_recursions_are_the_same_queue() -> None:
    arrivals = np.cumsum(np.random.default_rng(3).exponential(1 / 130, 2000))
    works = np.full(2000, 0.05)
    assert ends_of_slots(arrivals, works, 7).tolist() == pytest.approx(ends(arrivals, 7, 0.05).tolist())
    works = np.random.default_rng(4).exponential(0.007, 2000)
    assert ends_of_slots(arrivals, works, 1).tolist() == pytest.approx(ends_of(arrivals, works).tolist())
    alone, server = least_connections(arrivals, works, 1, [STEADY])
    assert alone.tolist() == pytest.approx(ends_of(arrivals, works).tolist())
    assert set(server.tolist()) == {0}


def test_a_server_that_pauses_serves_nothing_meanwhile() -> None:
    paused = clock(20.0, pause=(1.0, 5.0, 3.0))
    for slots in (1, 2):
        found = served(np.array([2.5, 3.2, 6.0]), np.array([1.0, 0.1, 0.1]), slots, paused)
        assert found.tolist() == pytest.approx([4.5, 4.6 if slots == 1 else 4.1, 6.1])


def test_least_connections_goes_to_the_server_with_the_fewest_requests() -> None:
    arrivals, works = np.array([0.0, 0.1, 0.2, 0.3, 2.0]), np.array([1.0, 0.05, 1.0, 1.0, 1.0])
    found, server = least_connections(arrivals, works, 1, [STEADY, STEADY])
    assert server.tolist() == [0, 1, 1, 0, 1]
    assert found.tolist() == pytest.approx([1.0, 0.15, 1.2, 2.0, 3.0])
    slow: Clock = clock(100.0, pause=(1.0, 50.0, 0.0))
    assert least_connections(arrivals, works, 1, [STEADY, slow])[0][1] == pytest.approx(1.05)


@pytest.mark.parametrize("balancing", [Balancing.RANDOM, Balancing.ROUND_ROBIN])
def test_response_times_of_exponential_service_are_those_of_the_formula(balancing: Balancing) -> None:
    """M/M/1: exponential with rate µ − λ. Round robin over one server is the same queue."""
    servers = 3 if balancing == Balancing.RANDOM else 1
    model = ServiceModel(slots=1, service_s=0.01, exponential=True, balancing=balancing)
    seen = simulate(model, servers, 60.0 * servers, 5, 300_000 / (60.0 * servers))
    for within_s in (0.03, 0.075):
        assert seen.late(within_s).mean() == pytest.approx(math.exp(-40 * within_s), rel=0.06)


def test_many_slots_have_the_erlang_c_probability_to_wait() -> None:
    model = ServiceModel(slots=7, service_s=0.05, exponential=True)
    seen = simulate(model, 1, 112.0, 1, 2000.0)
    erlangs = 5.6
    terms = [erlangs**n / math.factorial(n) for n in range(8)]
    waits = terms[7] / (1 - erlangs / 7)
    expected_s = 0.05 + waits / (waits + sum(terms[:7])) * 0.05 / (7 - erlangs)
    assert seen.response_s.mean() == pytest.approx(expected_s, rel=0.02)


def test_a_request_that_hangs_is_failed_and_late_at_any_objective() -> None:
    seen = simulate(ServiceModel(hanging=0.06), 2, 100.0, 1, 500.0)
    hanging = np.isinf(seen.response_s)
    assert hanging.mean() == pytest.approx(0.06, abs=0.004)
    assert (seen.failed == hanging).all()
    assert seen.late(1e9).sum() == hanging.sum()


def test_a_generator_that_stalls_adds_its_delay_to_the_response_time() -> None:
    model = ServiceModel(stall=Every(length_s=0.08, every_s=1.0))
    seen = simulate(model, 1, 50.0, 1, 1000.0)
    assert (seen.delay_s > 0).mean() == pytest.approx(0.08, abs=0.01)
    assert seen.delay_s.max() <= 0.08
    assert (seen.response_s >= seen.delay_s).all()
    assert seen.late(0.1).mean() > 0.02
    assert simulate(replace(model, stall=None), 1, 50.0, 1, 1000.0).late(0.1).mean() < 0.001


def test_a_killed_server_fails_its_requests_and_then_gets_none() -> None:
    seen = simulate(ServiceModel(killed=Killed(at_s=10.0, noticed_s=2.0)), 2, 100.0, 1, 20.0)
    to_dead = seen.server == 0
    assert not seen.failed[seen.due_s < 9.5].any()
    assert seen.failed[to_dead & (seen.due_s > 10)].all()
    assert not to_dead[seen.due_s > 12].any()
    assert not seen.failed[~to_dead].any()
    with pytest.raises(ValueError, match="no other is left"):
        simulate(ServiceModel(killed=Killed(at_s=1.0)), 1, 10.0, 1, 5.0)


def test_a_cold_request_follows_a_gap_at_its_server() -> None:
    seen = simulate(ServiceModel(cold_after_s=0.2, cold_s=0.25), 1, 5.0, 1, 2000.0)
    assert (seen.response_s > 0.29).mean() == pytest.approx(math.exp(-5 * 0.2), abs=0.02)


def test_a_long_count_has_the_capacity_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.capacity.trial.MANY", 200_000)
    exact = queueing.paced_capacity(2, 7, 0.05, 0.2)
    assert counted_capacity(Servers(), ((1.0, 1.0),)) == pytest.approx(exact, rel=0.01)
    assert counted_capacity(Servers(hanging=0.06), ((1.0, 1.0),)) == 0
    # Below 15 requests/s of one server more than 5 % follow a long gap: the largest load that is met counts.
    worse_below = Servers(cold_after_s=0.2, cold_s=0.25)
    assert counted_capacity(worse_below, ((1.0,),)) == pytest.approx(queueing.paced_capacity(1, 7, 0.05, 0.2), rel=0.02)


def test_the_truth_of_noisy_trials_is_that_of_all_their_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the trials at half the speed: they alone are over, so they decide."""
    monkeypatch.setattr("benchmarks.capacity.trial.MANY", 400_000)
    slow, alone = queueing.paced_capacity(1, 7, 0.1, 0.2, share=0.2), queueing.paced_capacity(1, 7, 0.1, 0.2)
    speeds = (0.5, 1.0, 1.0, 1.0)
    assert truth(Servers(), 1, speeds) == pytest.approx(slow, rel=1e-4)
    assert counted_capacity(Servers(), ((0.5,), (1.0,), (1.0,), (1.0,))) == pytest.approx(slow, rel=0.02)
    assert slow > alone


def test_a_trial_counts_by_due_second_what_it_counts_in_total() -> None:
    found = trial(Servers(hanging=0.01), 2, 300.0, 1.0, 1, np.random.default_rng(1))
    assert len(found.requests_by_s) == len(found.late_by_s) == 20
    assert found.requests_by_s.sum() == found.count.requests
    assert found.late_by_s.sum() == found.count.late >= found.count.failed > 0
    assert found.count.offered == pytest.approx(found.count.requests / 20)
    # Overloaded servers: what is due in the window counts, not what ended in it.
    overloaded = trial(Servers(), 1, 280.0, 1.0, 1, np.random.default_rng(1)).count
    assert overloaded.requests == pytest.approx(5600, rel=0.05)
    assert overloaded.late > 0.99 * overloaded.requests


def test_servers_that_differ_rotate_over_the_blocks() -> None:
    servers = Servers(speeds=(1.0, 1.0, 0.5))
    alone = [servers.taking_part(1, block)[0] for block in range(1, 7)]
    assert sorted(alone[:3]) == sorted(alone[3:]) == [0.5, 1.0, 1.0]
    assert servers.taking_part(2, 0) == servers.taking_part(2, 1)


def test_the_truth_of_disturbed_trials_is_that_of_warm_servers_and_a_punctual_generator() -> None:
    disturbed = Servers(warm_up_s=8.0, stall=Every(length_s=0.08, every_s=1.0))
    assert truth(disturbed, 3) == truth(Servers(), 3)

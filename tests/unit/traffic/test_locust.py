"""The traffic engine's own counting (roles/locust/files/image), without Locust."""

import heapq
import importlib.util
import itertools
import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from harness.records.histogram import highest_of, index_of

IMAGE = Path(__file__).resolve().parents[3] / "roles" / "locust" / "files" / "image"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, IMAGE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # merging imports recorder by this name, as inside the image
    spec.loader.exec_module(module)
    return module


recorder, merging, arrivals = load("recorder"), load("merging"), load("arrivals")


def test_a_second_counts_what_ended_in_it_and_how_many_were_in_flight() -> None:
    seen = recorder.Recorder(0, 10)
    seen.sent(0.5)
    seen.sent(0.75)
    seen.answered(1.5, 1.0, "")
    seen.answered(2.25, 1.5, "timeout")
    rows = seen.take(3.0, last=True)["rows"]
    assert [rows[k]["completed"] for k in ("0", "1", "2")] == [0, 1, 0]
    assert rows["2"]["failed"] == 1
    assert [rows[k]["in_flight_s"] for k in ("0", "1", "2")] == pytest.approx([0.75, 1.5, 0.25])


def test_failures_have_no_latency_and_no_throughput() -> None:
    seen = recorder.Recorder(0, 10)
    for _ in range(3):
        seen.sent(0.1)
    seen.answered(0.2, 0.1, "")
    seen.answered(0.2, 0.1, "status 500")
    seen.abort_rest(0.9)
    report = seen.take(1.0, last=True)
    assert report["errors"] == {"status 500": 1, "aborted": 1}
    assert report["latencies"] == {"99968": 1}  # 0.1 s to three digits


def test_a_failure_counts_as_having_waited_as_long_as_anybody_may() -> None:
    """Whether it came at once or took longer than the timeout: else a service that refuses would look fast."""
    seen = recorder.Recorder(0, 10, 2.0)
    for took_s, error in ((0.1, ""), (0.1, "status 503"), (2.5, "timeout")):
        seen.sent(0.1)
        seen.answered(5.0, took_s, error)
    report = seen.take(11, last=True)
    assert report["latencies"] == {str(recorder.told_apart(100_000)): 1}
    assert report["failures"] == {str(recorder.told_apart(2_000_000)): 1, str(recorder.told_apart(2_500_000)): 1}


def test_the_rest_of_a_think_time_is_that_of_somebody_who_is_met_at_any_moment() -> None:
    """Against draws of the renewal process itself: its moments, and that nobody has more than the longest left."""
    random = Random(3)  # noqa: S311 - no secret
    mine = [recorder.residual_s(4.0, random.random(), random.random()) for _ in range(20_000)]
    met = []
    for _ in range(20_000):
        at, moment = 0.0, random.uniform(400, 800)
        while at <= moment:
            at += random.uniform(2, 6)
        met.append(at - moment)
    assert min(mine) >= 0
    assert max(mine) <= 6
    for power in (1, 2):
        assert sum(x**power for x in mine) == pytest.approx(sum(x**power for x in met), rel=0.02)


@pytest.mark.parametrize("residual", [True, False])
def test_long_think_times_ask_for_what_they_should_from_the_first_window_on(residual: bool) -> None:
    """Z = 20 s, ramp-up 5 s, 35 s: users who all begin with a request ask for 15 % too much in the window."""
    random = Random(5)  # noqa: S311 - no secret
    sent = 0
    for _ in range(20_000):
        at = random.uniform(0, 5)
        at += recorder.residual_s(20.0, random.random(), random.random()) if residual else 0.0
        while at < 35:
            sent += at >= 25
            at += 0.05 + random.uniform(10, 30)
    asked = sent / 10 / (20_000 / 20.05)
    assert (0.98 < asked < 1.02) if residual else abs(asked - 1) > 0.10


def test_latencies_are_counted_as_the_histogram_counts_them() -> None:
    """What is told apart in the image is what is told apart in latency.hgrm, so nothing is lost on the way."""
    for value in {int(1.01**k) for k in range(2000)} | set(range(1, 5000)):
        told = recorder.told_apart(value)
        assert index_of(told) == index_of(value)
        assert told == 1 or highest_of(index_of(told) - 1) == told - 1


def test_only_the_steady_window_goes_into_the_latencies() -> None:
    seen = recorder.Recorder(5, 10)
    for at in (4.9, 5.0, 9.9, 10.0):
        seen.sent(at - 0.1)
        seen.answered(at, 0.1, "")
    assert sum(seen.take(11, last=True)["latencies"].values()) == 2


def test_a_second_is_handed_over_once_and_only_when_it_is_complete() -> None:
    seen = recorder.Recorder(0, 10)
    seen.thinks(0.5, 1.0)
    seen.thinks(1.5, 1.0)
    assert list(seen.take(1.7, last=False)["rows"]) == ["0"]
    assert list(seen.take(2.7, last=False)["rows"]) == ["1"]


def test_users_think_until_the_time_that_was_drawn_and_not_beyond_the_load() -> None:
    seen = recorder.Recorder(0, 4)
    seen.thinks(0.5, 2.0)
    seen.thinks(3.5, 9.0)
    rows = seen.take(4.0, last=True)["rows"]
    assert [rows[k]["thinking_s"] for k in ("0", "1", "2", "3")] == pytest.approx([0.5, 1.0, 0.5, 0.5])
    stopped = recorder.Recorder(0, 20)
    stopped.thinks(2.5, 9.0)
    assert list(stopped.take(3.2, last=True)["rows"]) == ["2", "3"], "a load that ends early has no seconds to come"


def closed_loop(users: int, capacity: float, stall: tuple[float, float], late_s: float = 0.0) -> tuple[float, float]:
    """H by counting and h by X·Z over 5–15 s, of a closed loop whose one server stops from one time to another."""
    random = Random(7)  # noqa: S311 - no secret
    seen = recorder.Recorder(5, 16)
    arrivals = [(random.uniform(0, 2), n) for n in range(users)]
    heapq.heapify(arrivals)
    events: list[tuple[float, int, float]] = []  # time, 0 sent or 1 answered, drawn think time
    free = 0.0
    while arrivals[0][0] < 16:
        at, n = heapq.heappop(arrivals)
        begin = max(at, free)
        if stall[0] <= begin < stall[1]:
            begin = stall[1]
        free = done = begin + 1 / capacity
        think = random.uniform(1, 3)
        events += [(at, 0, 0.0), (done, 1, think)]
        heapq.heappush(arrivals, (done + think + late_s, n))
    for at, kind, think in sorted(events):
        if kind == 0:
            seen.sent(at)
        elif at < 16:
            seen.answered(at, 0.1, "")
            seen.thinks(at, think)
    rows = seen.take(16.0, last=True)["rows"]
    of: Any = {name: sum(rows[str(k)][name] for k in range(5, 15)) / 10 for name in rows["5"]}
    little = of["completed"] * of["think_s"] / of["thinks"]
    return (users - of["in_flight_s"] - of["thinking_s"]) / users, (users - of["in_flight_s"] - little) / users


@pytest.mark.parametrize("stall", [(99.0, 99.0), (3.8, 5.0), (4.5, 6.0), (9.0, 10.5), (13.5, 15.0), (14.2, 15.7)])
def test_a_server_that_stops_makes_no_user_late(stall: tuple[float, float]) -> None:
    counted, little = closed_loop(400, 250.0, stall)
    assert abs(counted) < 0.001
    if stall in ((3.8, 5.0), (13.5, 15.0)):
        assert abs(little) > 0.05, "Little's law over the window blames the generator for this"


def test_users_that_wake_late_are_found_whatever_the_server_does() -> None:
    for stall in ((99.0, 99.0), (4.5, 6.0)):
        counted, _ = closed_loop(400, 250.0, stall, late_s=0.2)
        assert counted == pytest.approx(0.07, abs=0.03)


def due(
    rate: float = 200.0, ramp_up_s: float = 2.0, process: str = "poisson", seed: str = "7/arrivals/1"
) -> list[float]:
    return list(arrivals.moments(rate, ramp_up_s, 22.0, process, seed))


def test_the_moments_of_an_open_load_are_its_seeds_whoever_asks() -> None:
    """Every topology of a block meets the same, and another rate the same draws on another scale."""
    assert due() == due()
    assert due() != due(seed="7/arrivals/2")
    slow = list(arrivals.moments(100.0, 4.0, 44.0, "poisson", "7/arrivals/1"))
    assert slow == pytest.approx([2 * at for at in due()])


def test_poisson_arrivals_are_as_many_as_asked_for_and_as_irregular() -> None:
    """Counts of a second have a variance as large as their mean; during the ramp-up there are half as many."""
    moments = list(arrivals.moments(200.0, 10.0, 1010.0, "poisson", "1"))
    counts = [0] * 1010
    for at in moments:
        counts[int(at)] += 1
    steady = counts[10:]
    mean = sum(steady) / len(steady)
    assert mean == pytest.approx(200, abs=2)
    assert sum((c - mean) ** 2 for c in steady) / len(steady) == pytest.approx(200, rel=0.2)
    assert sum(counts[:10]) == pytest.approx(1000, rel=0.1)
    assert sum(counts[:5]) == pytest.approx(250, rel=0.2)


def test_constant_arrivals_come_at_equal_distances_once_the_rate_is_reached() -> None:
    moments = [at for at in due(process="constant") if at > 2.0]
    assert len(moments) == 4000
    assert {round(b - a, 9) for a, b in itertools.pairwise(moments)} == {0.005}
    assert len(due(process="constant")) == 4200


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_parts_of_all_workers_are_the_process(workers: int) -> None:
    parts = [list(arrivals.of_worker(iter(due()), worker, workers)) for worker in range(workers)]
    assert sorted(itertools.chain(*parts)) == due()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_what_cannot_be_sent_yet_waits_and_its_wait_is_part_of_its_latency() -> None:
    seen = recorder.Recorder(0, 10, 2.0, open_load=True)
    offer = arrivals.Offer(iter([0.5, 0.6, 0.7, 5.0]), 1, seen)
    assert offer.settle(0.8) == 3
    first = offer.send(0.8)
    offer.answered(1.8, first, "")
    second = offer.send(1.8)
    offer.answered(2.6, second, "")
    offer.close(3.0)
    report = seen.take(3.5, last=True)
    rows = report["rows"]
    assert [rows["0"][name] for name in ("offered", "sent", "late")] == [3, 1, 2]
    assert rows["0"]["delay_s"] == pytest.approx(0.3)
    assert rows["1"]["delay_s"] == pytest.approx(1.2)
    assert rows["1"]["latency_s"] == pytest.approx(1.3), "from the moment at which it was due"
    assert rows["2"]["latency_s"] == pytest.approx(2.0)
    assert report["errors"] == {"not sent": 1}
    assert list(report["failures"]) == [str(recorder.told_apart(2_300_000))]
    assert sum(report["delays"].values()) == 2
    assert offer.next_s is None


def stalled(stall_s: float) -> tuple[float, float]:
    """p95 in seconds of the same server that stops once, as 30 users with a think time of 0.3 s see it, and at 100/s.

    20 s in virtual time; it serves one request at a time, in 2 ms.
    """
    found = []
    for users in (30, 0):
        random = Random(5)  # noqa: S311 - no secret
        asked = [(random.uniform(0, 1), n) for n in range(users)] or [(at, 0) for at in due(100.0)]
        heapq.heapify(asked)
        seen, free = recorder.Recorder(2, 22, open_load=not users), 0.0
        while asked and asked[0][0] < 22:
            at, n = heapq.heappop(asked)
            begin = max(at, free)
            if 10 <= begin < 10 + stall_s:
                begin = 10 + stall_s
            free = begin + 0.002
            seen.sent(at)
            seen.answered(free, free - at, "")
            if users:
                heapq.heappush(asked, (free + random.uniform(0.15, 0.45), n))
        latencies = sorted((int(us), count) for us, count in seen.take(23, last=True)["latencies"].items())
        waits = [us / 1e6 for us, count in latencies for _ in range(count)]
        found.append(waits[int(0.95 * len(waits))])
    return found[0], found[1]


def test_a_server_that_stops_is_seen_at_a_rate_and_hardly_by_users() -> None:
    """Users who wait ask nothing meanwhile: 30 of 1800 requests see it; at a rate it is 200 and more of 2000."""
    closed, at_a_rate = stalled(2.0)
    assert closed < 0.1
    assert at_a_rate > 0.7


def test_the_master_adds_up_what_workers_offered() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"}, open_load=True)
    for worker, delay in (("a", 0.001), ("b", 0.004)):
        seen = recorder.Recorder(0, 10, open_load=True)
        offer = arrivals.Offer(iter([0.5, 1.5]), 10, seen)
        offer.settle(2.0)
        offer.answered(0.9, offer.send(0.5 + delay), "")
        trial.add(worker, seen.take(2.0, last=False))
    first, second = trial.samples(0)
    assert [first[name] for name in ("offered", "sent", "late", "delay_s")] == [2, 2, 0, pytest.approx(0.004)]
    assert [second[name] for name in ("offered", "sent")] == [2, 0]
    assert sum(trial.result()["delays"].values()) == 2


def report(second: int, completed: int, upto: int, done: bool = False) -> dict[str, object]:
    seen = recorder.Recorder(0, 99)
    for _ in range(completed):
        seen.sent(second + 0.1)
        seen.answered(second + 0.2, 0.1, "")
    said: dict[str, object] = seen.take(upto, last=done)
    return said


def test_the_master_adds_its_workers_and_waits_for_the_slowest() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"})
    trial.add("a", report(0, 3, upto=2))
    assert trial.samples(0) == []
    trial.add("b", report(0, 4, upto=1))
    assert [row["completed"] for row in trial.samples(0)] == [7]
    assert trial.result()["latencies"] == {"99968": 7}


def test_a_lost_worker_is_told_and_does_not_hold_the_trial_up() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"})
    trial.add("a", report(0, 3, upto=1, done=True))
    assert not trial.over
    trial.lost.add("b")
    assert trial.over
    assert trial.result()["lost_workers"] == 1


def test_a_second_without_any_event_is_a_row_of_zeros() -> None:
    trial = merging.Trial("t", 0.0, {"a"})
    trial.add("a", report(2, 1, upto=4))
    assert [row["completed"] for row in trial.samples(0)] == [0, 0, 1, 0]

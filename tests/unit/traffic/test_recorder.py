"""The load generator's own counting (roles/locust/files/image), without Locust."""

import heapq
from random import Random
from typing import Any

import pytest

from harness.records.histogram import highest_of, index_of
from tests.locust_image import arrivals, recorder


def test_a_second_counts_what_ended_in_it_and_how_many_were_in_flight() -> None:
    seen = recorder.Recorder(0, 10)
    seen.sent(0.5)
    seen.sent(0.75)
    seen.answered(1.5, 0.5, "")
    seen.answered(2.25, 0.75, "timeout")
    rows = seen.take(3.0, last=True)["rows"]
    assert [rows[k]["completed"] for k in ("0", "1", "2")] == [0, 1, 0]
    assert rows["2"]["failed"] == 1
    assert [rows[k]["in_flight_s"] for k in ("0", "1", "2")] == pytest.approx([0.75, 1.5, 0.25])


def test_the_result_of_a_request_belongs_to_the_second_in_which_it_was_sent() -> None:
    """However long it takes, and also if that second was reported before."""
    seen = recorder.Recorder(0, 10, slow_after_s=0.4)
    seen.sent(0.5)
    seen.sent(0.6)
    seen.sent(1.7)
    first = seen.take(1.2, last=False)["rows"]
    assert [first["0"][name] for name in ("requests", "requests_failed", "slow")] == [2, 0, 0]
    seen.answered(2.5, 0.5, "timeout")
    seen.answered(2.6, 0.6, "")
    seen.answered(2.0, 1.7, "")
    later = seen.take(3.0, last=True)["rows"]
    assert [later["0"][name] for name in ("requests", "requests_failed", "slow")] == [0, 1, 1]
    assert [later["1"][name] for name in ("requests", "requests_failed", "slow")] == [1, 0, 0]
    assert [later["2"][name] for name in ("completed", "failed", "requests")] == [2, 1, 0]


@pytest.mark.parametrize("timeout_s", [2.0, 8.0, 20.0])
@pytest.mark.parametrize("share", [0.004, 0.06, 0.5])
def test_requests_that_are_never_answered_count_in_the_window_in_which_they_were_due(
    share: float, timeout_s: float
) -> None:
    """The window lasts 8 s. Rows and histograms against the list of requests that were due in it."""
    random = Random(f"{share}/{timeout_s}")  # noqa: S311 - no secret
    due_at = sorted(random.uniform(0, 12) for _ in range(6000))
    hangs = [random.random() < share for _ in due_at]
    seen = recorder.Recorder(4, 12, timeout_s, open_load=True)
    queue = arrivals.ArrivalQueue(arrivals.share_of_worker(iter(due_at), 0, 1), 10_000, seen)
    ends = sorted((due + (timeout_s if hang else 0.05), due, hang) for due, hang in zip(due_at, hangs, strict=True))
    events = sorted([(due, 0, due, False) for due in due_at] + [(at, 1, due, hang) for at, due, hang in ends])
    sent = {}
    for at, kind, due, hang in events:
        if kind == 0:
            queue.add_due(at)
            sent[due] = queue.send(at)
        else:
            queue.answered(at, sent[due], "timeout" if hang else "")
    report = seen.take(13 + timeout_s, last=True)
    rows = [report["rows"][str(second)] for second in range(4, 12)]
    wanted = [hang for due, hang in zip(due_at, hangs, strict=True) if 4 <= due < 12]
    assert sum(row["requests"] for row in rows) == len(wanted)
    assert sum(row["requests_failed"] for row in rows) == sum(wanted) == sum(report["failures"].values())
    assert sum(report["latencies"].values()) == len(wanted) - sum(wanted)


@pytest.mark.parametrize(
    ("ended_at", "lag_s", "by_second"),
    [
        (5.4, 0.05, {5: 0.05}),
        (6.1, 0.4, {5: 0.4}),
        (6.3, 0.4, {6: 0.4}),
        (7.5, 2.0, {5: 2.0, 6: 1.5, 7: 0.5}),
        (0.2, 0.5, {0: 0.5}),
    ],
)
def test_a_delay_of_the_event_loop_belongs_to_the_seconds_that_it_covers(
    ended_at: float, lag_s: float, by_second: dict[int, float]
) -> None:
    seen = recorder.Recorder(0, 10)
    seen.process(ended_at, 0.0, lag_s)
    rows = seen.take(10.0, last=True)["rows"]
    assert {int(k): row["lag_s"] for k, row in rows.items() if row["lag_s"]} == pytest.approx(by_second)


def test_requests_that_are_aborted_belong_to_the_second_in_which_they_were_sent() -> None:
    seen = recorder.Recorder(0, 10)
    for at in (0.5, 0.5, 3.5):
        seen.sent(at)
    seen.abort_rest(30.0)
    rows = seen.take(30.0, last=True)["rows"]
    assert [rows[k]["requests_failed"] for k in ("0", "3")] == [2, 1]


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


def test_a_failure_counts_with_at_least_the_timeout() -> None:
    """Otherwise a service that rejects requests at once would look fast."""
    seen = recorder.Recorder(0, 10, 2.0)
    for took_s, error in ((0.1, ""), (0.1, "status 503"), (2.5, "timeout")):
        seen.sent(0.1)
        seen.answered(5.0, 0.1, error, took_s)
    report = seen.take(11, last=True)
    assert report["latencies"] == {str(recorder.bucket_us(100_000)): 1}
    assert report["failures"] == {str(recorder.bucket_us(2_000_000)): 1, str(recorder.bucket_us(2_500_000)): 1}


def test_the_residual_of_a_think_time_has_the_distribution_of_a_random_moment() -> None:
    """Compared with draws of the renewal process: equal moments, and no residual above the longest think time."""
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
def test_users_with_long_think_times_are_in_steady_state_in_the_first_window(residual: bool) -> None:
    """With Z = 20 s, a ramp-up of 5 s and 35 s, users who begin with a request send 15 % too much in the window."""
    random = Random(5)  # noqa: S311 - no secret
    sent = 0
    for _ in range(20_000):
        at = random.uniform(0, 5)
        at += recorder.residual_s(20.0, random.random(), random.random()) if residual else 0.0
        while at < 35:
            sent += at >= 25
            at += 0.05 + random.uniform(10, 30)
    share = sent / 10 / (20_000 / 20.05)
    assert (0.98 < share < 1.02) if residual else abs(share - 1) > 0.10


def test_latencies_are_counted_as_the_histogram_counts_them() -> None:
    """The image and latency.hgrm have equal buckets, so no resolution is lost."""
    for value in {int(1.01**k) for k in range(2000)} | set(range(1, 5000)):
        bucket = recorder.bucket_us(value)
        assert index_of(bucket) == index_of(value)
        assert bucket == 1 or highest_of(index_of(bucket) - 1) == bucket - 1


def test_only_the_steady_window_goes_into_the_latencies() -> None:
    seen = recorder.Recorder(5, 10)
    for at in (4.9, 5.0, 9.9, 10.0):
        seen.sent(at - 0.1)
        seen.answered(at, at - 0.1, "")
    assert sum(seen.take(11, last=True)["latencies"].values()) == 2


def test_a_second_is_handed_over_once_and_only_when_it_is_complete() -> None:
    seen = recorder.Recorder(0, 10)
    seen.thinks(0.5, 1.0)
    seen.thinks(1.5, 1.0)
    assert list(seen.take(1.7, last=False)["rows"]) == ["0"]
    assert list(seen.take(2.7, last=False)["rows"]) == ["1"]


def test_think_times_end_as_drawn_or_with_the_load() -> None:
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
    events: list[tuple[float, int, float, float]] = []  # time, 0 sent or 1 answered, drawn think time, when sent
    free = 0.0
    while arrivals[0][0] < 16:
        at, n = heapq.heappop(arrivals)
        begin = max(at, free)
        if stall[0] <= begin < stall[1]:
            begin = stall[1]
        free = done = begin + 1 / capacity
        think = random.uniform(1, 3)
        events += [(at, 0, 0.0, at), (done, 1, think, at)]
        heapq.heappush(arrivals, (done + think + late_s, n))
    for at, kind, think, sent_at in sorted(events):
        if kind == 0:
            seen.sent(at)
        elif at < 16:
            seen.answered(at, sent_at, "")
            seen.thinks(at, think)
    rows = seen.take(16.0, last=True)["rows"]
    of: Any = {name: sum(rows[str(k)][name] for k in range(5, 15)) / 10 for name in rows["5"]}
    little = of["completed"] * of["think_s"] / of["thinks"]
    return (users - of["in_flight_s"] - of["thinking_s"]) / users, (users - of["in_flight_s"] - little) / users


@pytest.mark.parametrize("stall", [(99.0, 99.0), (3.8, 5.0), (4.5, 6.0), (9.0, 10.5), (13.5, 15.0), (14.2, 15.7)])
def test_a_server_that_stalls_makes_no_user_late(stall: tuple[float, float]) -> None:
    counted, little = closed_loop(400, 250.0, stall)
    assert abs(counted) < 0.001
    if stall in ((3.8, 5.0), (13.5, 15.0)):
        assert abs(little) > 0.05, "Little's law over the window blames the generator for this"


def test_users_that_wake_late_are_found_with_any_server() -> None:
    for stall in ((99.0, 99.0), (4.5, 6.0)):
        counted, _ = closed_loop(400, 250.0, stall, late_s=0.2)
        assert counted == pytest.approx(0.07, abs=0.03)

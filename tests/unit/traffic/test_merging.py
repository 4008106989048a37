"""The load generator's master merges its workers' reports (roles/locust/files/image), without Locust."""

import pytest

from tests.locust_image import arrivals, merging, recorder


def test_the_master_adds_the_offered_requests_of_its_workers() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"}, open_load=True)
    for worker, delay in (("a", 0.001), ("b", 0.004)):
        seen = recorder.Recorder(0, 10, open_load=True)
        offer = arrivals.ArrivalQueue(arrivals.share_of_worker(iter([0.5, 1.5]), 0, 1), 10, seen)
        offer.add_due(2.0)
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
        seen.answered(second + 0.2, second + 0.1, "")
    taken: dict[str, object] = seen.take(upto, last=done)
    return taken


def test_the_master_adds_its_workers_and_waits_for_the_slowest() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"})
    trial.add("a", report(0, 3, upto=2))
    assert trial.samples(0) == []
    trial.add("b", report(0, 4, upto=1))
    assert [row["completed"] for row in trial.samples(0)] == [7]
    assert trial.result()["latencies"] == {"99968": 7}


def test_a_lost_worker_is_reported_and_does_not_delay_the_trial() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"})
    trial.add("a", report(0, 3, upto=1, done=True))
    assert not trial.over
    trial.lost.add("b")
    assert trial.over
    assert trial.result()["lost_workers"] == 1


def test_seconds_of_the_other_workers_continue_after_a_lost_worker() -> None:
    """Otherwise the study would stop the load."""
    trial = merging.Trial("t", 0.0, {"a", "b"})
    trial.add("a", report(0, 3, upto=2))
    assert trial.samples(0) == []
    trial.lost.add("b")
    assert not trial.over
    assert [row["completed"] for row in trial.samples(0)] == [3, 0]


def test_a_second_without_any_event_is_a_row_of_zeros() -> None:
    trial = merging.Trial("t", 0.0, {"a"})
    trial.add("a", report(2, 1, upto=4))
    assert [row["completed"] for row in trial.samples(0)] == [0, 0, 1, 0]


@pytest.mark.parametrize(("open_load", "wanted_s", "slow"), [(False, 0.5, 1), (True, 0.5, 1), (True, None, None)])
def test_successes_slower_than_an_objective_are_counted_by_the_second(
    open_load: bool, wanted_s: float | None, slow: int | None
) -> None:
    """Failures are counted separately. Without an objective the count is None and not 0."""
    trial = merging.Trial("t", 0.0, {"a"}, open_load, wanted_s is not None)
    seen = recorder.Recorder(0, 9, open_load=open_load, slow_after_s=wanted_s)
    for took_s, error in ((0.5, ""), (0.51, ""), (0.9, "status 502")):
        seen.sent(0.05)
        seen.answered(1.0, 0.05, error, took_s)
    trial.add("a", seen.take(2, last=False))
    assert trial.samples(0)[0].get("slow") == slow

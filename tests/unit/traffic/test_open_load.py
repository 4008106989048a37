"""What is due in an open load, and when it is sent (roles/locust/files/image), without Locust."""

import heapq
import itertools
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.locust_image import arrivals, recorder


def due(
    rate: float = 200.0, ramp_up_s: float = 2.0, process: str = "poisson", seed: str = "7/arrivals/1"
) -> list[float]:
    return list(arrivals.due_times(rate, ramp_up_s, 22.0, process, seed))


def test_the_arrivals_of_an_open_load_follow_from_its_seed() -> None:
    """Every topology of a block meets the same, and another rate the same draws on another scale."""
    assert due() == due()
    assert due() != due(seed="7/arrivals/2")
    slow = list(arrivals.due_times(100.0, 4.0, 44.0, "poisson", "7/arrivals/1"))
    assert slow == pytest.approx([2 * at for at in due()])


def test_poisson_arrivals_have_the_mean_and_variance_of_their_rate() -> None:
    """Counts of a second have a variance as large as their mean; during the ramp-up there are half as many."""
    moments = list(arrivals.due_times(200.0, 10.0, 1010.0, "poisson", "1"))
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
    parts = [list(arrivals.share_of_worker(iter(due()), worker, workers)) for worker in range(workers)]
    arrived = sorted(itertools.chain(*parts), key=lambda arrival: arrival.number)
    assert [arrival.due_s for arrival in arrived] == due()
    assert [arrival.number for arrival in arrived] == list(range(len(arrived)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_session_belongs_to_one_worker(workers: int) -> None:
    """Otherwise several workers would log it in."""
    times = due()
    parts = [list(arrivals.share_of_worker(iter(times), worker, workers, sessions=7)) for worker in range(workers)]
    assert sorted(arrival.due_s for part in parts for arrival in part) == times
    owners = {(arrival.number % 7, worker) for worker, part in enumerate(parts) for arrival in part}
    assert len(owners) == 7


def arriving(*due_s: float) -> Iterator[Any]:
    yield from arrivals.share_of_worker(iter(due_s), 0, 1)


def test_a_delayed_request_includes_its_delay_in_its_latency() -> None:
    seen = recorder.Recorder(0, 10, 2.0, open_load=True)
    offer = arrivals.ArrivalQueue(arriving(0.5, 0.6, 0.7, 5.0), 1, seen)
    assert offer.add_due(0.8) == 3
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
    assert list(report["failures"]) == [str(recorder.bucket_us(2_300_000))]
    assert sum(report["delays"].values()) == 2
    assert offer.next_s is None


def test_delays_are_of_the_requests_that_were_due_in_the_window() -> None:
    seen = recorder.Recorder(2, 10, 2.0, open_load=True)
    for due_s, sent_s in ((1.9, 2.1), (9.9, 10.2)):
        seen.sent_late(sent_s, due_s)
    assert seen.take(11, last=False)["delays"] == {str(recorder.bucket_us(300_000, recorder.DELAY_BITS)): 1}


def stalled(stall_s: float) -> tuple[float, float]:
    """p95 in seconds of the same server that stops once, as 30 users with a think time of 0.3 s see it, and at 100/s.

    20 s in virtual time; it serves one request at a time, in 2 ms.
    """
    found = []
    for users in (30, 0):
        random = Random(5)  # noqa: S311 - no secret
        scheduled = [(random.uniform(0, 1), n) for n in range(users)] or [(at, 0) for at in due(100.0)]
        heapq.heapify(scheduled)
        seen, free = recorder.Recorder(2, 22, open_load=not users), 0.0
        while scheduled and scheduled[0][0] < 22:
            at, n = heapq.heappop(scheduled)
            begin = max(at, free)
            if 10 <= begin < 10 + stall_s:
                begin = 10 + stall_s
            free = begin + 0.002
            seen.sent(at)
            seen.answered(free, at, "")
            if users:
                heapq.heappush(scheduled, (free + random.uniform(0.15, 0.45), n))
        latencies = sorted((int(us), count) for us, count in seen.take(23, last=True)["latencies"].items())
        waits = [us / 1e6 for us, count in latencies for _ in range(count)]
        found.append(waits[int(0.95 * len(waits))])
    return found[0], found[1]


def test_a_stalled_server_shows_in_an_open_load_and_hardly_in_a_closed_one() -> None:
    """Users who wait send no other request: 30 of 1,800 requests see it; at a rate it is 200 and more of 2,000."""
    closed, at_a_rate = stalled(2.0)
    assert closed < 0.1
    assert at_a_rate > 0.7

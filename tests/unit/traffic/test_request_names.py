"""Counts by request name, of transactions and of logins (roles/locust/files/image), without Locust."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.locust_image import arrivals, merging, recorder

NAMES = ("predict", "history", "upload")
WINDOW = (4.0, 12.0)


def sent_requests(count: int = 4000) -> list[tuple[float, float, str, str]]:
    """When a request was sent and ended, its name and its failure; in the order of the ends."""
    random = Random(3)  # noqa: S311 - no secret
    found = []
    for _ in range(count):
        at = random.uniform(0, 14)
        error = random.choice(["", "", "", "timeout", "status 500"])
        found.append((at, at + random.uniform(0.01, 3), random.choice(NAMES), error))
    return sorted(found, key=lambda each: each[1])


def counted(requests: list[tuple[float, float, str, str]], reports_at: tuple[float, ...]) -> dict[str, Any]:
    """Return the master's result of these requests, reported by two workers at these times and at the end."""
    trial = merging.Trial("t", 0.0, {"a", "b"}, counts_slow=True)
    for worker, share in (("a", requests[::2]), ("b", requests[1::2])):
        seen = recorder.Recorder(*WINDOW, 2.0, slow_after_s=1.0)
        events = [(at, 0, at, name, "") for at, _, name, _ in share]
        events += [(end, 1, at, name, error) for at, end, name, error in share]
        events += [(at, 2, at, "", "") for at in reports_at]
        for at, what, since, name, error in sorted(events):
            if what == 0:
                seen.sent(at, name=name)
            elif what == 1:
                seen.answered(at, since, error, name=name)
            else:
                trial.add(worker, seen.take(at, last=False))
        trial.add(worker, seen.take(20.0, last=True))
    result: dict[str, Any] = trial.result()
    return result


@pytest.mark.parametrize("reports_at", [(), (1.0, 2.5, 5.0, 9.9, 12.5, 16.0)])
def test_counts_of_each_name_are_those_of_its_own_requests(reports_at: tuple[float, ...]) -> None:
    requests = sent_requests()
    result = counted(requests, reports_at)
    assert set(result["requests"]) == set(NAMES)
    for name in NAMES:
        due = [each for each in requests if each[2] == name and WINDOW[0] <= each[0] < WINDOW[1]]
        right = [end - at for at, end, _, error in due if not error]
        ended = [each for each in requests if each[2] == name and not each[3] and WINDOW[0] <= each[1] < WINDOW[1]]
        tally = result["requests"][name]
        assert tally["requests"] == len(due)
        assert tally["failed"] == len(due) - len(right) == sum(tally["failures"].values())
        assert tally["errors"] == Counter(error for *_, error in due if error)
        assert tally["completed"] == len(ended)
        assert tally["slow"] == sum(took > 1.0 for took in right)
        assert Counter(tally["latencies"]) == Counter(str(recorder.bucket_us(round(took * 1e6))) for took in right)


def test_the_totals_are_the_sums_of_all_names() -> None:
    result = counted(sent_requests(), (3.0, 8.0))
    tallies = result["requests"].values()
    for histogram in ("latencies", "failures"):
        assert result[histogram] == sum((Counter(tally[histogram]) for tally in tallies), Counter())
    rows = [row for row in result["samples"] if WINDOW[0] <= row["t_s"] < WINDOW[1]]
    for column, name in (("requests", "requests"), ("requests_failed", "failed"), ("completed", "completed")):
        assert sum(row[column] for row in rows) == sum(tally[name] for tally in tallies)


def test_requests_that_are_late_unsent_or_aborted_belong_to_their_name() -> None:
    seen = recorder.Recorder(0, 10, 2.0, open_load=True)
    for name in ("a", "b"):
        seen.offered(0.5, late=False, name=name)
    seen.sent(0.5, 0.5, "a")
    seen.unsent(3.0, 0.5, arrivals.NOT_SENT, "b")
    seen.abort_rest(5.0)
    names = seen.take(6.0, last=True)["requests"]
    assert {name: (tally["requests"], tally["errors"]) for name, tally in names.items()} == {
        "a": (1, {"aborted": 1}),
        "b": (1, {"not sent": 1}),
    }


def test_transactions_and_logins_are_in_no_row() -> None:
    trial = merging.Trial("t", 0.0, {"a", "b"})
    for worker in ("a", "b"):
        seen = recorder.Recorder(0, 10, 2.0)
        seen.transaction(3.0, 1.0, "", 0.5)
        seen.transaction(3.0, 2.0, "status 500", 0.1)
        seen.logins.count("")
        seen.logins.count("timeout")
        trial.add(worker, seen.take(4.0, last=False))
        trial.add(worker, seen.take(5.0, last=True))
    result = trial.result()
    assert result["logins"] == {"completed": 2, "errors": {"timeout": 2}}
    transactions = result["transactions"]
    assert [transactions[name] for name in ("requests", "failed", "completed", "slow")] == [4, 2, 2, 0]
    assert transactions["latencies"] == {str(recorder.bucket_us(500_000)): 2}
    assert transactions["failures"] == {str(recorder.bucket_us(2_000_000)): 2}, "a failure counts at the timeout"
    assert result["samples"] == []
    assert result["requests"] == {}


def test_slow_requests_of_a_name_are_those_above_its_own_objective() -> None:
    """The rows have those above the objective for all requests."""
    seen = recorder.Recorder(0, 10, 2.0, slow_after_s=1.0, slow_by_name={"a": 0.25, "b": None})
    for name in "ab":
        for took_s in (0.125, 0.5, 1.5):
            seen.sent(1.0, name=name)
            seen.answered(1.0 + took_s, 1.0, "", name=name)
    trial = merging.Trial("t", 0.0, {"w"}, counts_slow=True)
    trial.add("w", seen.take(11.0, last=True))
    result = trial.result()
    assert {name: tally["slow"] for name, tally in result["requests"].items()} == {"a": 2, "b": 1}
    assert sum(row["slow"] for row in result["samples"]) == 2

"""Merge the reports of all workers on the master. No Locust here."""

from __future__ import annotations

from collections import Counter
from typing import Any

from digests import merged
from tally import summed

SUMMED = (
    "completed",
    "failed",
    "requests",
    "requests_failed",
    "latency_s",
    "in_flight_s",
    "users_s",
    "think_s",
    "thinks",
    "thinking_s",
    "cpu_s",
)
LARGEST = ("lag_s",)
SUMMED_OPEN = ("offered", "sent", "late")
LARGEST_OPEN = ("delay_s",)
SLOW = ("slow",)


def script_state(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of a script, from the states of its workers."""

    def first(key: str) -> Any:
        return next((state[key] for state in states if state[key]), None)

    return {
        "began": sum(state["began"] for state in states),
        "failed_starts": sum(state["failed_starts"] for state in states),
        "problem": first("problem"),
        "rejected": first("rejected"),
        "streams": bool(first("streams")),
        "exchanges": [each for state in states for each in state["exchanges"]],
    }


class Trial:
    """One trial over all workers: rows and latencies are summed, never averaged.

    Columns of an open load exist only for one, slow requests only with `counts_slow`, transactions only with `steps`.
    """

    def __init__(
        self,
        trial: str,
        t0: float,
        workers: set[str],
        open_load: bool = False,
        counts_slow: bool = False,
        users: int = 0,
        steps: bool = False,
    ) -> None:
        self._summed = (*SUMMED, *(SUMMED_OPEN if open_load else ()), *(SLOW if counts_slow else ()))
        self._largest = (*LARGEST, *(LARGEST_OPEN if open_load else ()))
        self.id = trial
        self.t0 = t0
        self.workers = workers
        self.done: set[str] = set()
        self.lost: set[str] = set()
        self._upto = dict.fromkeys(workers, 0)
        self._rows: dict[int, dict[str, float]] = {}
        self._busiest_cpu: dict[int, float] = {}
        self._errors: dict[str, dict[str, int]] = {}
        self._latencies: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._delays: Counter[str] = Counter()
        self._requests: dict[str, dict[str, Any]] = {}
        self._transactions: dict[str, Any] | None = summed([]) if steps else None
        self._users = None if open_load else users
        self._sent: dict[str, dict[str, Any]] = {}
        self._logins: dict[str, dict[str, Any]] = {}
        self._statuses: dict[str, dict[str, int]] = {}
        self.script = script_state([])
        self.rejected: dict[str, Any] | None = None  # on the master
        self._scripts: dict[str, dict[str, Any]] = {}

    @property
    def over(self) -> bool:
        """Whether no worker will report any more."""
        return self.done | self.lost >= self.workers

    def add(self, worker: str, report: dict) -> None:
        """Add one worker's report."""
        for key, theirs in report["rows"].items():
            second = int(key)
            row = self._rows.setdefault(second, self._empty())
            for column in self._summed:
                row[column] += theirs[column]
            for column in self._largest:
                row[column] = max(row[column], theirs[column])
            self._busiest_cpu[second] = max(self._busiest_cpu.get(second, 0.0), theirs["cpu_s"])
        self._upto[worker] = max(self._upto[worker], report["upto"])
        self._errors[worker] = report["errors"]
        self._latencies.update(report["latencies"])
        self._failures.update(report["failures"])
        self._delays.update(report["delays"])
        for name, theirs in report["requests"].items():
            ours = self._requests.get(name)
            self._requests[name] = summed([ours, theirs] if ours else [theirs])
        if theirs := report["transactions"]:
            self._transactions = summed([self._transactions, theirs] if self._transactions else [theirs])
        self._logins[worker] = report["logins"]
        if theirs := report.get("script"):
            self._statuses[worker], self._scripts[worker] = report["statuses"], theirs
            self.script = script_state(list(self._scripts.values()))
        self._sent[worker] = report.get("sent", {})
        if report["done"]:
            self.done.add(worker)

    def samples(self, since: int) -> list[dict[str, float]]:
        """Seconds from `since` on that all workers have completed, with zeros in gaps.

        What became of their requests is complete at the end only.
        """
        if self.over:
            upto = max(self._rows, default=-1) + 1
        else:
            upto = min((self._upto[w] for w in self.workers - self.lost), default=0)
        empty = self._empty()
        return [
            {
                "t_s": second,
                **self._rows.get(second, empty),
                "busiest_cpu_s": self._busiest_cpu.get(second, 0.0),
            }
            for second in range(since, upto)
        ]

    def _empty(self) -> dict[str, float]:
        return {**dict.fromkeys(self._summed, 0), **dict.fromkeys(self._largest, 0.0)}

    def _all_logins(self) -> dict[str, Any]:
        errors: Counter[str] = Counter()
        for logins in self._logins.values():
            errors.update(logins["errors"])
        return {"completed": sum(logins["completed"] for logins in self._logins.values()), "errors": errors}

    def result(self) -> dict[str, object]:
        """Totals of the trial."""
        errors: Counter[str] = Counter()
        for counts in self._errors.values():
            errors.update(counts)
        return {
            "trial": self.id,
            "t0": self.t0,
            "over": self.over,
            "workers": len(self.workers),
            "lost_workers": len(self.lost),
            "errors": errors,
            "latencies": self._latencies,
            "failures": self._failures,
            "delays": self._delays,
            "requests": self._requests,
            "transactions": self._transactions,
            "logins": self._all_logins(),
            "sent": merged(list(self._sent.values()), self._users),
            "samples": self.samples(0),
            **self._of_script(),
        }

    def _of_script(self) -> dict[str, Any]:
        """The fields that only a load with a script has."""
        if not self._scripts:
            return {}
        statuses: Counter[str] = Counter()
        for counts in self._statuses.values():
            statuses.update(counts)
        return {"statuses": statuses, "script": {**self.script, "rejected": self.script["rejected"] or self.rejected}}

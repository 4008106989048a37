"""The servers' own counts of requests: what a counter shows of one load (rule E13)."""

from __future__ import annotations

from harness.errors import BadInput
from harness.observe.exposition import Counting


class OwnCounts:
    """Reads a load's counts; keeps those from before it where a counter does not tell trials apart."""

    def __init__(self, counting: Counting) -> None:
        self.path = counting.path
        self.chosen = counting.chosen
        self._counting = counting
        self._before: dict[str, dict[str, int] | None] = {}
        self._seen: set[str] = set()

    def begin(self, server: str, text: str) -> None:
        """Note a server's counts before a load; raises BadInput where it has no such counter, and never had one."""
        problem = self._counting.problem(text)
        if not problem:
            self._seen.add(server)
        elif server not in self._seen:
            raise BadInput(
                f"service.requests_metric: {server}{self.path}: {problem}. "
                "Fix: name a counter of your service and its labels, or remove requests_metric from the grid."
            )
        self._before[server] = self._counting.counted(text, "")

    def of(self, server: str, text: str, trial: str) -> dict[str, int] | None:
        """Status → requests of a trial; None where nothing counts them."""
        counted = self._counting.counted(text, trial)
        if counted is None or self._counting.trial is not None:
            return counted
        before = self._before.get(server)
        if before is None or any(counted.get(status, 0) < count for status, count in before.items()):
            return None  # it began anew, or its processes take turns to tell
        grown = {status: count - before.get(status, 0) for status, count in counted.items()}
        return {status: count for status, count in grown.items() if count}

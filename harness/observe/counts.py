"""The servers' own counts of requests in one load (rule E13)."""

from __future__ import annotations

from harness.errors import BadInput
from harness.observe.exposition import Counting


class OwnCounts:
    """Counts of one load; without a trial label, the difference between the counts after and before it."""

    def __init__(self, counting: Counting) -> None:
        self.path = counting.path
        self.chosen = counting.chosen
        self._counting = counting
        self._before: dict[str, dict[str, int] | None] = {}
        self._with_counter: set[str] = set()

    def begin(self, server: str, text: str) -> None:
        """Store a server's counts before a load; raises BadInput if the server never had such a counter."""
        problem = self._counting.problem(text)
        if not problem:
            self._with_counter.add(server)
        elif server not in self._with_counter:
            raise BadInput(
                f"service.requests_metric: {server}{self.path}: {problem}. "
                "Fix: set a counter of your service and its labels, or remove requests_metric from the grid."
            )
        self._before[server] = self._counting.counted(text, "")

    def of(self, server: str, text: str, trial: str) -> dict[str, int] | None:
        """Status → requests of a trial; None without such a counter."""
        counted = self._counting.counted(text, trial)
        if counted is None or self._counting.trial is not None:
            return counted
        before = self._before.get(server)
        if before is None or any(counted.get(status, 0) < count for status, count in before.items()):
            return None  # the counter was reset, or several processes report in turn
        grown = {status: count - before.get(status, 0) for status, count in counted.items()}
        return {status: count for status, count in grown.items() if count}

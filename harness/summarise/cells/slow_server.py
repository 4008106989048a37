"""Which server of a cell is slower than the others, by all of its trials (rule E12). Pure.

Round robin gives every server the same share, so shares hide it, and one trial's noise does: over trials that same
server costs more for a request than the others do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.records.findings import Finding, Kind, Severity
from harness.records.trial import TrialRecord
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval


@dataclass(frozen=True)
class Slower:
    """`cost` of a request on it, times what one costs the others (geometric mean)."""

    server: str
    cost: Interval

    @property
    def words(self) -> str:
        """As a clause."""
        low, high = self.cost.low or self.cost.value, self.cost.high or self.cost.value
        return (
            f"{self.server} is slower: a request costs it {self.cost.value:.2f} [{low:.2f}, {high:.2f}] times as much"
        )


def finding(cells: Sequence[tuple[str, Slower]], limits: Thresholds) -> Finding:
    """One for a server that is slower in these cells, where it is slowest."""
    where, worst = max(cells, key=lambda one: one[1].cost.value)
    others = f" and in {len(cells) - 1} more cells" if len(cells) > 1 else ""
    return Finding(
        "E12",
        Severity.NOTE,
        f"{worst.words} as the others ({where}{others}), and servers that take turns end up waiting for the slowest",
        f"look at what else runs on {worst.server}, and at its CPU's model and cap",
        worst.cost.value,
        1 + limits.slower_server,
        Kind.SLOW_SERVER,
    )


def named(usable: Sequence[TrialRecord], limits: Thresholds) -> Slower | None:
    """The server whose cost's 95 % t interval on logarithms lies wholly above the others' by the threshold.

    The dearest of those; None where no server is, or below three trials that tell the costs of all.
    """
    told = [r.figures.server_cost for r in usable if r.figures and len(r.figures.server_cost) > 1]
    servers = sorted(set.intersection(*(set(costs) for costs in told))) if told else []
    found = []
    for server in servers if len(servers) > 1 else []:
        logs = [
            math.log(costs[server]) - sum(math.log(costs[other]) for other in servers if other != server) / rest
            for costs in told
            for rest in [len(servers) - 1]
        ]
        over = intervals.mean_interval(logs)
        if over.low is not None and over.high is not None and over.low > math.log1p(limits.slower_server):
            cost = Interval(math.exp(over.value), math.exp(over.low), math.exp(over.high))
            found.append(Slower(server, cost))
    return max(found, key=lambda one: one.cost.value, default=None)

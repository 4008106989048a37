"""The slow server of a cell, by the CPU cost of a request over all trials (rule E12). Pure.

Round robin sends every server the same share of requests, so shares do not show a slow server, and the noise of one
trial hides it. Over several trials a request costs this server more than the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.records.findings import Finding, Kind, Severity
from harness.records.trial import TrialRecord
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval


@dataclass(frozen=True)
class SlowServer:
    """`cost` is the cost of a request on it, relative to the others (geometric mean)."""

    server: str
    cost: Interval

    @property
    def comparison(self) -> str:
        """The server's cost per request relative to the others, with its interval, as a clause."""
        low, high = self.cost.low or self.cost.value, self.cost.high or self.cost.value
        return tr(
            "{server} is slower: its cost per request is {value:.2f} [{low:.2f}, {high:.2f}] times that "
            "of the other servers",
            server=self.server,
            value=self.cost.value,
            low=low,
            high=high,
        )


def finding(cells: Sequence[tuple[str, SlowServer]], limits: Thresholds) -> Finding:
    """The finding for one server over the names of the cells in which it is slow; figures are those of the slowest."""
    where, worst = max(cells, key=lambda one: one[1].cost.value)
    return Finding(
        rule="E12",
        severity=Severity.NOTE,
        cause=tr(
            "{comparison} ({where}), and under round robin the slowest server limits all",
            comparison=worst.comparison,
            where=in_cells(where, len(cells)),
        ),
        next_step=tr("look for other processes on {server}, and check its CPU model and cap", server=worst.server),
        figure=worst.cost.value,
        threshold=1 + limits.slower_server,
        kind=Kind.SLOW_SERVER,
    )


def in_cells(worst: str, count: int) -> str:
    """Return where something was found: the cell in which it is largest, and the number of the others."""
    return tr("{cell} and in {cells} more cells", cell=worst, cells=count - 1) if count > 1 else worst


def _relative(costs: Mapping[str, float], server: str) -> float:
    """Ln of a server's cost in one trial, relative to the geometric mean of the others."""
    others = [math.log(cost) for name, cost in costs.items() if name != server]
    return math.log(costs[server]) - sum(others) / len(others)


def slowest(
    usable: Sequence[TrialRecord], limits: Thresholds, types: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> SlowServer | None:
    """The server whose whole 95 % t interval of the relative cost lies above the threshold.

    The most expensive one of several; None without any. A server counts with three trials in which it took part. The
    intervals are simultaneous over the servers, so that many equal ones do not contain a slow one by chance. With
    `types` (type → its servers) a server is compared with the others of its type.
    """
    found = [_slowest(usable, limits, members) for members in types.values() or [None]]
    return max(filter(None, found), key=lambda one: one.cost.value, default=None)


def _slowest(
    usable: Sequence[TrialRecord], limits: Thresholds, members: Sequence[str] | None = None
) -> SlowServer | None:
    costs_of = [r.figures.server_cost for r in usable if r.figures]
    own = [{name: each[name] for name in each if members is None or name in members} for each in costs_of]
    known = [costs for costs in own if len(costs) > 1]
    servers = sorted({server for costs in known for server in costs})
    found = []
    for server in servers:
        logs = [_relative(costs, server) for costs in known if server in costs]
        over = intervals.mean_interval(logs, len(servers) / 2)  # only one end of each interval decides
        if over.low is not None and over.high is not None and over.low > math.log1p(limits.slower_server):
            cost = Interval(math.exp(over.value), math.exp(over.low), math.exp(over.high))
            found.append(SlowServer(server, cost))
    return max(found, key=lambda one: one.cost.value, default=None)

"""Whether servers wait for something that they share, so that another server adds nothing. Pure."""

from __future__ import annotations

import math

from harness.grid.thresholds import Thresholds
from harness.language import messages
from harness.records.reasons import ReasonKind
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics.intervals import Interval

CPU_FALLS = 1.25  # largest ratio of the CPU utilization of a server to the same work on more servers
REMARK = messages(
    "the servers wait for something that they share, such as a database, a lock in it, or another service"
)


def dependency(
    smaller: CellSummary, larger: CellSummary, ratio: Interval | None, ideal: float | None, limits: Thresholds
) -> bool:
    """Whether both topologies wait for the same component behind the servers.

    Both have slow responses with an idle CPU. Their throughput is equal: the interval of the gain contains 1 and lies
    below linear speedup. The CPU utilization of a server falls to about n1/n2, as the same work is spread over more
    servers. `ideal` is the linear speedup n2/n1. Waiting for slots of the servers' own would give more throughput with
    more servers.
    """
    waiting = all(cell.bottleneck_kind is ReasonKind.CONCURRENCY for cell in (smaller, larger))
    if not waiting or ideal is None or ratio is None or ratio.low is None or ratio.high is None:
        return False
    if not ratio.low <= 1 <= ratio.high < ideal * (1 - limits.ideal_least):
        return False
    if not smaller.server_cpu or not larger.server_cpu:
        return False
    return abs(math.log(larger.server_cpu / smaller.server_cpu * ideal)) <= math.log(CPU_FALLS)

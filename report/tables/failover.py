"""The table of failovers: failed requests and recovery times after a server failure. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.thresholds import Thresholds
from harness.language import messages, tr
from harness.summarise.cells.failover import CellFailover, Spread
from harness.words import load_name
from report import format as text
from report import phrases
from report.elements import Table, link
from report.spreads import mean_count, mean_seconds, mean_share

COLUMNS = messages(
    [
        "cell",
        "failed servers",
        "trials",
        "failed requests",
        "by the balancer",
        "failing for",
        "throughput recovered after",
        "remaining throughput",
        "failing afterwards",
        "response time before → after",
        "response time recovered after",
        "p95 recovered after",
        "p95 ms",
    ]
)


def table(failovers: Sequence[CellFailover], limits: Thresholds) -> Table | None:
    """A row for each cell with failed servers; None without any."""
    if not failovers:
        return None
    return Table(
        columns=COLUMNS,
        rows=[_row(one) for one in failovers],
        right=tuple(range(1, len(COLUMNS))),
        links=tuple(link(one.cell) for one in failovers),
        note=_note(limits),
    )


def _row(one: CellFailover) -> list[str]:
    return [
        f"{phrases.count(one.servers, 'server')}, {load_name(one.others)}",
        str(one.failed_servers),
        str(one.trials),
        mean_count(one.failed) if one.failed else text.NOTHING,
        mean_count(one.failed_at_balancer) if one.failed_at_balancer else text.NOTHING,
        _in_some(mean_seconds(one.failing_s), one.failing, one.trials),
        _in_some(mean_seconds(one.recovery_s), one.recovered, one.trials),
        mean_share(one.left) if one.left else text.NOTHING,
        mean_share(one.still_failing) if one.still_failing else text.NOTHING,
        f"{_ms(one.before_ms)} → {_ms(one.after_ms)} ms",
        _in_some(mean_seconds(one.latency_recovery_s), one.latency_recovered, one.trials),
        _in_some(mean_seconds(one.p95_recovery_s), one.p95_recovered, one.in_p95),
        text.milliseconds(one.p95_ms),
    ]


def _note(limits: Thresholds) -> str:
    return tr(
        "Means over trials, with the smallest and the largest in brackets. Times count from the end "
        "of the server processes, in whole seconds of the load generator, so each is up to one "
        "second too long. Throughput has recovered when it stays at {recovered_throughput} of the "
        "expected value: its previous value where the cell was load-limited, else the share of the "
        "remaining servers. Response times have recovered when their mean stays within "
        "{recovered_latency:g} times its previous value. p95 has recovered when at most 5 % of the "
        "later requests fail or miss its objective. p95 ms is over the whole window, with failures "
        "at the timeout.",
        recovered_throughput=text.percent(limits.recovered_throughput),
        recovered_latency=limits.recovered_latency,
    )


def _ms(spread: Spread | None) -> str:
    return text.milliseconds(spread.mean if spread else None)


def _in_some(shown: str, count: int, trials: int) -> str:
    """A figure with the number of its trials, where these are not all."""
    if not count:
        return tr("never") if trials else text.NOTHING
    return shown if count == trials else tr("{shown} in {count}", shown=shown, count=count)

"""Clauses about a gain: why it is a bound or none, and remarks about one that is a statement. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.language import messages, tr
from harness.records.trial import Component, Outcome
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains import linear
from harness.summarise.gains.obstacle import GainObstacle, ObstacleKind
from harness.words import percent, servers

PLATFORM = messages("a gain of the whole platform, whose components were not observed")
SERVER_FAILURE = messages("servers fail in mid-trial, so the mean throughput describes neither topology (rule E24)")


def remark(smaller: CellSummary, larger: CellSummary, unknown: str) -> str:
    """A whole platform, a slower server, equal shares of unequal servers and the next bottleneck; empty without any."""
    slow = next((cell.slow_server.comparison for cell in (larger, smaller) if cell.slow_server), "")
    whole = tr(PLATFORM) if Component.PLATFORM in (smaller.bottleneck, larger.bottleneck) else ""
    following = (
        tr("next bottleneck: {next_bottleneck}", next_bottleneck=larger.next_bottleneck)
        if larger.next_bottleneck
        else ""
    )
    return "; ".join(filter(None, (whole, slow, linear.equal_shares(larger), unknown, following)))


def only_larger(smaller: CellSummary, larger: CellSummary) -> str:
    """The reason where only the larger topology served the load; empty for any other pair."""
    if not larger.usable or larger.failing:
        return ""
    served = tr("{servers} served the load", servers=servers(larger.topology))
    if smaller.outcome == Outcome.SERVER_DOWN:
        return tr(
            "{servers} went down, {served} ({cause})",
            servers=servers(smaller.topology),
            served=served,
            cause=smaller.cause,
        )
    if smaller.failed_share is None:
        return ""
    failed = tr(
        "{servers} failed {failed_share} of its requests"
        if smaller.servers == 1
        else "{servers} failed {failed_share} of their requests",
        servers=servers(smaller.topology),
        failed_share=percent(smaller.failed_share),
    )
    return f"{rejections([smaller]) or failed}, {served}"


def rejections(cells: Sequence[CellSummary]) -> str:
    """The cells that rejected requests, as a clause; empty for none."""
    return ", ".join(
        tr("with {servers} {rejections}", servers=servers(cell.topology), rejections=cell.rejections)
        for cell in cells
        if cell.rejections
    )


def serves(cell: CellSummary) -> str:
    """The share of the load that a topology serves, as a clause."""
    return tr(
        "{servers} serves {served}" if cell.servers == 1 else "{servers} serve {served}",
        servers=servers(cell.topology),
        served=cell.served,
    )


def bottleneck(cell: CellSummary) -> GainObstacle:
    """The bottleneck of a cell that is not its servers."""
    kind, state = ObstacleKind.OTHER_BOTTLENECK, tr("was the {bottleneck}", bottleneck=cell.bottleneck)
    if cell.bottleneck == Component.UNKNOWN:
        kind, state = ObstacleKind.UNKNOWN_BOTTLENECK, tr("is unknown")
    text = tr(
        "the bottleneck of {servers} {state}: {bottleneck_reason}",
        servers=servers(cell.topology),
        state=state,
        bottleneck_reason=cell.bottleneck_reason,
    )
    return GainObstacle(kind, text, (cell.topology,))

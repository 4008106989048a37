"""The table of topologies: throughput, price, and whether each is sufficient for the grid's target. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.objectives import Objectives
from harness.language import messages, tr
from harness.records.trial import Component
from harness.summarise.cost import CostSummary
from harness.summarise.sustainable_rate import SustainableRate
from harness.summarise.topology_choice import TopologyCost
from harness.words import load_name
from report import estimates
from report import format as text
from report.elements import Table

COLUMNS = messages(("topology", "throughput, /s", "basis"))
PRICED_COLUMNS = messages(("topology", "USD per hour", "throughput, /s", "USD per million", "basis"))


def table(costs: CostSummary, target: float | None, objectives: Objectives, factor: float) -> Table:
    """A row for each topology, with its price where any is known; `factor` is that of the time scaling."""
    options = costs.topologies
    priced = any(option.usd_per_hour is not None for option in options)
    columns = PRICED_COLUMNS if priced else COLUMNS
    return Table(
        columns=[*columns]
        if target is None
        else [*columns, tr("sufficient for {target}", target=estimates.required(target))],
        rows=[_row(option, has_target=target is not None, priced=priced) for option in options],
        right=(1, 2, 3) if priced else (1,),
        note=_note(options, objectives, factor, priced=priced),
    )


def _row(option: TopologyCost, *, has_target: bool, priced: bool) -> list[str]:
    found = option.rate
    hourly, million = ([text.usd(each)] if priced else [] for each in (option.usd_per_hour, option.usd_per_million))
    row = [estimates.topology(option), *hourly, estimates.throughput(found, "≥ "), *million, _basis(found)]
    return [*row, tr(option.at_target or text.NOTHING)] if has_target else row


def _basis(found: SustainableRate | None) -> str:
    if found is None:
        return tr("no valid trial")
    if found.by_objectives:
        if found.upper_bound:
            return tr("objectives missed at all measured loads")
        if found.missed_at is not None:
            return tr("objectives met at the one load, missed at the other")
        return tr("objectives met at all measured loads") if found.lower_bound else tr("the capacity")
    bottleneck = tr("load-limited") if found.bottleneck.is_load else _bottleneck(found.bottleneck)
    return tr("{bottleneck} at {load}", bottleneck=bottleneck, load=load_name(found.load))


def _bottleneck(component: Component) -> str:
    if component == Component.UNKNOWN:
        return tr("bottleneck unknown")
    return (
        tr("the servers were the bottleneck")
        if component == Component.SERVER
        else tr("the {component} was the bottleneck", component=component)
    )


def _note(options: Sequence[TopologyCost], objectives: Objectives, factor: float, *, priced: bool) -> str:
    known = [option.rate for option in options if option.rate is not None]
    sentences = []
    if priced:
        sentences.append(
            tr(
                "USD per hour: the servers of the topology and the balancer at the inventory’s prices, "
                "without the load generator. USD per million requests: at the throughput of the table; a "
                "lower load costs more per request."
            )
        )
    if any(one.by_objectives for one in known):
        sentences.append(tr("The throughput is the capacity, the largest load that meets the objectives."))
    elif objectives.p95 is not None or objectives.error_rate is not None:
        sentences.append(tr("The throughput is the largest one measured that meets the objectives."))
    else:
        sentences.append(
            tr("The throughput is the saturated one, with any response time; objectives would limit that.")
        )
    if any(one.lower_bound for one in known):
        sentences.append(tr("≥: a throughput that was measured at a load below saturation."))
    if factor != 1:
        sentences.append(tr("Rates are nominal: {factor:g} times the measured ones (time scaling).", factor=factor))
    return " ".join(sentences)

"""Scale-up against scale-out: what one faster server and several slower ones deliver, and at which price. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid import server_types
from harness.grid.server_types import ServersLevel
from harness.language import messages, tr
from harness.summarise.gains.gain import Gain, GainCategory, GainKind
from harness.summarise.gains.scale_up import ScaleUp
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report import phrases

Prices = Mapping[ServersLevel, float | None]  # USD per hour of the servers and the balancer


def sentences(summary: Summary) -> list[str]:
    """Two sentences for each load: every alternative relative to the slowest server, and the direct comparisons."""
    prices = of_topologies(summary)
    return [sentence for each in summary.scale_ups for sentence in _sentences(each, prices)]


def of_topologies(summary: Summary) -> Prices:
    """Return the price of each topology; None where it is not known."""
    found = summary.topologies.topologies if summary.topologies and summary.topologies.priced else ()
    return {server_types.level_of(one.topology): one.usd_per_hour for one in found}


def _sentences(found: ScaleUp, prices: Prices) -> list[str]:
    base, price = name(found.base), _price(found.base, prices)
    steps = (*found.options, *found.mixed)
    clauses = [_clause(step, base if not place and not price else "", prices) for place, step in enumerate(steps)]
    begin = tr("At {load}", load=load_name(found.others))
    if price:
        begin += tr(", relative to {base} ({price} with the balancer):", base=base, price=price)
    first = f"{begin} {'; '.join(clauses)}."
    others = [_direct(step) for step in found.direct if step.kind is not GainKind.IDLE]
    has_statement = any(step.is_statement for step in found.options)
    direct = f"{phrases.capitalised('; '.join(others))}." if others and has_statement else ""
    return [sentence for sentence in (first, direct) if sentence]


def name(level: ServersLevel) -> str:
    """A topology in words: "one large server", "two small servers" or "2 small + 1 large servers"."""
    numbers = server_types.counts(level)
    if len(numbers) != 1:
        return tr("{types} servers", types=level)
    ((kind, number),) = numbers.items()
    message = "{number} {kind} server" if number == 1 else "{number} {kind} servers"
    return tr(message, number=phrases.cardinal(number), kind=kind)


def delivers(level: ServersLevel) -> str:
    """The message about its throughput relative to a base, with `servers`, `figure` and `base`."""
    is_one = server_types.count(level) == 1
    return messages("{servers} delivers {figure}{base}" if is_one else "{servers} deliver {figure}{base}")


def relative_to(base: str) -> str:
    """The base of a ratio, after its figure."""
    return tr(" {base}", base=base)


def _clause(step: Gain, base: str, prices: Prices) -> str:
    """What a topology delivers relative to the base, which only the first clause names."""
    price = _price(step.to_servers, prices)
    servers, cost = name(step.to_servers), f" ({price})" if price else ""
    if not step.is_statement or step.ratio is None:
        why = step.reason or step.conclusion_text
        return tr("{servers}: no ratio to {base} ({why})", servers=servers, base=base or tr("it"), why=why) + cost
    figure, more = text.ratio_with_interval(step.ratio), _efficiency(step)
    if step.kind is GainKind.LOWER_BOUND:
        figure = tr("at least {least}", least=_least(step.ratio))
        more = f" ({step.reason})"
    delivered = tr(delivers(step.to_servers), servers=servers, figure=figure, base=relative_to(base) if base else "")
    return f"{delivered}{more}{cost}"


def _least(ratio: Interval) -> str:
    return text.ratio(ratio.low if ratio.low is not None else ratio)


def _efficiency(step: Gain) -> str:
    """The efficiency of a topology of several types, and why it is low or not known; empty for any other one."""
    if len(server_types.counts(step.to_servers)) == 1:
        return ""
    known = text.share_with_interval(step.efficiency, step.efficiency_interval)
    reason = f" ({step.remark})" if step.remark else ""
    return (tr(", efficiency {efficiency}", efficiency=known) if step.efficiency is not None else "") + reason


def _direct(step: Gain) -> str:
    """Several servers of the slowest type compared with one server of another type."""
    several, one = name(step.to_servers), name(step.from_servers)
    if not step.is_statement or step.ratio is None:
        why = step.reason or step.conclusion_text
        return tr("{several} cannot be compared with {one} ({why})", several=several, one=one, why=why)
    facts = {"servers": several, "base": relative_to(one)}
    if step.kind is GainKind.LOWER_BOUND:
        least = tr("at least {least}", least=_least(step.ratio))
        return tr("{servers} deliver {figure}{base}", **facts, figure=least)
    ratio = text.ratio_with_interval(step.ratio)
    if step.category is GainCategory.INDISTINCT:
        return tr("{servers} deliver {figure}{base}, which is no measurable difference", **facts, figure=ratio)
    return tr("{servers} deliver {figure}{base}", **facts, figure=ratio)


def _price(level: ServersLevel, prices: Prices) -> str:
    usd = prices.get(level)
    return "" if usd is None else tr("{usd} USD per hour", usd=text.usd(usd))

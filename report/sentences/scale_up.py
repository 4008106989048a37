"""Scale-up against scale-out: what one faster server and several slower ones deliver, and at which price. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid import server_types
from harness.grid.server_types import ServersLevel
from harness.summarise.gains.gain import Gain, GainCategory, GainKind
from harness.summarise.gains.scale_up import ScaleUp
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
    begin = f"At {load_name(found.others)}"
    if price:
        begin += f", relative to {base} ({price} with the balancer):"
    first = f"{begin} {'; '.join(clauses)}."
    others = [_direct(step) for step in found.direct if step.kind is not GainKind.IDLE]
    has_statement = any(step.is_statement for step in found.options)
    direct = f"{phrases.capitalised('; '.join(others))}." if others and has_statement else ""
    return [sentence for sentence in (first, direct) if sentence]


def name(level: ServersLevel) -> str:
    """A topology in words: "one large server", "two small servers" or "2 small + 1 large servers"."""
    numbers = server_types.counts(level)
    if len(numbers) != 1:
        return f"{level} servers"
    ((kind, number),) = numbers.items()
    return f"{phrases.cardinal(number)} {kind} server{'' if number == 1 else 's'}"


def verb(level: ServersLevel) -> str:
    """The verb for its throughput."""
    return "delivers" if server_types.count(level) == 1 else "deliver"


def _clause(step: Gain, base: str, prices: Prices) -> str:
    """What a topology delivers relative to the base, which only the first clause names."""
    price = _price(step.to_servers, prices)
    subject = f"{name(step.to_servers)} {verb(step.to_servers)}"
    than = f" {base}" if base else ""
    cost = f" ({price})" if price else ""
    if not step.is_statement or step.ratio is None:
        return f"{name(step.to_servers)}: no ratio to {base or 'it'} ({step.reason or step.conclusion_text}){cost}"
    if step.kind is GainKind.LOWER_BOUND:
        least = text.ratio(step.ratio.low if step.ratio.low is not None else step.ratio)
        return f"{subject} at least {least}{than} ({step.reason}){cost}"
    return f"{subject} {text.ratio_with_interval(step.ratio)}{than}{_efficiency(step)}{cost}"


def _efficiency(step: Gain) -> str:
    """The efficiency of a topology of several types, and why it is low or not known; empty for any other one."""
    if len(server_types.counts(step.to_servers)) == 1:
        return ""
    known = text.share_with_interval(step.efficiency, step.efficiency_interval)
    reason = f" ({step.remark})" if step.remark else ""
    return (f", efficiency {known}" if step.efficiency is not None else "") + reason


def _direct(step: Gain) -> str:
    """Several servers of the slowest type compared with one server of another type."""
    several, one = name(step.to_servers), name(step.from_servers)
    if not step.is_statement or step.ratio is None:
        return f"{several} cannot be compared with {one} ({step.reason or step.conclusion_text})"
    if step.kind is GainKind.LOWER_BOUND:
        least = text.ratio(step.ratio.low if step.ratio.low is not None else step.ratio)
        return f"{several} deliver at least {least} {one}"
    ratio = text.ratio_with_interval(step.ratio)
    if step.category is GainCategory.INDISTINCT:
        return f"{several} deliver {ratio} {one}, which is no measurable difference"
    return f"{several} deliver {ratio} {one}"


def _price(level: ServersLevel, prices: Prices) -> str:
    usd = prices.get(level)
    return "" if usd is None else f"{text.usd(usd)} USD per hour"

"""The cheapest topology for a load: the sentence for the grid's target, and those for any load on the page. Pure."""

from __future__ import annotations

import json

from harness.language import tr
from harness.summarise.cost import CostAnswer, CostSummary
from harness.summarise.topology_choice import Choice, Fit, TopologyCost
from harness.words import load_name, visible
from report import estimates, phrases, script_data
from report import format as text

MILLION = "{million}"  # in a sentence of `pieces`: the price of a million requests


def answer(found: CostAnswer) -> str:
    """The cheapest topology for a rate, and the cheapest with one server failed (N−1)."""
    choice = found.choice
    return tr(
        "For {per_s}, {with_price}",
        per_s=estimates.required(choice.per_s),
        with_price=_with_price(found, text.usd(choice.usd_per_million)),
    )


def pieces(costs: CostSummary) -> str:
    """The sentences for all loads, as JSON: `words` apply up to the rate `to` (null: all above), `usd` is per hour."""
    found = [
        {
            # A load that is missed ends a piece 1e-7 below it.
            "to": None if each.up_to is None else script_data.number(each.up_to, digits=8),
            "words": visible(_with_price(each, MILLION)),
            "usd": _per_hour(each.choice),
        }
        for each in costs.by_rate
    ]
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _per_hour(choice: Choice) -> float | None:
    usd = None if choice.best is None else choice.best.usd_per_hour
    return None if usd is None else script_data.number(usd)


def by_servers(costs: CostSummary) -> str:
    """The sentences for all measured numbers of servers, as JSON: number → what its topologies sustain."""
    found: dict[str, list[str]] = {}
    for option in costs.topologies:
        if not option.topology.get("fail_servers"):
            found.setdefault(str(option.servers), []).append(_sustained(option))
    return json.dumps(
        {servers: visible(" ".join(each)) for servers, each in found.items()},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def _sustained(option: TopologyCost) -> str:
    """What one topology sustains, and at which load that was measured."""
    name, one = estimates.topology(option), option.servers == 1
    if option.rate is None:
        return tr(
            "{name} has no valid trial." if one else "{name} have no valid trial.", name=phrases.capitalised(name)
        )
    load = tr(", measured at {load}", load=load_name(option.rate.load)) if option.rate.load else ""
    return tr(
        "{name} sustains {rate}/s{load}." if one else "{name} sustain {rate}/s{load}.",
        name=name,
        rate=estimates.throughput(option.rate),
        load=load,
    )


def unmeasured(costs: CostSummary) -> str:
    """The sentence for any other number of servers, which replaces `{count}`."""
    known = phrases.joined([str(count) for count in sorted({option.servers for option in costs.topologies})])
    return tr(
        "{{count}} servers were not measured, and nothing is extrapolated. The study measured {known}.", known=known
    )


def _with_price(found: CostAnswer, million: str) -> str:
    """What follows the load in its sentences, with `million` as the price of a million requests."""
    return _words(found.choice, million) + _reserve(found)


def _reserve(found: CostAnswer) -> str:
    """The sentence on one failed server; empty where the question does not arise."""
    spare = found.n_minus_1
    if spare is None:
        return ""
    if spare.best is None or spare.fit is not Fit.YES:
        return tr(" No measured topology delivers it with one server failed (N−1).")
    usd = tr(": {usd_per_hour} USD per hour", usd_per_hour=text.usd(spare.best.usd_per_hour)) if spare.priced else ""
    return tr(
        " With one server failed (N−1), {best} is needed{usd}."
        if spare.best.servers == 1
        else " With one server failed (N−1), {best} are needed{usd}.",
        best=estimates.topology(spare.best),
        usd=usd,
    )


def _words(choice: Choice, million: str) -> str:
    best = choice.best
    if best is None:
        return _not_enough(choice)
    usd = (
        tr(
            ": {usd_per_hour} USD per hour, {million} USD per million requests",
            usd_per_hour=text.usd(best.usd_per_hour),
            million=million,
        )
        if choice.priced
        else ""
    )
    if choice.fit is not Fit.YES:
        return f"{_uncertain(best)}{usd}."
    one = best.servers == 1
    if choice.priced:
        found = tr(
            "{best} is the cheapest sufficient topology{usd}"
            if one
            else "{best} are the cheapest sufficient topology{usd}",
            best=estimates.topology(best),
            usd=usd,
        )
    else:
        found = tr(
            "{best} is sufficient ({rate}/s)" if one else "{best} are sufficient ({rate}/s)",
            best=estimates.topology(best),
            rate=estimates.throughput(best.rate),
        )
    return " ".join([f"{found}.", *(f"{phrases.capitalised(_uncertain(option))}." for option in choice.uncertain)])


def _uncertain(option: TopologyCost) -> str:
    return tr(
        "{option} may be sufficient ({rate}/s)",
        option=estimates.topology(option),
        rate=estimates.throughput(option.rate),
    )


def _not_enough(choice: Choice) -> str:
    if choice.largest is None:
        return tr("there is no answer: no topology has a valid trial.")
    most = tr(
        "{largest} delivers {rate}/s" if choice.largest.servers == 1 else "{largest} deliver {rate}/s",
        largest=estimates.topology(choice.largest),
        rate=estimates.throughput(choice.largest.rate),
    )
    if choice.fit is Fit.NO:
        return tr("no measured topology is sufficient: {most}. Measure more servers.", most=most)
    found = choice.largest.rate
    missing = tr("a lower load") if found and found.upper_bound else tr("a higher load or more servers")
    return tr("no measured topology was shown to be sufficient: {most}. Measure {missing}.", most=most, missing=missing)

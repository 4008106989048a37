"""The cheapest topology for a load: the sentence for the grid's target, and those for any load on the page. Pure."""

from __future__ import annotations

import json

from harness.summarise.cost import CostAnswer, CostSummary
from harness.summarise.topology_choice import Choice, Fit, TopologyCost
from harness.words import load_name, visible
from report import estimates, phrases, script_data
from report import format as text

MILLION = "{million}"  # in a sentence of `pieces`: the price of a million requests


def answer(found: CostAnswer) -> str:
    """The cheapest topology for a rate, and the cheapest with one server failed (N−1)."""
    choice = found.choice
    return f"For {estimates.required(choice.per_s)}, {_with_price(found, text.usd(choice.usd_per_million))}"


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
        return f"{phrases.capitalised(name)} {'has' if one else 'have'} no valid trial."
    load = f", measured at {load_name(option.rate.load)}" if option.rate.load else ""
    return f"{name} {'sustains' if one else 'sustain'} {estimates.throughput(option.rate)}/s{load}."


def unmeasured(costs: CostSummary) -> str:
    """The sentence for any other number of servers, which replaces `{count}`."""
    known = phrases.joined([str(count) for count in sorted({option.servers for option in costs.topologies})])
    return f"{{count}} servers were not measured, and nothing is extrapolated. The study measured {known}."


def _with_price(found: CostAnswer, million: str) -> str:
    """What follows the load in its sentences, with `million` as the price of a million requests."""
    return _words(found.choice, million) + _reserve(found)


def _reserve(found: CostAnswer) -> str:
    """The sentence on one failed server; empty where the question does not arise."""
    spare = found.n_minus_1
    if spare is None:
        return ""
    if spare.best is None or spare.fit is not Fit.YES:
        return " No measured topology delivers it with one server failed (N−1)."
    usd = f": {text.usd(spare.best.usd_per_hour)} USD per hour" if spare.priced else ""
    verb = "is" if spare.best.servers == 1 else "are"
    return f" With one server failed (N−1), {estimates.topology(spare.best)} {verb} needed{usd}."


def _words(choice: Choice, million: str) -> str:
    best = choice.best
    if best is None:
        return _not_enough(choice)
    usd = f": {text.usd(best.usd_per_hour)} USD per hour, {million} USD per million requests" if choice.priced else ""
    if choice.fit is not Fit.YES:
        return f"{_uncertain(best)}{usd}."
    one = best.servers == 1
    if choice.priced:
        found = f"{estimates.topology(best)} {'is' if one else 'are'} the cheapest sufficient topology{usd}"
    else:
        found = f"{estimates.topology(best)} {'is' if one else 'are'} sufficient ({estimates.throughput(best.rate)}/s)"
    return " ".join([f"{found}.", *(f"{phrases.capitalised(_uncertain(option))}." for option in choice.uncertain)])


def _uncertain(option: TopologyCost) -> str:
    return f"{estimates.topology(option)} may be sufficient ({estimates.throughput(option.rate)}/s)"


def _not_enough(choice: Choice) -> str:
    if choice.largest is None:
        return "there is no answer: no topology has a valid trial."
    verb = "delivers" if choice.largest.servers == 1 else "deliver"
    most = f"{estimates.topology(choice.largest)} {verb} {estimates.throughput(choice.largest.rate)}/s"
    if choice.fit is Fit.NO:
        return f"no measured topology is sufficient: {most}. Measure more servers."
    found = choice.largest.rate
    missing = "a lower load" if found and found.upper_bound else "a higher load or more servers"
    return f"no measured topology was shown to be sufficient: {most}. Measure {missing}."

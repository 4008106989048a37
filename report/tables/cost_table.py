"""What topologies cost and which carries a load, as a table and in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.records.study import StudyRecord
from harness.records.trial import Component
from harness.summarise.cost import CostAnswer, CostSummary
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from harness.summarise.sustainable_rate import SustainableRate
from harness.summarise.topology_choice import Choice, Fit, TopologyCost
from harness.words import load_name
from report import format as text
from report.elements import Table

MILLION = "{million}"
NO_MORE = "these users ask for no more"
HELD = {
    Component.SERVER: "the servers’ limit",
    Component.BALANCER: "the balancer’s limit",
    Component.LOAD: NO_MORE,
    Component.UNKNOWN: "its limit is not known",
}


@dataclass(frozen=True)
class Money:
    """The section: its table, the sentence for the grid's target (empty without one), and what the page reckons with.

    `pieces` is JSON: up to which rate (`to`, of the last one null) which words hold, and USD an hour. In the words
    `{million}` stands for what a million requests cost.
    """

    table: Table
    answer: str
    pieces: str
    asked: str  # what the field on the page begins with
    priced: bool


def section(study: StudyRecord, summary: Summary) -> Money | None:
    """The section; None where neither a price nor a target asks for it."""
    costs, target = summary.costs, summary.grid.target
    if costs is None:
        return None
    return Money(
        _table(costs.topologies, target, _note(costs.topologies, study, summary)),
        "" if costs.target is None else sentence(costs.target.choice) + _spare(costs.target),
        _pieces(costs),
        "" if target is None else f"{target:.10g}",
        costs.priced,
    )


def _table(found: Sequence[TopologyCost], target: float | None, note: str) -> Table:
    """A row for each topology; what it costs where a price is known."""
    priced = any(option.usd_per_hour is not None for option in found)
    columns = ["topology", "USD per hour", "carries, /s", "USD per million", "as seen"]
    columns = columns if priced else [name for name in columns if "USD" not in name]
    rows = []
    for option in found:
        carried, dearest = option.rate, option.usd_per_million
        hourly, million = ([text.usd(usd)] if priced else [] for usd in (option.usd_per_hour, dearest))
        row = [_name(option), *hourly, _carried(carried, "≥ "), *million, _seen(carried)]
        rows.append(row if target is None else [*row, str(option.at_target)])
    columns += [] if target is None else [f"{per_s(target)}"]
    return Table(columns, rows, (1, 2, 3) if priced else (1,), note=note)


def _note(found: Sequence[TopologyCost], study: StudyRecord, summary: Summary) -> str:
    wanted = summary.grid.objectives
    said = []
    if any(option.usd_per_hour is not None for option in found):
        said.append(
            "USD per hour: the servers that take part and the balancer, by the inventory’s prices; the generator is no "
            "cost of running. USD per million requests at what is carried; of less load each is dearer."
        )
    if any(option.rate is not None and option.rate.by_objectives for option in found):
        said.append("What is carried is the capacity, the largest load that meets the objectives.")
    elif wanted.p95 is not None or wanted.error_rate is not None:
        said.append("What is carried is the most that was seen to meet the objectives.")
    else:
        said.append("What is carried is throughput at the limit, however long users then wait; objectives bound that.")
    if any(option.rate is not None and option.rate.lower_bound for option in found):
        said.append("What follows ≥ was seen to be carried; more may be.")
    if study.factor != 1:
        said.append(f"Rates are those of full speed, {study.factor:g} times what was played.")
    return " ".join(said)


def per_s(rate: float) -> str:
    """A rate, as in 300/s."""
    return f"{rate:.2g}/s" if rate < 10 else f"{text.rate(rate)}/s"


def _name(option: TopologyCost) -> str:
    """As in "3 servers" or "3 servers with nginx_lb_method least_conn"."""
    rest = {name: level for name, level in option.topology.items() if name != "servers"}
    said = load_name(rest)
    return text.count(option.servers, "server") + (f" with {said}" if said else "")


def _carried(found: SustainableRate | None, least: str = "at least ") -> str:
    """As in "745 [738, 752]", or of a floor "at least 990 [980, 1000]"."""
    if found is None:
        return text.NOTHING
    if found.upper_bound:
        return f"less than {text.rate(found.value)}"
    if found.missed_at is not None:
        return f"{text.rate(found.value)} to {text.rate(found.missed_at)}"
    return (least if found.lower_bound else "") + text.rate_interval(Interval(found.value, found.low, found.high))


def _seen(found: SustainableRate | None) -> str:
    if found is None:
        return "nothing that counts"
    if found.by_objectives:
        if found.upper_bound:
            return "missed at all loads measured"
        if found.missed_at is not None:
            return "met at the one load, missed at the other"
        return "met at all loads measured" if found.lower_bound else "the largest load that meets the objectives"
    return f"{HELD.get(found.bottleneck, f'the {found.bottleneck} was the limit')} at {load_name(found.load)}"


def sentence(choice: Choice) -> str:
    """The cheapest topology for a load."""
    usd = choice.usd_per_million
    return f"For {per_s(choice.per_s)} {_words(choice).replace(MILLION, text.usd(usd))}"


def _spare(answer: CostAnswer) -> str:
    """The sentence that follows; empty where nothing carries the load, or no topology has one server fewer."""
    spare = answer.n_minus_1
    if spare is None:
        return ""
    if spare.best is None or spare.fit != Fit.YES:
        return " None that was measured surely carries it with one server lost."
    usd = f": {text.usd(spare.best.usd_per_hour)} USD an hour" if spare.priced else ""
    return f" To carry it with one server lost, too, takes {_name(spare.best)}{usd}."


def _words(choice: Choice) -> str:
    """What follows the load in its sentence, with `MILLION` for what a million requests cost."""
    best = choice.best
    if best is None:
        return _not_enough(choice)
    usd = f": {text.usd(best.usd_per_hour)} USD an hour, {MILLION} USD per million requests" if choice.priced else ""
    if choice.fit != Fit.YES:
        return f"{_maybe(best)}{usd}."
    one = best.servers == 1
    if choice.priced:
        told = f"{_name(best)} {'is' if one else 'are'} the cheapest that {'carries' if one else 'carry'} it{usd}"
    else:
        told = f"{_name(best)} {'is enough' if one else 'are the fewest that carry it'} ({_carried(best.rate)}/s)"
    return " ".join([f"{told}.", *(f"{_maybe(option)}." for option in choice.uncertain)])


def _maybe(option: TopologyCost) -> str:
    return f"{_name(option)} may do, but not surely ({_carried(option.rate)}/s)"


def _pieces(costs: CostSummary) -> str:
    """What the page says of any load, as JSON: up to each rate one sentence holds, beyond the last one the last."""
    said = [
        {
            "to": answer.up_to,
            "words": _words(answer.choice) + _spare(answer),
            "usd": answer.choice.best.usd_per_hour if answer.choice.best else None,
        }
        for answer in costs.by_rate
    ]
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _not_enough(choice: Choice) -> str:
    if choice.largest is None:
        return "nothing can be said: no topology has a trial that counts."
    verb = "carries" if choice.largest.servers == 1 else "carry"
    most = f"{_name(choice.largest)} {verb} {_carried(choice.largest.rate)}/s"
    if choice.fit == Fit.NO:
        return f"nothing that was measured is enough: {most}. How many servers it takes has to be measured."
    seen = choice.largest.rate
    takes = "less load" if seen and seen.upper_bound else "more load or more servers"
    return f"nothing that was measured was seen to be enough: {most}. It takes trials of {takes}."

"""The cheapest topology for a load: the sentence for the grid's target, and those for any load on the page. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.summarise import cost
from harness.summarise.cost import Choice, Fit, Option
from report import estimates, phrases
from report import format as text

MILLION = "{million}"  # in a sentence of `pieces`: the price of a million requests
JUST_BELOW = 1 - 1e-9


def answer(options: Sequence[Option], target: float) -> str:
    """The cheapest topology for the target, and the cheapest with one server in reserve (N−1)."""
    choice = cost.choose(options, target)
    return sentence(choice) + _reserve(options, choice)


def sentence(choice: Choice) -> str:
    """The cheapest topology for a load."""
    usd = choice.best.usd_per_million(choice.per_s) if choice.best else None
    return f"For {estimates.required(choice.per_s)}, {_words(choice).replace(MILLION, text.usd(usd))}"


def pieces(options: Sequence[Option]) -> str:
    """The sentences for all loads, as JSON: `words` apply up to the rate `to` (null: all above), `usd` is per hour."""
    known = [option.capacity for option in options if option.capacity]
    carried = {end for one in known if not one.ceiling for end in (one.low, one.value) if end}
    # The rate at which an objective was missed already belongs to the next sentence.
    missed = {one.missed_at * JUST_BELOW for one in known if one.missed_at}
    ends = carried | missed
    choices: list[tuple[float | None, Choice]] = [(end, cost.choose(options, end)) for end in sorted(ends)]
    choices.append((None, cost.choose(options, max(ends, default=1.0) * 2)))
    found = [
        {
            "to": end,
            "words": _words(choice) + _reserve(options, choice),
            "usd": choice.best.usd_per_hour if choice.best else None,
        }
        for end, choice in choices
    ]
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _reserve(options: Sequence[Option], choice: Choice) -> str:
    """The sentence on one failed server; empty where no topology is enough or none has one server fewer."""
    left = cost.with_one_lost(options)
    if choice.best is None or not left:
        return ""
    spare = cost.choose(left, choice.per_s)
    if spare.best is None or spare.fit != Fit.SURELY:
        return " No measured topology delivers it with one server failed (N−1)."
    usd = f": {text.usd(spare.best.usd_per_hour)} USD per hour" if spare.priced else ""
    verb = "is" if spare.best.servers == 1 else "are"
    return f" With one server failed (N−1), {estimates.topology(spare.best)} {verb} needed{usd}."


def _words(choice: Choice) -> str:
    """What follows the load in its sentence, with `MILLION` for the price of a million requests."""
    best = choice.best
    if best is None:
        return _not_enough(choice)
    usd = f": {text.usd(best.usd_per_hour)} USD per hour, {MILLION} USD per million requests" if choice.priced else ""
    if choice.fit != Fit.SURELY:
        return f"{_uncertain(best)}{usd}."
    one = best.servers == 1
    if choice.priced:
        found = f"{estimates.topology(best)} {'is' if one else 'are'} the cheapest sufficient topology{usd}"
    else:
        found = (
            f"{estimates.topology(best)} {'is' if one else 'are'} sufficient ({estimates.throughput(best.capacity)}/s)"
        )
    return " ".join([f"{found}.", *(f"{phrases.capitalised(_uncertain(option))}." for option in choice.maybe)])


def _uncertain(option: Option) -> str:
    return f"{estimates.topology(option)} may be sufficient ({estimates.throughput(option.capacity)}/s)"


def _not_enough(choice: Choice) -> str:
    if choice.most is None:
        return "there is no answer: no topology has a valid trial."
    verb = "delivers" if choice.most.servers == 1 else "deliver"
    most = f"{estimates.topology(choice.most)} {verb} {estimates.throughput(choice.most.capacity)}/s"
    if choice.fit == Fit.NO:
        return f"no measured topology is sufficient: {most}. Measure more servers."
    found = choice.most.capacity
    missing = "a lower load" if found and found.ceiling else "a higher load or more servers"
    return f"no measured topology was shown to be sufficient: {most}. Measure {missing}."

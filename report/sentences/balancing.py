"""The effect of a balancing method on throughput and response times. Pure."""

from __future__ import annotations

from harness.grid.thresholds import Thresholds
from harness.records.trial import Component
from harness.summarise.comparison import attribution
from harness.summarise.comparison.factors import Effect
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name
from report import format as text
from report import phrases

NAMES = {"p50": "median response time", "p95": "p95"}


def sentence(effect: Effect, limits: Thresholds) -> str:
    """A method compared with the first one, at the same servers and load."""
    load = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    where = f"With {phrases.count(int(effect.rest['servers']), 'server')} at {load}"
    if effect.ratio is None:
        return f"{where} the effect of {effect.level} instead of {effect.base} is unknown: {effect.why}."
    note = phrases.indicative(effect.k, "repeat", limits.statement_repeats)
    return f"{where} {effect.level} {_throughput(effect, limits.same_within)}{_response_times(effect)}{note}."


def _throughput(effect: Effect, margin: float) -> str:
    ratio, base = text.ratio_with_interval(effect.ratio), effect.base
    if effect.why in attribution.NO_MORE.values():
        return f"served the whole load, as did {base} ({ratio})"
    if effect.why:
        return f"allows no comparison of throughput with {base} ({ratio}: {effect.why})"
    if effect.word == attribution.NOT_MEASURABLE:
        side = base if effect.bound == "at most" else effect.level
        held = attribution.holds(effect.held or Component.LOAD)
        return f"allows no comparison of throughput with {base} ({ratio}: with {side} {held})"
    if effect.word == "not told apart from 1":
        if _equivalent(effect.ratio, margin):
            return f"delivered the same throughput as {base} ({ratio})"
        return f"made no measurable difference to throughput compared with {base} ({ratio})"
    bound = f"{effect.bound} " if effect.bound else ""
    return f"delivered {bound}{ratio} the throughput of {base}"


def _equivalent(ratio: Interval | None, margin: float) -> bool:
    """Whether the whole interval lies within the margin of rule E21."""
    low, high = (ratio.low, ratio.high) if ratio else (None, None)
    return low is not None and high is not None and 1 - margin <= low and high <= 1 + margin


def _response_times(effect: Effect) -> str:
    """The change of response times, as the end of the sentence."""
    change = effect.waits
    if not change.ratios:
        return ""
    if change.why and change.why == effect.why:
        return ", and none of response times"
    if change.why:
        return f"; response times are not comparable: {change.why}"
    ratios = {name: text.ratio_with_interval(ratio) for name, ratio in change.ratios.items()}
    if all(change.word(name) == "not told apart from 1" for name in change.ratios):
        listed = " and ".join(f"{NAMES[name]} ({ratio})" for name, ratio in ratios.items())
        return f"; {listed} did not change measurably"
    return "; " + " and ".join(f"its {NAMES[name]} was {ratio}" for name, ratio in ratios.items())

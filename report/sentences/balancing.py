"""What another way of choosing a server did, to throughput and to those who wait, in a sentence. Pure."""

from __future__ import annotations

from harness.grid.thresholds import Thresholds
from harness.records.trial import Component
from harness.summarise.comparison import attribution
from harness.summarise.comparison.factors import Effect
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name
from report import format as text

NAMES = {"p50": "median answer time", "p95": "p95"}


def sentence(effect: Effect, limits: Thresholds) -> str:
    """The method beside the first one, at the same servers and load; both are told by their names."""
    load = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    where = f"With {text.count(int(effect.rest['servers']), 'server')} at {load}"
    if effect.ratio is None:
        return f"{where} what {effect.level} does beside {effect.base} could not be judged: {effect.why}."
    few = effect.k < limits.statement_repeats
    note = f" (indicative: {text.count(effect.k, 'repeat')} only)" if few else ""
    return f"{where} {effect.level} {_throughput(effect, limits.same_within)}{_waits(effect)}{note}."


def _throughput(effect: Effect, margin: float) -> str:
    shown, base = text.ratio_with_interval(effect.ratio), effect.base
    if effect.why in attribution.NO_MORE.values():
        return f"answered, as {base} did, all of the load ({shown})"
    if effect.why:
        return f"cannot show what it does to throughput beside {base} ({shown}: {effect.why})"
    if effect.word == attribution.NOT_MEASURABLE:
        side = base if effect.bound == "at most" else effect.level
        held = attribution.holds(effect.held or Component.LOAD)
        return f"cannot show what it does to throughput beside {base} ({shown}: with {side} {held})"
    if effect.word == "not told apart from 1":
        if _same(effect.ratio, margin):
            return f"answered as many requests as {base} ({shown})"
        return f"made no difference to throughput that could be told beside {base} ({shown})"
    least = f"{effect.bound} " if effect.bound else ""
    return f"answered {least}{shown} the requests that {base} did"


def _same(ratio: Interval | None, margin: float) -> bool:
    """Whether the whole interval lies within the margin of rule E21: not to be told apart is not sameness."""
    low, high = (ratio.low, ratio.high) if ratio else (None, None)
    return low is not None and high is not None and 1 - margin <= low and high <= 1 + margin


def _waits(effect: Effect) -> str:
    """What became of answer times, as the sentence's end."""
    waits = effect.waits
    if not waits.ratios:
        return ""
    if waits.why and waits.why == effect.why:
        return ", nor to answer times"
    if waits.why:
        return f"; its answer times say nothing, as {waits.why}"
    shown = {name: text.ratio_with_interval(ratio) for name, ratio in waits.ratios.items()}
    if all(waits.word(name) == "not told apart from 1" for name in waits.ratios):
        told = " and ".join(f"{NAMES[name]} ({ratio})" for name, ratio in shown.items())
        return f"; its {told} made no difference that could be told"
    (first, ratio), *rest = shown.items()
    return f"; its {NAMES[first]} was {ratio}" + "".join(f" and its {NAMES[name]} {ratio}" for name, ratio in rest)

"""What another way of choosing a server did, to throughput and to those who wait, in a sentence. Pure."""

from __future__ import annotations

from harness.grid.thresholds import Thresholds
from harness.summarise.comparison.factors import FactorEffect
from harness.summarise.gains.obstacle import ObstacleKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.words import load_name
from report import format as text

NAMES = {"p50": "median answer time", "p95": "p95"}


def sentence(effect: FactorEffect, limits: Thresholds) -> str:
    """The method beside the first one, at the same servers and load; both are told by their names."""
    load = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    where = f"With {text.count(int(effect.rest['servers']), 'server')} at {load}"
    if effect.ratio is None:
        return f"{where} what {effect.level} does beside {effect.base} could not be judged: {_obstacle(effect)}."
    few = effect.k < limits.statement_repeats
    note = f" (indicative: {text.count(effect.k, 'repeat')} only)" if few else ""
    return f"{where} {effect.level} {_throughput(effect)}{_waits(effect)}{note}."


def _throughput(effect: FactorEffect) -> str:
    shown, base = text.ratio_with_interval(effect.ratio), effect.base
    if effect.obstacle and effect.obstacle.kind is ObstacleKind.LOAD_LIMITED:
        return f"answered, as {base} did, all of the load ({shown})"
    if effect.obstacle:
        return f"cannot show what it does to throughput beside {base} ({shown}: {effect.obstacle.text})"
    if effect.conclusion is Conclusion.NOT_MEASURABLE:
        held = effect.hidden_by_text
        return f"cannot show what it does to throughput beside {base} ({shown}: with {effect.hidden_level} {held})"
    if effect.conclusion is Conclusion.INDISTINCT:
        if effect.equivalent:
            return f"answered as many requests as {base} ({shown})"
        return f"made no difference to throughput that could be told beside {base} ({shown})"
    least = f"{effect.bound} " if effect.bound else ""
    return f"answered {least}{shown} the requests that {base} did"


def _waits(effect: FactorEffect) -> str:
    """What became of answer times, as the sentence's end."""
    waits = effect.response_times
    if not waits.ratios:
        return ""
    if waits.obstacle and waits.obstacle == effect.obstacle:
        return ", nor to answer times"
    if waits.obstacle:
        return f"; its answer times say nothing, as {waits.obstacle.text}"
    shown = {name: text.ratio_with_interval(ratio) for name, ratio in waits.ratios.items()}
    if all(waits.conclusion(name) is Conclusion.INDISTINCT for name in waits.ratios):
        told = " and ".join(f"{NAMES[name]} ({ratio})" for name, ratio in shown.items())
        return f"; its {told} made no difference that could be told"
    (first, ratio), *rest = shown.items()
    return f"; its {NAMES[first]} was {ratio}" + "".join(f" and its {NAMES[name]} {ratio}" for name, ratio in rest)


def _obstacle(effect: FactorEffect) -> str:
    return effect.obstacle.text if effect.obstacle else ""

"""The effect of a balancing method, of HTTPS, or of the balancer itself, on throughput and response times. Pure."""

from __future__ import annotations

from harness.grid.thresholds import Thresholds
from harness.language import messages, tr
from harness.summarise.comparison.factors import FactorEffect, FactorKind
from harness.summarise.gains.obstacle import ObstacleKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.words import load_name
from report import format as text
from report import phrases

NAMES = messages({"p50": "median response time", "p95": "p95"})


def sentence(effect: FactorEffect, limits: Thresholds) -> str:
    """A method, HTTPS, or a balancer, compared with the first level, at the same servers and load."""
    load = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    where = tr("With {rest} at {load}", rest=phrases.topology(effect.rest), load=load)
    if effect.ratio is None:
        return tr(
            "{where} the effect of {level} instead of {base} is unknown: {obstacle}.",
            where=where,
            level=effect.level,
            base=effect.base,
            obstacle=obstacle(effect),
        )
    note = phrases.indicative(effect.k, "repeat", limits.statement_repeats)
    return f"{where} {_throughput(effect)}{_response_times(effect)}{_unloaded(effect)}{note}."


def _unloaded(effect: FactorEffect) -> str:
    """The cost of a balancer for a single request, as the end of the sentence."""
    if effect.kind is not FactorKind.BALANCER or effect.unloaded is None:
        return ""
    return tr("; without load its response time was {unloaded}", unloaded=text.ratio_with_interval(effect.unloaded))


def _throughput(effect: FactorEffect) -> str:
    """The effect on throughput as a clause; it names the response times too if the same obstacle hides them."""
    ratio, level, base = text.ratio_with_interval(effect.ratio), effect.level, effect.base
    if effect.obstacle and effect.obstacle.kind is ObstacleKind.LOAD_LIMITED:
        return tr("{level} served the whole load, as did {base} ({ratio})", level=level, base=base, ratio=ratio)
    if effect.obstacle:
        return tr(
            "throughput and response times of {level} and {base} are not comparable ({ratio}: {text})"
            if _same_obstacle(effect)
            else "throughput of {level} and {base} is not comparable ({ratio}: {text})",
            level=level,
            base=base,
            ratio=ratio,
            text=effect.obstacle.text,
        )
    if effect.conclusion is Conclusion.NOT_MEASURABLE:
        hidden = tr(
            "with {hidden_level} {hidden_by_text}",
            hidden_level=effect.hidden_level,
            hidden_by_text=effect.hidden_by_text,
        )
        return tr(
            "throughput of {level} and {base} is not comparable ({ratio}: {hidden})",
            level=level,
            base=base,
            ratio=ratio,
            hidden=hidden,
        )
    if effect.conclusion is Conclusion.INDISTINCT:
        if effect.equivalent:
            return tr("{level} delivered the same throughput as {base} ({ratio})", level=level, base=base, ratio=ratio)
        return tr(
            "{level} made no measurable difference to throughput compared with {base} ({ratio})",
            level=level,
            base=base,
            ratio=ratio,
        )
    bound = f"{tr(effect.bound)} " if effect.bound else ""
    return tr(
        "{level} delivered {bound}{ratio} the throughput of {base}", level=level, bound=bound, ratio=ratio, base=base
    )


def _same_obstacle(effect: FactorEffect) -> bool:
    """Whether one obstacle hides the effect on throughput and on response times."""
    change = effect.response_times
    return bool(change.ratios) and change.obstacle is not None and change.obstacle == effect.obstacle


def obstacle(effect: FactorEffect) -> str:
    """What keeps an effect from being a statement; empty for nothing."""
    return effect.obstacle.text if effect.obstacle else ""


def _response_times(effect: FactorEffect) -> str:
    """The change of response times, as the end of the sentence."""
    change = effect.response_times
    if not change.ratios:
        return ""
    if _same_obstacle(effect) and effect.obstacle and effect.obstacle.kind is not ObstacleKind.LOAD_LIMITED:
        return ""  # `_throughput` names both
    if change.obstacle:
        return tr("; response times are not comparable: {text}", text=change.obstacle.text)
    ratios = {name: text.ratio_with_interval(ratio) for name, ratio in change.ratios.items()}
    if all(change.conclusion(name) is Conclusion.INDISTINCT for name in change.ratios):
        listed = " and ".join(f"{tr(NAMES[name])} ({ratio})" for name, ratio in ratios.items())
        return tr("; {listed} did not change measurably", listed=listed)
    return "; " + " and ".join(
        tr("its {name} was {ratio}", name=tr(NAMES[name]), ratio=ratio) for name, ratio in ratios.items()
    )

"""What factors other than servers and load did, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid import load
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.summarise.comparison.factors import FactorEffect, FactorKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.words import load_name
from report import format as text
from report.sentences import balancing


def told(found: Sequence[FactorEffect]) -> list[FactorEffect]:
    """Of each factor's levels the comparison in the largest topology at the largest load: chosen beforehand."""
    best: dict[tuple[str, str], FactorEffect] = {}
    for effect in found:
        key = (effect.factor, str(effect.level))
        if key not in best or _size(effect.rest) > _size(best[key].rest):
            best[key] = effect
    return list(best.values())


def _size(levels: Levels) -> tuple[int, float]:
    return int(levels["servers"]), load.level_of(levels)


def sentence(effect: FactorEffect, limits: Thresholds) -> str:
    """What a level did, beside the factor's first one; builds and the balancer's methods are named as what they are."""
    if effect.kind is FactorKind.BALANCING_METHOD:
        return balancing.sentence(effect, limits)
    where = f"At {load_name({n: v for n, v in effect.rest.items() if n != 'servers'})}"
    with_ = text.count(int(effect.rest["servers"]), "server")
    is_image = effect.kind is FactorKind.IMAGE
    name = "image" if is_image else effect.factor
    what = f"{name} {effect.level} instead of {effect.base}"
    shown = text.ratio_with_interval(effect.ratio)
    note = f" (indicative: {text.count(effect.k, 'repeat')} only)" if effect.k < limits.statement_repeats else ""
    if effect.ratio is None:
        return f"{where} what {what} does with {with_} could not be judged: {_obstacle(effect)}."
    if effect.obstacle:
        return f"{where} {what} cannot show what it does with {with_} ({shown}): {effect.obstacle.text}."
    if effect.conclusion is Conclusion.NOT_MEASURABLE:
        side = f"{name} {effect.hidden_level}"
        return f"{where} {what} cannot show what it does with {with_} ({shown}): with {side} {effect.hidden_by_text}."
    if effect.conclusion is Conclusion.INDISTINCT:
        return f"{where} {what} made no difference that could be told with {with_} ({shown}){note}."
    least = f"{effect.bound} " if effect.bound else ""
    if is_image:
        return f"{where} {with_} of image {effect.level} served {least}{shown} the throughput of {effect.base}{note}."
    return f"{where} {what} gave {with_} {least}{shown} the throughput{note}."


def _obstacle(effect: FactorEffect) -> str:
    return effect.obstacle.text if effect.obstacle else ""

"""What factors other than servers and load did, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid import load
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.records.trial import Component
from harness.summarise.comparison import attribution, factors
from harness.summarise.comparison.factors import Effect
from harness.words import load_name
from report import format as text
from report.sentences import balancing


def told(found: Sequence[Effect]) -> list[Effect]:
    """Of each factor's levels the comparison in the largest topology at the largest load: chosen beforehand."""
    best: dict[tuple[str, str], Effect] = {}
    for effect in found:
        key = (effect.factor, str(effect.level))
        if key not in best or _size(effect.rest) > _size(best[key].rest):
            best[key] = effect
    return list(best.values())


def _size(levels: Levels) -> tuple[int, float]:
    return int(levels["servers"]), load.level_of(levels)


def sentence(effect: Effect, limits: Thresholds) -> str:
    """What a level did, beside the factor's first one; builds and the balancer's methods are named as what they are."""
    if effect.factor == factors.METHOD:
        return balancing.sentence(effect, limits)
    where = f"At {load_name({n: v for n, v in effect.rest.items() if n != 'servers'})}"
    with_ = text.count(int(effect.rest["servers"]), "server")
    is_image = effect.factor == factors.IMAGE
    name = "image" if is_image else effect.factor
    what = f"{name} {effect.level} instead of {effect.base}"
    shown = text.ratio_with_interval(effect.ratio)
    note = f" (indicative: {text.count(effect.k, 'repeat')} only)" if effect.k < limits.statement_repeats else ""
    if effect.ratio is None:
        return f"{where} what {what} does with {with_} could not be judged: {effect.why}."
    if effect.why:
        return f"{where} {what} cannot show what it does with {with_} ({shown}): {effect.why}."
    if effect.word == attribution.NOT_MEASURABLE:
        side = f"{name} {effect.base if effect.bound == 'at most' else effect.level}"
        held = attribution.holds(effect.held or Component.LOAD)
        return f"{where} {what} cannot show what it does with {with_} ({shown}): with {side} {held}."
    if effect.word == "not told apart from 1":
        return f"{where} {what} made no difference that could be told with {with_} ({shown}){note}."
    least = f"{effect.bound} " if effect.bound else ""
    if is_image:
        return f"{where} {with_} of image {effect.level} served {least}{shown} the throughput of {effect.base}{note}."
    return f"{where} {what} gave {with_} {least}{shown} the throughput{note}."

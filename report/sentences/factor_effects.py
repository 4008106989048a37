"""Effects of factors other than servers and load. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.balancers import registry
from harness.grid import load
from harness.grid.server_types import count
from harness.grid.thresholds import Thresholds
from harness.grid.types import Levels
from harness.language import tr
from harness.summarise.comparison.capacity_effects import CapacityEffect
from harness.summarise.comparison.factors import FactorEffect, FactorKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.words import load_name
from report import format as text
from report import phrases
from report.sentences import balancing


def sentences(effects: Sequence[FactorEffect], limits: Thresholds) -> list[str]:
    """A sentence for each level of each factor, in the largest topology at the largest load."""
    largest: dict[tuple[str, str], FactorEffect] = {}
    for effect in effects:
        key = (effect.factor, str(effect.level))
        if key not in largest or _size(effect.rest) > _size(largest[key].rest):
            largest[key] = effect
    return [sentence(effect, limits) for effect in largest.values()]


def sentence(effect: FactorEffect, limits: Thresholds) -> str:
    """The effect of a level compared with the factor's first one."""
    if effect.kind is FactorKind.BALANCING_METHOD:
        return balancing.sentence(effect, limits)
    if effect.kind is FactorKind.TLS:
        named = [load_name({effect.factor: level}) for level in (effect.base, effect.level)]
        return balancing.sentence(replace(effect, base=named[0], level=named[1]), limits)
    if effect.kind is FactorKind.BALANCER:
        shown = [registry.BY_NAME[str(level)].shown for level in (effect.base, effect.level)]
        return balancing.sentence(replace(effect, base=shown[0], level=shown[1]), limits)
    where = tr("At {load}", load=load_name({n: v for n, v in effect.rest.items() if n != "servers"}))
    servers = tr("with {rest}", rest=phrases.topology(effect.rest))
    is_image = effect.kind is FactorKind.IMAGE
    name = tr("image") if is_image else effect.factor
    facts = {
        "where": where,
        "what": tr("{name} {level} instead of {base}", name=name, level=effect.level, base=effect.base),
        "servers": servers,
        "ratio": text.ratio_with_interval(effect.ratio),
        "note": phrases.indicative(effect.k, "repeat", limits.statement_repeats),
    }
    if effect.ratio is None:
        why = balancing.obstacle(effect)
        return tr("{where} the effect of {what} {servers} is unknown: {obstacle}.", **facts, obstacle=why)
    hidden = effect.obstacle.text if effect.obstacle else ""
    if not hidden and effect.conclusion is Conclusion.NOT_MEASURABLE:
        hidden = tr(
            "with {name} {hidden_level} {hidden_by_text}",
            name=name,
            hidden_level=effect.hidden_level,
            hidden_by_text=effect.hidden_by_text,
        )
    if hidden:
        return tr(
            "{where} the effect of {what} {servers} is not measurable ({ratio}): {hidden}.", **facts, hidden=hidden
        )
    if effect.conclusion is Conclusion.INDISTINCT:
        return tr("{where} {what} made no measurable difference {servers} ({ratio}){note}.", **facts)
    bound = f"{tr(effect.bound)} " if effect.bound else ""
    return tr("{where} {what} gave {bound}{ratio} the throughput {servers}{note}.", **facts, bound=bound)


def of_capacities(effects: Sequence[CapacityEffect], limits: Thresholds) -> list[str]:
    """A sentence for each level of each factor, for the capacity of the largest topology."""
    largest: dict[tuple[str, str], CapacityEffect] = {}
    for effect in effects:
        key = (effect.factor, str(effect.level))
        if key not in largest or count(effect.rest["servers"]) > count(largest[key].rest["servers"]):
            largest[key] = effect
    return [_of_capacity(effect, limits) for effect in largest.values()]


def _of_capacity(effect: CapacityEffect, limits: Thresholds) -> str:
    is_tls = registry.is_variable(effect.factor, "tls")
    base = load_name({effect.factor: effect.base}) if is_tls else effect.base
    what = tr("{load} instead of {base}", load=load_name({effect.factor: effect.level}), base=base)
    others = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    where = tr("with {rest}", rest=phrases.topology(effect.rest)) + (
        tr(" at {others}", others=others) if others else ""
    )
    ratio, note = (
        text.ratio_with_interval(effect.ratio),
        phrases.indicative(effect.k, "block", limits.statement_repeats),
    )
    if effect.obstacle or effect.ratio is None or effect.conclusion is Conclusion.NOT_MEASURABLE:
        why = f": {effect.obstacle.text}" if effect.obstacle else ""
        return tr(
            "The effect of {what} on the capacity {where} is not measurable{why}.", what=what, where=where, why=why
        )
    if effect.conclusion is Conclusion.INDISTINCT:
        return tr(
            "Capacity: {what} made no measurable difference {where} ({ratio}){note}.",
            what=what,
            where=where,
            ratio=ratio,
            note=note,
        )
    bound = f"{tr(effect.bound)} " if effect.bound else ""
    return tr(
        "Capacity: {what} gave {bound}{ratio} the capacity {where}{note}.",
        what=what,
        bound=bound,
        ratio=ratio,
        where=where,
        note=note,
    )


def _size(levels: Levels) -> tuple[int, float]:
    return count(levels["servers"]), load.level_of(levels)

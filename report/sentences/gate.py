"""The result of a gate: whether the candidate is slower than the baseline. Pure."""

from __future__ import annotations

import math

from harness.grid.amount import MOST_REPEATS
from harness.language import around, messages, tr
from harness.summarise.comparison.gate import GateConclusion, GateResult
from harness.summarise.gains.obstacle import ObstacleKind
from harness.words import load_name, percent
from report import format as text
from report import phrases

QUESTION = messages("is the candidate build slower than the baseline?")


def around_the_ratio(found: GateResult) -> tuple[str, str]:
    """The conclusion in one sentence: the text before the ratio, and after it; without a ratio all of it is before."""
    effect = found.effect
    where = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    place = tr("{where} on {servers}", where=where, servers=phrases.topology(effect.rest))
    head = f"{phrases.capitalised(tr(str(found.conclusion)))}: {effect.level}"
    if found.ratio is None:
        return tr("{head} is not comparable with {base} at {place}", head=head, base=effect.base, place=place), ""
    bound = f"{tr(effect.bound)} " if effect.bound else ""
    return around(
        "{head} gave {bound}{figure} the throughput of {base} at {place}",
        head=head,
        bound=bound,
        base=effect.base,
        place=place,
    )


def sentences(found: GateResult) -> list[str]:
    """The conclusion with its reason; where it is undecided also the fix."""
    before, after = around_the_ratio(found)
    head = before if found.ratio is None else f"{before}{text.ratio_with_interval(found.ratio)}{after}"
    if found.conclusion is GateConclusion.PASS:
        slower = found.ratio is not None and found.ratio.high is not None and found.ratio.high < 1
        less = tr(" It is slower, by less than that.") if slower else ""
        return [
            tr(
                "{head}. A slowdown of {tolerance} is excluded after {blocks}.{less}",
                head=head,
                tolerance=_tolerance(found),
                blocks=_blocks(found),
                less=less,
            )
        ]
    if found.conclusion is GateConclusion.REGRESSION:
        return [tr("{head}. The candidate is slower, shown after {blocks}.", head=head, blocks=_blocks(found))]
    return [f"{head}. {_undecided(found)}", tr("Fix: {fix}.", fix=fix(found))]


def fix(found: GateResult) -> str:
    """The change that would decide an undecided gate, as a clause."""
    kind = found.obstacle.kind if found.obstacle else None
    fixes = {
        ObstacleKind.LOAD_LIMITED: tr("use a higher load, as in --load 2000"),
        ObstacleKind.OTHER_BOTTLENECK: tr("use fewer servers with --servers, or raise the limit of that component"),
        ObstacleKind.GENERATOR: tr("use a lower load with --load, or more load generators"),
        ObstacleKind.REJECTIONS: tr("use a lower load with --load, or repair the build that rejects requests"),
        ObstacleKind.UNUSABLE: tr("repair the build whose trials do not count; the report has each trial's cause"),
        ObstacleKind.OTHER_WORK: tr("send the same mix to both builds; the report has the requests by name"),
        ObstacleKind.UNKNOWN_BOTTLENECK: tr("use a higher load with --load, so that servers are the bottleneck"),
    }
    if kind is ObstacleKind.UNUSABLE and (steps := [side.next_step for side in found.sides if not side.usable]):
        fixes[kind] = next(filter(None, steps), fixes[kind])
    if kind in fixes:
        return fixes[kind]
    if found.effect.bound is not None:
        return tr("use a higher load with --load, so that servers are the bottleneck of both builds")
    quiet = tr("use trials with less noise: a longer load.duration, idle machines")
    if found.blocks_needed is None:
        return quiet
    enough = found.blocks_needed > found.most_blocks
    blocks = found.blocks_needed if enough else min(2 * found.most_blocks, MOST_REPEATS)
    return tr(
        "measure longer, as in --time {minutes}min, or {quiet}",
        minutes=math.ceil(blocks * found.block_s / 60),
        quiet=quiet,
    )


def _undecided(found: GateResult) -> str:
    """Why there is no conclusion."""
    if found.obstacle:
        return tr("There is no comparison: {text}.", text=found.obstacle.text)
    if found.effect.bound is not None:
        return tr(
            "The true ratio may lie beyond it: with {hidden_level} {hidden_by_text}.",
            hidden_level=found.effect.hidden_level,
            hidden_by_text=found.effect.hidden_by_text,
        )
    text = tr(
        "Neither a slowdown nor the absence of one by {tolerance} is shown after {k} of at most {most_blocks}.",
        tolerance=_tolerance(found),
        k=found.effect.k,
        most_blocks=phrases.count(found.most_blocks, "block"),
    )
    if found.ratio is None or found.ratio.low is None:
        return text
    if found.blocks_needed is None:
        more = tr("With this noise, {most} blocks do not suffice for such a slowdown.", most=MOST_REPEATS)
    else:
        more = tr(
            "With this noise, about {blocks} find such a slowdown in nine of ten gates.",
            blocks=phrases.count(found.blocks_needed, "block"),
        )
    return f"{text} {more}"


def _tolerance(found: GateResult) -> str:
    return percent(found.tolerance, 0 if round(found.tolerance * 100, 6).is_integer() else 1)


def _blocks(found: GateResult) -> str:
    return phrases.count(found.effect.k, "block")

"""The result of a gate: whether the candidate is slower than the baseline. Pure."""

from __future__ import annotations

from harness.summarise.comparison.gate import GateConclusion, GateResult
from harness.summarise.gains.obstacle import ObstacleKind
from harness.words import load_name, percent
from report import format as text
from report import phrases

QUESTION = "is the candidate build slower than the baseline?"


def around_the_ratio(found: GateResult) -> tuple[str, str]:
    """The conclusion in one sentence: the text before the ratio, and after it; without a ratio all of it is before."""
    effect = found.effect
    where = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    place = f"{where} on {phrases.topology(effect.rest)}"
    head = f"{phrases.capitalised(found.conclusion)}: {effect.level}"
    if found.ratio is None:
        return f"{head} is not comparable with {effect.base} at {place}", ""
    bound = f"{effect.bound} " if effect.bound else ""
    return f"{head} gave {bound}", f" the throughput of {effect.base} at {place}"


def sentences(found: GateResult) -> list[str]:
    """The conclusion with its reason; where it is undecided also the fix."""
    before, after = around_the_ratio(found)
    head = before if found.ratio is None else f"{before}{text.ratio_with_interval(found.ratio)}{after}"
    if found.conclusion is GateConclusion.PASS:
        slower = found.ratio is not None and found.ratio.high is not None and found.ratio.high < 1
        less = " It is slower, by less than that." if slower else ""
        return [f"{head}. A slowdown of {_tolerance(found)} is excluded after {_blocks(found)}.{less}"]
    if found.conclusion is GateConclusion.REGRESSION:
        return [f"{head}. The candidate is slower, shown after {_blocks(found)}."]
    return [f"{head}. {_undecided(found)}", f"Fix: {fix(found)}."]


def fix(found: GateResult) -> str:
    """The change that would decide an undecided gate, as a clause."""
    kind = found.obstacle.kind if found.obstacle else None
    fixes = {
        ObstacleKind.LOAD_LIMITED: "use a higher load, as in --load 2000",
        ObstacleKind.OTHER_BOTTLENECK: "use fewer servers with --servers, or raise the limit of that component",
        ObstacleKind.GENERATOR: "use a lower load with --load, or more load generators",
        ObstacleKind.REJECTIONS: "use a lower load with --load, or repair the build that rejects requests",
        ObstacleKind.UNUSABLE: "repair the build whose trials do not count; the report has each trial's cause",
        ObstacleKind.OTHER_WORK: "send the same mix to both builds; the report has the requests by name",
        ObstacleKind.UNKNOWN_BOTTLENECK: "use a higher load with --load, so that servers are the bottleneck",
    }
    if kind is ObstacleKind.UNUSABLE and (steps := [side.next_step for side in found.sides if not side.usable]):
        fixes[kind] = next(filter(None, steps), fixes[kind])
    if kind in fixes:
        return fixes[kind]
    if found.effect.bound is not None:
        return "use a higher load with --load, so that servers are the bottleneck of both builds"
    return "measure longer, as in --time 30min, or use trials with less noise: a longer load.duration, idle machines"


def _undecided(found: GateResult) -> str:
    """Why there is no conclusion."""
    if found.obstacle:
        return f"There is no comparison: {found.obstacle.text}."
    if found.effect.bound is not None:
        return f"The true ratio may lie beyond it: with {found.effect.hidden_level} {found.effect.hidden_by_text}."
    return (
        f"Neither a slowdown nor the absence of one by {_tolerance(found)} is shown after {found.effect.k} of at most "
        f"{phrases.count(found.most_blocks, 'block')}."
    )


def _tolerance(found: GateResult) -> str:
    return percent(found.tolerance, 0 if round(found.tolerance * 100, 6).is_integer() else 1)


def _blocks(found: GateResult) -> str:
    return phrases.count(found.effect.k, "block")

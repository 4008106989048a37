"""The answer in words that a manager understands, made from the data. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.load import LOAD_FACTORS, RATE
from harness.grid.schema import Grid
from harness.records.trial import Outcome
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainCategory, GainKind
from harness.summarise.gains.ranges import GainRun
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report.sentences import capacity, factor_effects, failover, rejections, response_times

MOST_LOADS = 3  # told one by one
MOST_STEPS = 3


def answer(summary: Summary) -> list[str]:
    """Rejections, capacities, then a sentence for each load, the largest first, each other factor and loss of servers.

    Without any of them it is what else is known. Beside capacities one rate is told at most. Of more than three loads
    the largest and the smallest are told, of more than three steps what they have in common: the tables hold the rest.
    """
    capacities = capacity.sentences(summary)
    carried = rejections.sentences(summary) + capacities
    loads: dict[str, list[Gain]] = {}
    for gain in in_order([gain for gain in summary.gains if gain.kind != GainKind.SERVER_FAILURE]):
        loads.setdefault(load_name(gain.others), []).append(gain)
    if not any(cell.usable for cell in summary.cells) and not any(one.trials for one in summary.failovers):
        return [*carried, _without_gains(summary.cells)]
    limits = summary.grid.evidence
    others = [factor_effects.sentence(effect, limits) for effect in factor_effects.told(summary.factor_effects)]
    others += failover.sentences(summary.failovers, summary.grid.objectives)
    ordered = _beside_capacities(list(loads.values())) if capacities else list(loads.values())
    if not ordered:
        return [*carried, *others] or [_without_gains(summary.cells)]
    if len(ordered) <= MOST_LOADS:
        return [*carried, *(_sentence(steps, summary) for steps in ordered), *others]
    first, *between_, last = ordered
    return [*carried, _sentence(first, summary), _in_between(between_), _sentence(last, summary), *others]


def _beside_capacities(loads: list[list[Gain]]) -> list[list[Gain]]:
    """What throughput tells beside capacities: all loads of users; of rates, most of which are carried, the largest."""
    if not loads or RATE not in loads[0][0].others:
        return loads
    return [steps for steps in loads if any(step.category in TELLING for step in steps)][:1]


def in_order(gains: Sequence[Gain]) -> list[Gain]:
    """Gains in the order in which they are told: those of the largest load first."""
    return sorted(gains, key=lambda gain: -_load([gain]))


def _load(steps: Sequence[Gain]) -> float:
    """How large it is; 0 at saturation, which is no load in common."""
    return float(next((level for name, level in steps[0].others.items() if name in LOAD_FACTORS), 0))


def _without_gains(cells: list[CellSummary]) -> str:
    if cells and all(cell.outcome == Outcome.MISSING for cell in cells):
        return "Nothing is measured yet."
    usable = [cell for cell in cells if cell.tps is not None]
    if not cells or not usable:
        return "Nothing that was measured may be counted; the findings below say why."
    if len({cell.servers for cell in cells}) == 1:
        best = max(usable, key=lambda cell: cell.tps.value if cell.tps else 0.0)
        return (
            f"{text.count(best.servers, 'server')} answered {text.rate_interval(best.tps)} requests per second at "
            f"{load_name(best.others)}; with one topology there is no gain to tell."
        )
    return "No two topologies were measured at the same load, so there is no gain to tell."


def _sentence(steps: list[Gain], summary: Summary) -> str:
    """A load's steps, one by one or what they have in common."""
    ends = [end for step in steps for end in step.cells]
    cells = {cell.servers: cell for cell in summary.cells if cell.cell in ends}
    if len(steps) > MOST_STEPS:
        clauses = _grouped(steps, cells, summary)
    else:
        clauses = []
        for place, step in enumerate(steps):
            reason = _reason(step, cells)
            same = reason is not None and place > 0 and reason == _reason(steps[place - 1], cells)
            clauses.append(_clause(step, cells, summary.grid, first=not place, same_reason=same))
    few = min((step.k for step in steps if step.speaks), default=None)
    note = ""
    if few is not None and few < summary.grid.evidence.statement_repeats:
        note = f" (indicative: {text.count(few, 'repeat')} only)"
    return f"At {load_name(steps[0].others)} {'; '.join(clauses)}{note}."


def _who(step: Gain) -> str:
    if step.to_servers == step.from_servers + 1:
        return f"a {text.ordinal(step.to_servers)} server"
    return f"going from {step.from_servers} to {step.to_servers} servers"


TELLING = (GainCategory.GAIN, GainCategory.BASELINE_SUSPECT, GainCategory.LOWER, GainCategory.ONLY_LARGER)
REASONED = (GainCategory.LOWER_BOUND, GainCategory.NOT_MEASURABLE, GainCategory.BASELINE_SUSPECT)


def _clause(
    step: Gain, cells: dict[int, CellSummary], grid: Grid, first: bool = False, same_reason: bool = False
) -> str:
    """What a step did to throughput, and what to those who wait: a server may do the one without the other."""
    throughput = _throughput(step, cells, first)
    if same_reason:
        throughput = throughput.removesuffix(f": {step.reason}") + ", for the same reason"
    return _beside(throughput, step.category, response_times.told(step.response_times, grid))


def _reason(step: Gain, cells: dict[int, CellSummary]) -> str | None:
    """The reason with which its clause ends; None where it has none."""
    bound = step.category is GainCategory.LOWER_BOUND and not _load_limited(step, cells)
    return step.reason if bound or step.category in (GainCategory.NONE, GainCategory.NOT_MEASURABLE) else None


def _beside(clause: str, category: GainCategory, waited: str) -> str:
    """A clause with what became of answer times, in brackets where the clause ends with a reason of its own."""
    if not waited:
        return clause
    return f"{clause} ({waited})" if category in REASONED else f"{clause}, and {waited}"


def _throughput(step: Gain, cells: dict[int, CellSummary], first: bool) -> str:
    who, category = _who(step), step.category
    if category is GainCategory.NONE:
        return f"{who} could not be judged: {step.reason}"
    if category is GainCategory.ONLY_LARGER:
        return step.reason
    if category is GainCategory.IDLE:
        return f"{who} found no more load to serve"
    if category is GainCategory.NOT_MEASURABLE:
        return f"what {who} brings is not measurable: {step.reason}"
    if category is GainCategory.LOWER:
        return f"{who} lowered throughput to {text.ratio_with_interval(step.ratio)}"
    if category is GainCategory.INDISTINCT:
        return f"{who} made no difference that could be told ({text.ratio_with_interval(step.ratio)})"
    if category is GainCategory.LOWER_BOUND:
        return f"{who} raised throughput {text.ratio_with_interval(step.ratio)}{_bound(step, cells)}"
    if category is GainCategory.BASELINE_SUSPECT:
        shown = text.ratio_with_interval(step.ratio)
        return f"{who} gave {shown}, more than it ideally could: the smaller topology did worse than it should"
    of_ideal = text.share_with_interval(step.efficiency, step.efficiency_interval)
    if first:
        return f"{who} gave {text.ratio_with_interval(step.ratio)} the throughput, {of_ideal} of ideal"
    return f"{who} gave {text.ratio_with_interval(step.ratio)} more, {of_ideal} of its ideal {step.step_ideal:.4g}×"


def _load_limited(step: Gain, cells: dict[int, CellSummary]) -> bool:
    """Whether the load was served completely by the larger topology."""
    larger = cells.get(step.to_servers)
    return larger is not None and larger.bottleneck.is_load


def _bound(step: Gain, cells: dict[int, CellSummary]) -> str:
    """Why a floor is one, and what may be said all the same (rule E18)."""
    least = text.ratio(step.ratio.low if step.ratio and step.ratio.low is not None else step.ratio)
    larger = cells.get(step.to_servers)
    if larger is None or not _load_limited(step, cells):
        known = f", at least {least} by the servers" if step.ratio and step.ratio.low is not None else ""
        return f"{known}: {step.reason}"
    known_share = larger.of_users_bound or larger.of_offered
    share = f" to {larger.served}" if known_share else ""
    return f"{share}: it can do at least {least}, and this load cannot show more"


def _grouped(steps: list[Gain], cells: dict[int, CellSummary], summary: Summary) -> list[str]:
    """From the smallest to the largest topology first, then neighbouring steps that say the same together."""
    clauses = []
    others = steps[0].others
    whole = next(gain for gain in summary.whole_range_gains if gain.others == others)
    if whole.category in (GainCategory.GAIN, GainCategory.BASELINE_SUSPECT, GainCategory.LOWER_BOUND):
        of_ideal = text.share_with_interval(whole.efficiency, whole.efficiency_interval)
        ideal = f"{of_ideal} of the ideal {whole.step_ideal:.4g}×"
        at_least = "at least " if whole.kind is GainKind.LOWER_BOUND else ""
        grew = (
            f"throughput grew {text.ratio_with_interval(whole.ratio)} "
            f"from {text.count(whole.from_servers, 'server')} to {whole.to_servers}, "
            f"{at_least}{ideal}"
        )
        waited = response_times.told(whole.response_times, summary.grid)
        clauses.append(_beside(grew, GainCategory.GAIN, waited))
    for run in (run for run in summary.gain_runs if run.others == others):
        if len(run.steps) == 1:
            clauses.append(_clause(run.steps[0], cells, summary.grid))
        else:
            waited = response_times.told(run.response_times, summary.grid)
            clauses.append(_beside(_together(run), run.category, waited))
    return clauses


def _together(run: GainRun) -> str:
    """Several neighbouring steps that say the same."""
    category, steps = run.category, run.steps
    who = f"each step from {steps[0].from_servers} to {steps[-1].to_servers} servers"
    if category is GainCategory.NONE:
        return f"{who} could not be judged: {steps[0].reason}"
    if category is GainCategory.ONLY_LARGER:
        return "; ".join(step.reason for step in steps)
    if category is GainCategory.IDLE:
        return f"{who} found no more load to serve"
    if category is GainCategory.NOT_MEASURABLE:
        return f"what {who} brings is not measurable: {steps[0].reason}"
    values = sorted(step.ratio.value for step in steps if step.ratio)
    span = _span(values)
    told = {
        GainCategory.LOWER: f"{who} lowered throughput, to {span}",
        GainCategory.INDISTINCT: f"{who} made no difference that could be told ({span})",
        GainCategory.BASELINE_SUSPECT: f"{who} gave more than it ideally could ({span})",
    }
    return told.get(category, f"{who} gave more ({span})")


def _span(ordered: Sequence[float]) -> str:
    """From the least to the most, once where they are printed alike."""
    least, most = text.ratio(ordered[0]), text.ratio(ordered[-1])
    return least if least == most else f"{least} to {most}"


def _in_between(loads: list[list[Gain]]) -> str:
    """Loads that are not told one by one."""
    sizes = [_load(steps) for steps in loads]
    seconds = sorted(
        steps[0].ratio.value
        for steps in loads
        if steps[0].ratio and steps[0].category in (GainCategory.GAIN, GainCategory.LOWER_BOUND)
    )
    unit = "/s" if RATE in loads[0][0].others else " users"
    where = (
        f"At the {len(loads)} loads in between ({min(sizes):.10g} to {max(sizes):.10g}{unit})"
        if min(sizes)
        else (f"At the {len(loads)} others")
    )
    if not seconds:
        return f"{where} the tables hold every step."
    span = _span(seconds)
    some = "" if len(seconds) == len(loads) else f" at {len(seconds)} of them"
    return f"{where} {_who(loads[0][0])} gave {span}{some}; the tables hold every step."

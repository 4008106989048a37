"""The answer at the head of the report: what another server adds at each load. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grid.load import LOAD_FACTORS, RATE
from harness.grid.schema import Grid
from harness.grid.server_types import ServersLevel
from harness.language import messages, tr
from harness.records.trial import Outcome
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainCategory, GainKind
from harness.summarise.gains.obstacle import GainObstacle
from harness.summarise.gains.ranges import GainRun
from harness.summarise.summary import Summary
from harness.words import grouped, load_name, servers
from report import estimates, phrases
from report import format as text
from report.elements import anchor, cell_name
from report.sentences import capacity, factor_effects, failover, gate, rejections, response_times, scale_up

Cells = dict[ServersLevel, CellSummary]  # of one load, by the level of `servers`
QUESTION = messages("how much does each additional server add?")
INDICATIVE = messages(
    "Indicative: a quick study has two topologies, one load and three short blocks. For a statement, run the same "
    "command without --quick."
)
MOST_LOADS = 3  # with a sentence each
MOST_STEPS = 3  # with a clause each


# Clauses that end with a reason: the change of response times follows in brackets.
REASONED = (GainCategory.LOWER_BOUND, GainCategory.NOT_MEASURABLE, GainCategory.BASELINE_SUSPECT)
# Categories that are reported next to capacities, too.
INFORMATIVE = (GainCategory.GAIN, GainCategory.BASELINE_SUSPECT, GainCategory.LOWER, GainCategory.ONLY_LARGER)


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """One cell in short: `failure` is its outcome and cause where it has no valid trial."""

    name: str
    text: str
    failure: tuple[str, str] | None = None


def answer(summary: Summary) -> list[str]:
    """The conclusion of a gate, else rejections, capacities, a sentence for each load from the largest on, and more.

    Effects of other factors and failovers follow. Without any of them, what else is known. Of more than three loads the
    largest and the smallest have a sentence of their own; of more than three steps what they have in common is
    reported. The tables have the rest.
    """
    if summary.grid.quick:
        return [tr(INDICATIVE), *_answer(summary)]
    return _answer(summary)


def _answer(summary: Summary) -> list[str]:
    if summary.gate is not None:
        return [*gate.sentences(summary.gate), *rejections.sentences(summary)]
    capacities = capacity.sentences(summary)
    first = rejections.sentences(summary) + capacities + scale_up.sentences(summary)
    if not any(cell.usable for cell in summary.cells) and not any(one.trials for one in summary.failovers):
        return [*first, without_gains(summary.cells)]
    last = factor_effects.of_capacities(summary.capacity_effects, summary.grid.evidence)
    last += factor_effects.sentences(summary.factor_effects, summary.grid.evidence)
    last += failover.sentences(summary.failovers, summary.grid.objectives)
    steps_by_load = loads(summary)
    if not steps_by_load:
        return [*first, *last] or [without_gains(summary.cells)]
    if len(steps_by_load) <= MOST_LOADS:
        return [*first, *(_sentence(steps, summary) for steps in steps_by_load), *last]
    largest, *between_, smallest = steps_by_load
    return [*first, _sentence(largest, summary), in_between(between_), _sentence(smallest, summary), *last]


def loads(summary: Summary) -> list[list[Gain]]:
    """The steps of each load, from the largest load on; next to capacities only the loads that add to them."""
    found = _by_load([gain for gain in summary.gains if gain.kind != GainKind.SERVER_FAILURE])
    return _with_capacities(found) if estimates.has_capacities(summary) else found


def question(summary: Summary) -> str:
    """The question that the study answers."""
    return tr(QUESTION if summary.gate is None else gate.QUESTION)


def by_cell(summary: Summary) -> list[CellResult]:
    """Every cell in short; one with failed servers has its failover."""
    wanted = summary.grid.objectives
    failovers = {anchor(one.cell): failover.sentence(one, wanted) for one in summary.failovers if one.trials}
    found = []
    for cell in summary.cells:
        shown = tr(
            "{of_cell}{tps} requests per second", of_cell=rejections.of_cell(cell), tps=text.rate_interval(cell.tps)
        )
        failure = None if cell.usable else (str(cell.outcome), cell.cause)
        name = cell_name(cell)
        found.append(CellResult(name=name, text=failovers.get(anchor(cell.cell), shown), failure=failure))
    return found


def in_order(gains: Sequence[Gain]) -> list[Gain]:
    """Gains from the largest load to the smallest."""
    return sorted(gains, key=lambda gain: -_size([gain]))


def _by_load(gains: Sequence[Gain]) -> list[list[Gain]]:
    loads: dict[str, list[Gain]] = {}
    for gain in in_order(gains):
        loads.setdefault(load_name(gain.others), []).append(gain)
    return list(loads.values())


def _with_capacities(loads: list[list[Gain]]) -> list[list[Gain]]:
    """The loads to report next to capacities: all numbers of users; of rates the largest with a gain."""
    if not loads or RATE not in loads[0][0].others:
        return loads
    return [steps for steps in loads if any(step.category in INFORMATIVE for step in steps)][:1]


def _size(steps: Sequence[Gain]) -> float:
    """The size of a load; 0 at saturation, where each topology has its own."""
    return float(next((level for name, level in steps[0].others.items() if name in LOAD_FACTORS), 0))


def without_gains(cells: list[CellSummary]) -> str:
    """What is known of a study without a gain."""
    if cells and all(cell.outcome == Outcome.MISSING for cell in cells):
        return tr("No trial has been measured yet.")
    usable = [cell for cell in cells if cell.tps is not None]
    if not usable:
        return tr("No trial is valid; the key findings have the reasons.")
    if len({cell.servers for cell in cells}) == 1:
        best = max(usable, key=lambda cell: cell.tps.value if cell.tps else 0.0)
        return tr(
            "{servers} delivered {tps} req/s at {load}; a gain needs two topologies.",
            servers=phrases.topology(best.cell),
            tps=text.rate_interval(best.tps),
            load=load_name(best.others),
        )
    return tr("No two topologies were measured at the same load, so there is no gain.")


def _sentence(steps: list[Gain], summary: Summary) -> str:
    """A sentence for one load: a clause for each step, or for what the steps have in common."""
    ends = [end for step in steps for end in step.cells]
    cells: Cells = {cell.topology: cell for cell in summary.cells if cell.cell in ends}
    if len(steps) > MOST_STEPS:
        clauses = _grouped(steps, cells, summary)
    else:
        obstacles = [None, *(_obstacle(step, cells) for step in steps)]
        clauses = [
            _clause(step, cells, summary.grid, first=not place, same_reason=found is not None and found.is_same(before))
            for place, (step, before, found) in enumerate(zip(steps, obstacles[:-1], obstacles[1:], strict=True))
        ]
    few = min((step.k for step in steps if step.is_statement), default=summary.grid.evidence.statement_repeats)
    note = phrases.indicative(few, "repeat", summary.grid.evidence.statement_repeats)
    return tr("At {load} {listed}{note}.", load=load_name(steps[0].others), listed="; ".join(clauses), note=note)


def _subject(step: Gain) -> str:
    few, many = step.from_servers, step.to_servers
    if isinstance(few, int) and isinstance(many, int) and many == few + 1:
        return tr("the {to_servers} server", to_servers=phrases.ordinal(many))
    return tr("going from {from_servers} to {to_servers} servers", from_servers=few, to_servers=many)


def _clause(step: Gain, cells: Cells, grid: Grid, *, first: bool = False, same_reason: bool = False) -> str:
    """The effect of a step on throughput and response times; `same_reason` as the step before is not repeated."""
    throughput = _throughput(step, cells, first=first, reason=tr("for the same reason") if same_reason else step.reason)
    return _with_response_times(throughput, step.category, response_times.change(step.response_times, grid))


def _obstacle(step: Gain, cells: Cells) -> GainObstacle | None:
    """The obstacle in the clause of a step; None where it has none."""
    bound = step.category is GainCategory.LOWER_BOUND and not _load_limited(step, cells)
    return step.obstacle if bound or step.category in (GainCategory.NONE, GainCategory.NOT_MEASURABLE) else None


def _with_response_times(clause: str, category: GainCategory, change: str) -> str:
    if not change:
        return clause
    return (
        f"{clause} ({change})" if category in REASONED else tr("{clause}, and {change}", clause=clause, change=change)
    )


def _throughput(step: Gain, cells: Cells, *, first: bool, reason: str) -> str:
    subject, ratio = _subject(step), text.ratio_with_interval(step.ratio)
    efficiency = text.share_with_interval(step.efficiency, step.efficiency_interval)
    linear = "" if first or step.step_ideal is None else tr(" of {step_ideal:.4g}×", step_ideal=step.step_ideal)
    clauses = {
        GainCategory.NONE: tr("the gain of {subject} is unknown ({reason})", subject=subject, reason=reason),
        GainCategory.ONLY_LARGER: step.reason,
        GainCategory.IDLE: tr("{subject} was idle: the load is too low", subject=subject),
        GainCategory.NOT_MEASURABLE: tr(
            "the gain of {subject} is not measurable ({reason})", subject=subject, reason=reason
        ),
        GainCategory.LOWER: tr("{subject} lowered throughput to {ratio}", subject=subject, ratio=ratio),
        GainCategory.INDISTINCT: tr("{subject} made no measurable difference ({ratio})", subject=subject, ratio=ratio)
        + _shared([step]),
        GainCategory.BASELINE_SUSPECT: tr(
            "{subject} gave {ratio}, super-linear: the smaller topology is suspect", subject=subject, ratio=ratio
        ),
        GainCategory.GAIN: tr(
            "{subject} gave {ratio} the throughput, {efficiency}",
            subject=subject,
            ratio=ratio,
            efficiency=tr("efficiency {efficiency}{linear}", efficiency=efficiency, linear=linear)
            if step.step_ideal
            else step.reason,
        )
        + (f" ({step.reason})" if step.linear and step.reason else ""),
    }
    return clauses.get(step.category) or tr(
        "{subject} raised throughput {ratio}{bound}", subject=subject, ratio=ratio, bound=_bound(step, cells, reason)
    )


def _shared(steps: Sequence[Gain]) -> str:
    """The dependency that all these steps wait for, as a clause; empty where the servers are the bottleneck."""
    return f": {steps[0].remark}" if all(step.shared for step in steps) else ""


def _load_limited(step: Gain, cells: Cells) -> bool:
    """Whether the larger topology served the load completely."""
    larger = cells.get(step.to_servers)
    return larger is not None and larger.bottleneck.is_load


def _bound(step: Gain, cells: Cells, reason: str) -> str:
    """Why a gain is a lower bound, and what it still states (rule E18)."""
    has_interval = step.ratio is not None and step.ratio.low is not None
    least = text.ratio(step.ratio.low if step.ratio is not None and has_interval else step.ratio)
    larger = cells.get(step.to_servers)
    if larger is None or not _load_limited(step, cells):
        known = tr(", at least {least} from the servers", least=least) if has_interval else ""
        return f"{known} ({reason})"
    share = tr(" to {served}", served=larger.served) if larger.of_users_bound or larger.of_offered else ""
    deliver = tr("{to_servers} deliver at least {least}", to_servers=servers(step.to_servers), least=least)
    return tr("{share}: {deliver}; a higher load is needed to measure more", share=share, deliver=deliver)


def _grouped(steps: list[Gain], cells: Cells, summary: Summary) -> list[str]:
    """A clause for the whole range, then one for each run of neighbouring steps of one category."""
    clauses, others = [], steps[0].others
    whole = next((gain for gain in summary.whole_range_gains if gain.others == others), None)
    if whole is not None and whole.category in (
        GainCategory.GAIN,
        GainCategory.BASELINE_SUSPECT,
        GainCategory.LOWER_BOUND,
    ):
        at_least = tr("at least ") if whole.kind is GainKind.LOWER_BOUND else ""
        grew = tr(
            "throughput grew {ratio} from {from_servers} to {to_servers}, efficiency "
            "{at_least}{efficiency} of {step_ideal:.4g}×",
            ratio=text.ratio_with_interval(whole.ratio),
            from_servers=servers(whole.from_servers),
            to_servers=whole.to_servers,
            at_least=at_least,
            efficiency=text.share_with_interval(whole.efficiency, whole.efficiency_interval),
            step_ideal=whole.step_ideal or 0,
        )
        change = response_times.change(whole.response_times, summary.grid)
        clauses.append(_with_response_times(grew, GainCategory.GAIN, change))
    for run in (run for run in summary.gain_runs if run.others == others):
        if len(run.steps) == 1:
            clauses.append(_clause(run.steps[0], cells, summary.grid))
        else:
            change = response_times.change(run.response_times, summary.grid)
            clauses.append(_with_response_times(_run(run), run.category, change))
    return clauses


def _run(run: GainRun) -> str:
    """Several neighbouring steps of one category."""
    subject, reason = (
        tr(
            "each step from {from_servers} to {to_servers} servers",
            from_servers=run.from_servers,
            to_servers=run.to_servers,
        ),
        run.steps[0].reason,
    )
    ratios = _range(sorted(step.ratio.value for step in run.steps if step.ratio))
    clauses = {
        GainCategory.NONE: tr("the gain of {subject} is unknown ({reason})", subject=subject, reason=reason),
        GainCategory.ONLY_LARGER: "; ".join(step.reason for step in run.steps),
        GainCategory.IDLE: tr("{subject} added idle servers: the load is too low", subject=subject),
        GainCategory.NOT_MEASURABLE: tr(
            "the gain of {subject} is not measurable ({reason})", subject=subject, reason=reason
        ),
        GainCategory.LOWER: tr("{subject} lowered throughput, to {ratios}", subject=subject, ratios=ratios),
        GainCategory.INDISTINCT: tr(
            "{subject} made no measurable difference ({ratios})", subject=subject, ratios=ratios
        )
        + _shared(run.steps),
        GainCategory.BASELINE_SUSPECT: tr("{subject} was super-linear ({ratios})", subject=subject, ratios=ratios),
    }
    return clauses.get(run.category, tr("{subject} raised throughput ({ratios})", subject=subject, ratios=ratios))


def _range(ordered: Sequence[float]) -> str:
    """The smallest and the largest ratio, once where both are printed alike."""
    if not ordered:
        return text.NOTHING
    least, most = text.ratio(ordered[0]), text.ratio(ordered[-1])
    return least if least == most else tr("{least} to {most}", least=least, most=most)


def in_between(loads: list[list[Gain]]) -> str:
    """One sentence for the loads without a sentence of their own."""
    sizes = [_size(steps) for steps in loads]
    gains = sorted(
        steps[0].ratio.value
        for steps in loads
        if steps[0].ratio and steps[0].category in (GainCategory.GAIN, GainCategory.LOWER_BOUND)
    )
    unit = "/s" if RATE in loads[0][0].others else tr(" users")
    where = tr("At the {loads} other loads", loads=len(loads))
    if min(sizes):
        where = tr(
            "At the {loads} loads in between ({sizes} to {sizes_2}{unit})",
            loads=len(loads),
            sizes=grouped(min(sizes)),
            sizes_2=grouped(max(sizes)),
            unit=unit,
        )
    if not gains:
        return tr("{where} the table of gains has every step.", where=where)
    some = "" if len(gains) == len(loads) else tr(" at {gains} of them", gains=len(gains))
    return tr(
        "{where} {subject} gave {range}{some}; the table of gains has every step.",
        where=where,
        subject=_subject(loads[0][0]),
        range=_range(gains),
        some=some,
    )

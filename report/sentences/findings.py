"""What a reader of page 1 must know besides the answer: at most five findings, each with what to do. Pure."""

from __future__ import annotations

import re

from harness.grid.schema import Grid
from harness.records.study import StudyRecord
from harness.records.trial import Component, Outcome
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report.elements import cell_name

MOST = 5
WIDE, AIM = 0.10, 0.05  # half widths: from where on an interval is called wide, and what would be narrow


def findings(summary: Summary, study: StudyRecord) -> list[str]:
    """At most five findings, ordered by weight, each with what to do; `study` is study.json."""
    gains, cells = summary.gains, summary.cells
    imprecise = _imprecise(summary, study)
    found = [
        *_checked(summary),
        *_lost_cells(cells),
        *_lost_trials(cells),
        *(_told(finding.cause, finding.next_step) for finding in summary.findings),
        *imprecise,
        *_too_little_load(gains, cells, summary.grid),
        *_next_limits(cells),
        *([] if imprecise else _wide(summary)),
    ]
    return found[:MOST] or ["Every cell was measured and limited by what it should be."]


def _told(cause: str, next_step: str) -> str:
    return " ".join(f"{_capital(sentence)}." for sentence in (cause, next_step) if sentence)


def _checked(summary: Summary) -> list[str]:
    """What the instrument check found, once all of it is measured."""
    found = summary.calibration
    return [f"Instrument check: {found.text_with_result}."] if found and found.complete else []


def _lost_cells(cells: list[CellSummary]) -> list[str]:
    """What is missing, then what was lost, then what counts with a mark; cells of one cause together."""
    alike: dict[tuple[int, str, str, str], list[CellSummary]] = {}
    for cell in cells:
        rank = 2 if cell.outcome == Outcome.WARNING else 3
        if not cell.usable:
            rank = 0 if cell.outcome == Outcome.MISSING else 1
        if rank < 3:
            alike.setdefault((rank, cell.outcome, _without_figures(cell.cause), cell.next_step), []).append(cell)
    found = []
    for (rank, outcome, _, next_step), members in sorted(alike.items(), key=lambda one: one[0]):
        who, cause = _listed([cell_name(cell) for cell in members]), members[0].cause
        cause = f"for example {cause}" if len({cell.cause for cell in members}) > 1 else cause
        if rank == 0:
            found.append(f"{who}: not measured yet. Run the same command again.")
        elif rank == 1:
            found.append(f"{who}: {outcome.replace('_', ' ')}. {_told(cause, next_step)}")
        else:
            found.append(f"{who}: marked. {_told(cause, next_step)}")
    return found


def _lost_trials(cells: list[CellSummary]) -> list[str]:
    """Trials that count for nothing in cells that have others, those of one reason together."""
    alike: dict[tuple[str, str], list[CellSummary]] = {}
    for cell in cells:
        if cell.usable and cell.invalid_cause:
            alike.setdefault((_without_figures(cell.invalid_cause), cell.invalid_next_step), []).append(cell)
    found = []
    for (_, next_step), members in alike.items():
        cause = members[0].invalid_cause
        cause = f"for example {cause}" if len({cell.invalid_cause for cell in members}) > 1 else cause
        lost = sum(cell.trials - cell.usable for cell in members)
        of = f"{lost} of {sum(cell.trials for cell in members)} trials {'counts' if lost == 1 else 'count'} for nothing"
        found.append(f"{_listed([cell_name(cell) for cell in members])}: {of}. {_told(cause, next_step)}")
    return found


def _without_figures(cause: str) -> str:
    """What tells causes apart: the same one has other figures in every cell."""
    return re.sub(r"\d[\d.,]*", "#", cause)


def _listed(names: list[str]) -> str:
    return text.joined(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more cells"


def _widest(gains: list[Gain]) -> Gain | None:
    wide = [gain for gain in gains if gain.kind == GainKind.GAIN and gain.ratio and gain.ratio.half_width]
    return max(wide, key=lambda gain: (gain.ratio and gain.ratio.half_width) or 0, default=None)


def _imprecise(summary: Summary, study: StudyRecord) -> list[str]:
    """Gains that stayed wider than asked for when the most blocks were measured (rule E16)."""
    rule = study.stopping
    if rule is None or rule.decision is None or not rule.decision.imprecise:
        return []
    narrower = _narrower(summary, _widest(summary.gains), rule.until or AIM)
    return [_told(f"imprecise: {rule.decision.why}", narrower)]


def _wide(summary: Summary) -> list[str]:
    """Gains that are wide without any rule that bounds them."""
    worst = _widest(summary.gains)
    half = worst.ratio.half_width if worst and worst.ratio else None
    if half is None or half < WIDE:
        return []
    return [_told(f"the intervals are up to ±{text.percent(half)} wide", _narrower(summary, worst, AIM))]


def _narrower(summary: Summary, worst: Gain | None, aim: float) -> str:
    """What would make them narrower, by what the trials say."""
    told = []
    if summary.between_share is not None:
        share, help_ = summary.between_share, "does not help"
        where = "between trials"
        if share < 1 / 2:
            share, where, help_ = 1 - share, "within trials", "helps"
        told.append(f"{text.percent(share)} of the variance lies {where}, where making them longer {help_}")
    if worst is not None:
        needed = worst.blocks_for(aim)
        blocks = "more blocks than anybody measures" if needed is None else f"about {text.count(needed, 'block')}"
        told.append(f"±{text.percent(aim)} would take {blocks}")
    return "; ".join(told)


def _too_little_load(gains: list[Gain], cells: list[CellSummary], grid: Grid) -> list[str]:
    """How much load it would take where servers found no load (asymptotic bound, 20 % above saturation)."""
    saturated = [c.tps.value / c.servers for c in cells if c.tps and c.usable and c.bottleneck == Component.SERVER]
    idle: dict[str, list[Gain]] = {}
    for gain in gains:
        if gain.kind == GainKind.IDLE:
            idle.setdefault(load_name(gain.others), []).append(gain)
    found = []
    for load, steps in idle.items():
        few, many = steps[0].from_servers, steps[-1].to_servers
        advice = "offer more to load them" if grid.is_open else "use more users or less think time to load them"
        if saturated:
            asked = grid.nominal_per_s(1.2 * many * max(saturated)) if grid.is_open else 0.0
            users = text.round_up(1.2 * many * max(saturated) * grid.load.think_time, 100)
            more = f"{asked:.0f}/s" if grid.is_open else f"{users} users"
            advice = f"from about {more} on {many} would be loaded"
        found.append(f"At {load} more than {text.count(few, 'server')} had nothing to do; {advice}.")
    return found


def _next_limits(cells: list[CellSummary]) -> list[str]:
    """How much more users would ask for where that is little; what is offered at a rate is known."""
    return [
        f"At {load_name(cell.others)} servers beyond {cell.servers} could raise throughput by "
        f"{text.percent(1 / cell.of_users_bound - 1)} at most: the next limit is {cell.next_bottleneck}."
        for cell in cells
        if cell.usable and cell.next_bottleneck and cell.of_users_bound and not cell.fail_servers
    ]


def _capital(sentence: str) -> str:
    """Begin with a capital letter, but leave the names of hosts as they are."""
    first = sentence.split(" ", 1)[0]
    return sentence if any(c.isdigit() for c in first) else sentence[:1].upper() + sentence[1:]

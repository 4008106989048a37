"""Key findings of page 1: at most five, each with the action to take. Pure."""

from __future__ import annotations

from harness.grid.schema import Grid
from harness.language import tr
from harness.records.study import StudyRecord
from harness.records.trial import Component, Outcome
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report import phrases
from report.elements import cell_name

MOST = 5
WIDE, TARGET = 0.10, 0.05  # half widths: of a wide interval, and of a narrow one
HEADROOM = 1.2  # of a load above saturation
ROUND_USERS = 100


def sentences(summary: Summary, study: StudyRecord) -> list[str]:
    """At most five findings, the most important first; `study` is study.json."""
    gains, cells = summary.gains, summary.cells
    imprecise = _imprecise(summary, study)
    found = [
        *_calibration(summary),
        *_affected_cells(cells),
        *_invalid_trials(cells),
        *(_sentence(finding.cause_text, finding.next_step_text) for finding in summary.findings),
        *imprecise,
        *_dependencies(cells),
        *_too_little_load(gains, cells, summary.grid),
        *_next_bottlenecks(cells),
        *([] if imprecise else _wide(summary)),
    ]
    return found[:MOST] or [tr("All cells are valid, and each has the expected bottleneck.")]


def _sentence(cause: str, next_step: str) -> str:
    return " ".join(f"{phrases.capitalised(sentence)}." for sentence in (cause, next_step) if sentence)


def _calibration(summary: Summary) -> list[str]:
    """The result of a calibration, once all of it is measured."""
    found = summary.calibration
    return (
        [tr("Calibration: {text_with_result}.", text_with_result=found.text_with_result)]
        if found and found.complete
        else []
    )


def _affected_cells(cells: list[CellSummary]) -> list[str]:
    """Missing cells, then invalid ones, then those with a warning; cells with one rule and fix share a finding."""
    groups: dict[tuple[int, str, str, str], list[CellSummary]] = {}
    for cell in cells:
        rank = 2 if cell.outcome == Outcome.WARNING else 3
        if not cell.usable:
            rank = 0 if cell.outcome == Outcome.MISSING else 1
        if rank < 3:
            groups.setdefault((rank, cell.outcome, cell.rule or cell.cause, cell.next_step), []).append(cell)
    found = []
    for (rank, outcome, _, next_step), members in sorted(groups.items(), key=lambda group: group[0]):
        names, cause = _listed([cell_name(cell) for cell in members]), members[0].cause
        cause = tr("for example {cause}", cause=cause) if len({cell.cause for cell in members}) > 1 else cause
        if rank == 0:
            found.append(tr("{names}: not measured yet. Run the same command again to measure them.", names=names))
        else:
            state = tr(outcome) if rank == 1 else tr("warning")
            found.append(f"{names}: {state}. {_sentence(cause, next_step)}")
    return found


def _invalid_trials(cells: list[CellSummary]) -> list[str]:
    """Invalid trials of valid cells; those with one rule and fix share a finding."""
    groups: dict[tuple[str, str], list[CellSummary]] = {}
    for cell in cells:
        if cell.usable and cell.invalid_cause:
            groups.setdefault((cell.invalid_rule or cell.invalid_cause, cell.invalid_next_step), []).append(cell)
    found = []
    for (_, next_step), members in groups.items():
        cause = members[0].invalid_cause
        cause = tr("for example {cause}", cause=cause) if len({cell.invalid_cause for cell in members}) > 1 else cause
        invalid = sum(cell.trials - cell.usable for cell in members)
        share = tr(
            "{invalid} of {trials} trials is invalid" if invalid == 1 else "{invalid} of {trials} trials are invalid",
            invalid=invalid,
            trials=sum(cell.trials for cell in members),
        )
        found.append(f"{_listed([cell_name(cell) for cell in members])}: {share}. {_sentence(cause, next_step)}")
    return found


def _listed(names: list[str]) -> str:
    return (
        phrases.joined(names)
        if len(names) <= 3
        else tr("{listed} and {names} more cells", listed=", ".join(names[:2]), names=len(names) - 2)
    )


def _widest(gains: list[Gain]) -> Gain | None:
    wide = [gain for gain in gains if gain.kind == GainKind.GAIN and gain.ratio and gain.ratio.half_width]
    return max(wide, key=lambda gain: (gain.ratio and gain.ratio.half_width) or 0, default=None)


def _imprecise(summary: Summary, study: StudyRecord) -> list[str]:
    """Gains that are less precise than required after the last block (rule E16)."""
    rule = study.stopping
    if rule is None or rule.decision is None or not rule.decision.imprecise:
        return []
    narrower = _narrower(summary, _widest(summary.gains), rule.until or TARGET)
    return [_sentence(tr("imprecise: {why}", why=rule.decision.why_text), narrower)]


def _wide(summary: Summary) -> list[str]:
    """Wide intervals in a study without a required precision."""
    widest = _widest(summary.gains)
    half = widest.ratio.half_width if widest and widest.ratio else None
    if half is None or half < WIDE:
        return []
    return [
        _sentence(tr("the widest interval is ±{half}", half=text.percent(half)), _narrower(summary, widest, TARGET))
    ]


def _narrower(summary: Summary, widest: Gain | None, target: float) -> str:
    """What would narrow the intervals, by the variance of the trials."""
    clauses = []
    if summary.between_share is not None:
        share, where, effect = summary.between_share, tr("between trials"), tr("longer trials do not reduce it")
        if share < 1 / 2:
            share, where, effect = 1 - share, tr("within trials"), tr("longer trials reduce it")
        clauses.append(
            tr("{share} of the variance lies {where}; {effect}", share=text.percent(share), where=where, effect=effect)
        )
    if widest is not None:
        needed = widest.blocks_for(target)
        blocks = (
            tr("an impractical number of blocks")
            if needed is None
            else tr("about {needed}", needed=phrases.count(needed, "block"))
        )
        clauses.append(tr("±{target} requires {blocks}", target=text.percent(target), blocks=blocks))
    return "; ".join(clauses)


def _too_little_load(gains: list[Gain], cells: list[CellSummary], grid: Grid) -> list[str]:
    """The load that idle servers need: the asymptotic bound, 20 % above saturation."""
    saturated = [c.tps.value / c.servers for c in cells if c.tps and c.usable and c.bottleneck.is_topology]
    idle: dict[str, list[Gain]] = {}
    for gain in gains:
        if gain.kind == GainKind.IDLE:
            idle.setdefault(load_name(gain.others), []).append(gain)
    found = []
    for load, steps in idle.items():
        few, many = steps[0].from_servers, steps[-1].to_servers
        if not isinstance(few, int) or not isinstance(many, int):
            added = [
                tr("{added} adds to {servers}", added=step.to_servers, servers=step.from_servers) for step in steps
            ]
            found.append(
                tr(
                    "At {load} the servers that {added} were idle. {more}.",
                    load=load,
                    added=phrases.joined(added),
                    more=_more(grid),
                )
            )
            continue
        advice = _more(grid)
        if saturated:
            needed = HEADROOM * many * max(saturated)
            rounded = -(-needed * grid.think_per_request_s // ROUND_USERS) * ROUND_USERS
            users = tr("{number} users", number=round(rounded))
            more = f"{text.rate(grid.nominal_per_s(needed))}/s" if grid.is_open else users
            advice = tr("Use about {more} to load {many}", more=more, many=phrases.cardinal(many))
        found.append(
            tr(
                "At {load} servers beyond {few} were idle. {advice}.",
                load=load,
                few=phrases.cardinal(few),
                advice=advice,
            )
        )
    return found


def _more(grid: Grid) -> str:
    return tr("Use a higher rate to load them") if grid.is_open else tr("Use more users or a shorter think time")


def _dependencies(cells: list[CellSummary]) -> list[str]:
    """The dependency that limits the largest topology of a load, so that one more server adds nothing."""
    largest: dict[str, CellSummary] = {}
    for cell in cells:
        load = load_name(cell.others)
        if cell.usable and (load not in largest or cell.servers > largest[load].servers):
            largest[load] = cell
    return [
        tr(
            "At {load} {another} will not help: {bottleneck_reason}.",
            load=load,
            another=_another(cell),
            bottleneck_reason=cell.bottleneck_reason,
        )
        for load, cell in largest.items()
        if cell.bottleneck == Component.DEPENDENCY
    ]


def _another(cell: CellSummary) -> str:
    if isinstance(cell.topology, int):
        return tr("a {number} server", number=phrases.ordinal(cell.servers + 1))
    return tr("another server")


def _next_bottlenecks(cells: list[CellSummary]) -> list[str]:
    """The most that further servers can add where users limit it soon."""
    return [
        tr(
            "At {load} servers beyond {servers} add at most {of_users_bound} of throughput; the next "
            "bottleneck is {next_bottleneck}.",
            load=load_name(cell.others),
            servers=phrases.cardinal(cell.topology),
            of_users_bound=text.percent(1 / cell.of_users_bound - 1),
            next_bottleneck=cell.next_bottleneck,
        )
        for cell in cells
        if cell.usable and cell.next_bottleneck and cell.of_users_bound and not cell.fail_servers
    ]

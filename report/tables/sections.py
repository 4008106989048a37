"""Tables of the report, as finished text. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from harness.grid.thresholds import DECLARED, Thresholds, overridden
from harness.judge.rules import generator
from harness.records.series import Sample
from harness.records.study import StudyRecord
from harness.records.trial import TrialData, TrialRecord
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison.factors import FactorEffect
from harness.summarise.gains.gain import Gain, GainKind
from harness.words import load_name
from report import format as text
from report.elements import Table, anchor, cell_name, link

JOINT_SHOWN = 8  # more of them stand in gains.csv alone


def gain_table(gains: list[Gain], cells: list[CellSummary]) -> Table | None:
    """Every step of every load, in the order of `gains`; below it how sure all of them are together. None for none."""
    if not gains:
        return None
    bottlenecks = {(c.servers, load_name(c.others)): c.bottleneck for c in cells if c.usable}
    rows = []
    for gain in gains:
        load = load_name(gain.others)
        sides = [bottlenecks.get((n, load), text.NOTHING) for n in (gain.from_servers, gain.to_servers)]
        efficiency = text.share_with_interval(gain.efficiency, gain.efficiency_interval)
        rows.append(
            [
                load,
                f"{gain.from_servers} → {gain.to_servers}",
                text.ratio(gain.ratio),
                text.ratio_interval(gain.ratio),
                text.ratio(gain.step_ideal),
                f"≥ {efficiency}" if gain.kind == GainKind.LOWER_BOUND and gain.efficiency is not None else efficiency,
                text.ratio(gain.peak_ratio),
                str(gain.k),
                " → ".join(sides),
                gain.conclusion_text + (f": {gain.reason}" if gain.reason else ""),
            ]
        )
    columns = [
        "load",
        "servers",
        "gain",
        "95 % interval",
        "ideal",
        "efficiency",
        "peak gain",
        "k",
        "limited by",
        "what may be said",
    ]
    note = " ".join(sentence for sentence in (_together(gains), _paired(gains)) if sentence)
    return Table(columns, rows, (2, 3, 4, 5, 6, 7), note=note)


def _together(gains: list[Gain]) -> str:
    """The intervals that hold jointly; empty where a study has a single one, which needs none."""
    joint = [gain for gain in gains if gain.simultaneous is not None]
    if len(joint) < 2:
        return ""
    wider = by_load([(gain, text.ratio_interval(gain.simultaneous)) for gain in joint])
    where = f": {wider}" if len(joint) <= JOINT_SHOWN else " (in gains.csv)"
    return f"Each interval is 95 % by itself; for all {len(joint)} to hold together in 95 % they are wider{where}."


def _paired(gains: list[Gain]) -> str:
    """With few blocks the intervals of the pairs alone, beside those that know the other cells' noise."""
    moderated = [(gain, text.ratio_interval(gain.paired)) for gain in gains if gain.ratio != gain.paired]
    if not moderated:
        return ""
    if len(moderated) > JOINT_SHOWN:
        return "The intervals know the noise of the other cells too."
    return f"By a paired t of these pairs alone: {by_load(moderated)}."


def by_load(told: list[tuple[Gain, str]]) -> str:
    """Intervals of steps, those of a load together."""
    loads: dict[str, list[str]] = {}
    for gain, interval in told:
        step = f"{gain.from_servers} → {gain.to_servers} {interval}".replace(" ", "\u00a0")
        loads.setdefault(load_name(gain.others), []).append(step)
    return "; ".join(f"{load} {', '.join(steps)}" for load, steps in loads.items())


def cell_table(cells: list[CellSummary]) -> Table:
    """One row a cell: its figures and its outcome."""
    columns = ["cell", "TPS", "peak TPS", "per server", "errors", "usable", "outcome"]
    rows = [
        [
            cell_name(cell),
            text.rate_interval(cell.tps),
            text.rate(cell.tps_peak),
            text.rate(cell.tps.value / cell.servers if cell.tps else None),
            text.percent(cell.error_rate, 1),
            f"{cell.usable} of {cell.trials}",
            cell.outcome.replace("_", " "),
        ]
        for cell in cells
    ]
    return Table(columns, rows, (1, 2, 3, 4, 5), links=tuple(link(cell.cell) for cell in cells))


def effect_table(found: list[FactorEffect]) -> Table | None:
    """What other factors did; None where there are none."""
    if not found:
        return None
    rows = [
        [
            effect.factor,
            f"{effect.base} → {effect.level}",
            f"{text.count(int(effect.rest['servers']), 'server')} at "
            + load_name({name: level for name, level in effect.rest.items() if name != "servers"}),
            text.ratio(effect.ratio),
            text.ratio_interval(effect.ratio),
            text.ratio_with_interval(effect.response_times.ratios.get("p50")),
            text.ratio_with_interval(effect.response_times.ratios.get("p95")),
            str(effect.k),
            _conclusion(effect),
        ]
        for effect in found
    ]
    columns = ["factor", "levels", "cell", "throughput", "95 % interval", "median", "p95", "k", "what may be said"]
    times = [effect.response_times for effect in found if effect.response_times.ratios]
    held = {change.obstacle.text: None for change in times if change.obstacle}
    note = (
        "Median and p95 are ratios of answer times, failures among them at the timeout or more, with their intervals."
    )
    note += f" They do not tell levels apart where {'; '.join(held)}." if held else ""
    return Table(columns, rows, (3, 4, 5, 6, 7), note=note)


def _conclusion(effect: FactorEffect) -> str:
    """The conclusion with its obstacle or its bound."""
    if effect.obstacle:
        return f"{effect.conclusion}: {effect.obstacle.text}"
    return f"{effect.conclusion}, {effect.bound}" if effect.bound else str(effect.conclusion)


def trial_table(study: StudyRecord, trials: dict[str, TrialData]) -> Table:
    """Every trial that was attempted."""
    is_open = study.written_grid.is_open
    columns = [
        "trial",
        "#",
        "TPS",
        "peak",
        "errors",
        "p95 ms",
        "late ms" if is_open else "h",
        "outcome",
        "limited by",
        "what was noticed",
    ]
    rows = []
    known = [where for where in study.plan if where in trials]
    planned = set(study.plan)
    shown = [*known, *(where for where in trials if where not in planned)]
    for where in shown:
        record = trials[where].record
        noticed = "; ".join(f"{f.rule} {f.cause}" for f in record.findings) or record.cause
        rows.append(
            [
                where,
                str(record.block_position),
                text.rate(record.tps_mean, 0.5),
                text.rate(record.tps_peak, 0.5),
                text.percent(record.error_rate, 1),
                text.milliseconds(record.latency_ms.get("p95")),
                _engine_s_part(record, is_open),
                record.outcome.replace("_", " "),
                record.bottleneck.component if record.bottleneck else text.NOTHING,
                noticed,
            ]
        )
    return Table(
        columns,
        rows,
        (1, 2, 3, 4, 5, 6),
        ids=tuple(f"trial-{where.replace('/', '-')}" for where in shown),
        links=tuple(link(trials[where].record.cell) for where in shown),
        belongs=tuple(anchor(trials[where].record.cell) for where in shown),
        note="A trial’s files lie in trials/, in the folder of its name; # is its place in the order.",
    )


def _engine_s_part(record: TrialRecord, is_open: bool) -> str:
    """How punctual the generator was: h of users, or how late requests at a rate were sent."""
    figures = record.figures
    if not is_open:
        return text.percent(figures.littles_law_residual if figures else None, 1)
    late_ms = figures.send_delay_p99_ms if figures else None
    return text.NOTHING if late_ms is None else f"{late_ms:.1f}"


def threshold_table(limits: Thresholds, is_open: bool = False, samples: Iterable[Sample] = ()) -> Table:
    """Every threshold, marked where the grid changed it; those of rates alone only where `is_open`.

    One that is applied in another size to trials with these `samples` is told in both.
    """
    changed, written = overridden(limits), limits.model_dump(mode="json")
    applied = generator.applied(limits, samples).model_dump(mode="json")
    rows = []
    for name, declared in DECLARED.items():
        words = declared.meaning
        said = written[name]
        if declared.rates_only and not is_open:
            continue
        if said is None or isinstance(said, bool):
            continue  # a switch, told with the method
        if applied[name] != said:
            words += f" ({text.threshold(applied[name])} here, as the engine does not count users that think)"
        value = text.threshold(said)
        rows.append([declared.shown_rule, name, words, f"{value} (set in the grid)" if name in changed else value])
    return Table(["rule", "name", "what it bounds", "value"], rows, (3,))

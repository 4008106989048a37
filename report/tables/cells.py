"""The tables with a row for each cell: bottleneck, throughput, latency and errors, and both builds of a gate. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.load import RATE
from harness.language import messages, tr
from harness.records.reasons import ReasonKind
from harness.records.trial import Component, TrialData
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison.gate import GateResult
from report import format as text
from report.elements import Table, anchor, by_cell, cell_name, link
from report.tables import reason_phrases

OF_NETWORK = ((ReasonKind.RETRANSMITS, "retransmitted"), (ReasonKind.OVER_ALLOWANCE, "over_allowance"))  # figures
BUILDS = messages(["build", "image", "req/s", "p50 (ms)", "p95 (ms)", "failed", "bottleneck", "valid trials"])
LIMITS = messages(
    "The limits in brackets hold although the study looked at its data several times: the lower one in 97 %, the "
    "upper one in 99 % of studies. All other intervals of this report are those of a single look."
)
SHARED_COLUMNS = messages(("dependency CPU", "its connections"))  # only of studies with dependencies
UNSTEADY = "*"  # flags a latency that is not steady


def throughput_table(cells: Sequence[CellSummary]) -> Table:
    """Throughput, errors and outcome of each cell."""
    rows = [
        [
            cell_name(cell),
            text.rate_interval(cell.tps),
            text.rate(cell.tps_peak),
            text.rate(cell.tps.value / cell.servers if cell.tps else None),
            text.percent(cell.error_rate, 1),
            tr("{usable} of {trials}", usable=cell.usable, trials=cell.trials),
            tr(cell.outcome),
        ]
        for cell in cells
    ]
    columns = messages(["cell", "TPS", "peak TPS", "TPS per server", "errors", "valid trials", "outcome"])
    return Table(columns=columns, rows=rows, right=(1, 2, 3, 4, 5), links=tuple(link(cell.cell) for cell in cells))


def bottleneck_table(cells: Sequence[CellSummary], trials: Mapping[str, TrialData]) -> Table:
    """The bottleneck of each cell, with the means of the figures that it is decided by, over the valid trials."""
    is_open = any(RATE in cell.cell for cell in cells)
    mine, shared = by_cell(trials), _has_dependencies(trials)
    return Table(
        columns=[
            *messages(("cell", "bottleneck", "server CPU", "throttled", "slots", "balancer CPU", "generator CPU")),
            *SHARED_COLUMNS[: 2 * shared],
            messages("share of offered load" if is_open else "share of users’ maximum rate"),
            *messages(("R / R0", "retransmitted", "over allowance", "reason")),
        ],
        rows=[_bottleneck_row(cell, mine.get(anchor(cell.cell), []), is_open=is_open, shared=shared) for cell in cells],
        right=tuple(range(2, 11 + 2 * shared)),
        ids=tuple(anchor(cell.cell) for cell in cells),
        links=tuple(link(cell.cell) for cell in cells),
    )


def _has_dependencies(trials: Mapping[str, TrialData]) -> bool:
    return any(data.record.context and data.record.context.dependencies for data in trials.values())


def _bottleneck_row(
    cell: CellSummary, trials: Sequence[TrialData], *, is_open: bool, shared: bool = False
) -> list[str]:
    valid = [data for data in trials if data.record.usable]

    def mean(name: str) -> float | None:
        found = [data.record.bottleneck.figures.get(name) for data in valid if data.record.bottleneck]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None

    return [
        cell_name(cell),
        tr(cell.bottleneck) if cell.usable else _suspected(trials),
        text.percent(mean("server_cpu")),
        text.percent(mean("server_throttled")),
        text.percent(mean("server_slots")),
        text.percent(mean("balancer_cpu")),
        text.percent(mean("generator_cpu")),
        *(text.percent(mean(name)) for name in ("dependency_cpu", "dependency_connections")[: 2 * shared]),
        text.percent(mean("of_offered" if is_open else "of_users_bound")),
        _ratio(mean("response_s"), mean("unloaded_s")),
        *(text.percent(mean(name) if cell.bottleneck_kind is kind else None, 1) for kind, name in OF_NETWORK),
        reason_phrases.of_bottleneck(cell),
    ]


def _suspected(trials: Sequence[TrialData]) -> str:
    """The bottleneck of trials of which none is valid, where they agree."""
    found = {data.record.component for data in trials}
    return tr(found.pop()) if len(found) == 1 and Component.UNKNOWN not in found else text.NOTHING


def _ratio(response_s: float | None, unloaded_s: float | None) -> str:
    return text.NOTHING if response_s is None or not unloaded_s else text.times(response_s / unloaded_s)


def latency_table(cells: Sequence[CellSummary], trials: Mapping[str, TrialData]) -> Table:
    """Percentiles of the successes in the steady window, and failures by kind over the whole trials."""
    mine = by_cell(trials)
    rows = [
        [
            cell_name(cell),
            *(_milliseconds(cell, percentile) for percentile in ("p50", "p95", "p99")),
            text.percent(cell.error_rate, 1),
            _failures(mine.get(anchor(cell.cell), [])) or (tr("none") if cell.trials else text.NOTHING),
        ]
        for cell in cells
    ]
    return Table(
        columns=messages(["cell", "p50 ms", "p95 ms", "p99 ms", "errors", "failures"]),
        rows=rows,
        right=(1, 2, 3, 4),
        links=tuple(link(cell.cell) for cell in cells),
        note=_unsteady(cells),
    )


def _failures(trials: Sequence[TrialData]) -> str:
    kinds: dict[str, int] = {}
    for data in trials:
        for kind, count in (data.record.counters.generator.errors if data.record.counters else {}).items():
            kinds[kind] = kinds.get(kind, 0) + count
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))


def _milliseconds(cell: CellSummary, percentile: str) -> str:
    shown = text.milliseconds(cell.latency_ms.get(percentile))
    return f"{shown}{UNSTEADY}" if cell.latency_unsteady and shown != text.NOTHING else shown


def _unsteady(cells: Sequence[CellSummary]) -> str:
    """Rule E10: the latencies that are not steady, and why; empty for none."""
    found = [
        tr("{cell} (the mean {latency_unsteady})", cell=cell_name(cell), latency_unsteady=cell.latency_unsteady)
        for cell in cells
        if cell.latency_unsteady
    ]
    if not found:
        return ""
    return tr(
        "{mark} Not steady, unlike throughput: {listed}. Fix: a longer ramp_up and duration.",
        mark=UNSTEADY,
        listed="; ".join(found),
    )


def build_table(found: GateResult | None) -> Table | None:
    """A row for the baseline and one for the candidate; None without a gate."""
    if found is None:
        return None
    effect, (baseline, candidate) = found.effect, found.sides
    rows = [
        _build_row(tr("baseline"), str(effect.base), baseline),
        _build_row(tr("candidate"), str(effect.level), candidate),
    ]
    return Table(columns=BUILDS, rows=rows, right=(2, 3, 4, 5, 7), note=tr(LIMITS))


def _build_row(build: str, image: str, cell: CellSummary) -> list[str]:
    return [
        build,
        image,
        text.rate_interval(cell.tps),
        text.milliseconds(cell.latency_ms.get("p50")),
        text.milliseconds(cell.latency_with_failures_ms.get("p95")),
        text.percent(cell.error_rate, 1),
        tr(cell.bottleneck),
        tr("{usable} of {trials}", usable=cell.usable, trials=cell.trials),
    ]

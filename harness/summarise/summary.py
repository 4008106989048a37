"""A study's cells and gains, of all its records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.grid.schema import Grid
from harness.grid.thresholds import Thresholds
from harness.records.findings import Finding, Severity
from harness.records.trial import Component, TrialRecord
from harness.summarise.capacity import by_topology, capacity
from harness.summarise.capacity.capacity import Capacity, CapacityGain
from harness.summarise.cells import failover, slow_server
from harness.summarise.cells.cell import CellSummary, saturated, summarise
from harness.summarise.gains import machine_speed, precision
from harness.summarise.gains.gain import Gain, all_gains, at_saturation, together
from harness.summarise.search import search
from harness.summarise.statistics import block_model, intervals, usl
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name, percent


@dataclass(frozen=True)
class Summary:
    """All cells of the grid, measured or not, and the gains between them."""

    grid: Grid
    cells: list[CellSummary]
    gains: list[Gain]
    noise: block_model.BlockModel | None = None
    findings: list[Finding] = field(default_factory=list)  # of the whole study (rule E20)
    control: Interval | None = None  # last trial of each block against its first, the same cell
    laws: dict[str, usl.Law] = field(default_factory=dict)  # by load (rule E19)
    between: float | None = None  # share of a trial's variance that lies between trials
    speed: machine_speed.Speed | None = None  # of the machines (rule E22)
    losses: list[failover.Losses] = field(default_factory=list)  # of each cell that loses servers (rule E24)
    capacities: list[Capacity] = field(default_factory=list)  # of each topology, where objectives hold for a load
    capacity_gains: list[CapacityGain] = field(default_factory=list)
    references: list[float | None] = field(default_factory=list)  # of each capacity, where it is known beforehand
    limits: list[search.Limit] = field(default_factory=list)  # of each topology, where the grid searches


def summarise_records(
    grid: Grid,
    records: Mapping[str, TrialRecord],
    latencies: Callable[[str], str] = lambda _: "",
    failures: Callable[[str], str] = lambda _: "",
) -> Summary:
    """The same from records by path; `latencies` and `failures` give a trial's histograms."""
    by_cell: dict[str, list[str]] = {}
    for where, record in records.items():
        if not record.control and record.repeat:
            by_cell.setdefault(where.split("/")[0], []).append(where)
    found, losses = [], []
    for cell in search.cells(grid, records):
        wheres = by_cell.get(cell.slug, [])
        counted = [w for w in wheres if records[w].usable]
        good, bad = ([histogram(w) for w in counted] for histogram in (latencies, failures))
        mine, expected = [records[w] for w in wheres], grid.request.expect_status
        found.append(summarise(cell.by_name, mine, good, grid.evidence, bad, expected))
        if cell.fail_servers:
            losses.append(failover.of_cell(found[-1], [records[w] for w in wheres]))
    noise, findings = _noise([cell for cell in found if not cell.fail_servers], records, grid.evidence)
    again = _sentinel(records, grid)
    if again is not None and again.low is not None and again.high is not None and not again.low <= 1 <= again.high:
        change = f"{percent(again.value - 1, 1)} [{percent(again.low - 1, 1)}, {percent(again.high - 1, 1)}]"
        findings.append(
            Finding(
                "E20",
                Severity.NOTE,
                f"the same cell at the end of a block differs from its begin by {change}: the hosts change under load",
                "look for credits, heat or memory that run out, or rest longer between trials",
                again.value,
                1.0,
            )
        )
    own = [cell.by_name for cell in search.at_saturation(grid, records)]
    gains = all_gains(found, grid.evidence)
    gains += at_saturation([cell for cell in found if cell.cell in own], found, grid.evidence)
    searched = search.limits(grid, records) if grid.search is not None else []
    findings += _slower(found, grid.evidence)
    machines = machine_speed.of_trials(records)
    findings += machine_speed.watch(machines, machine_speed.widest(gains, found), grid.evidence)
    between = precision.between_share(noise, found, records)
    carried = by_topology.of_records(grid, records)
    return Summary(
        grid,
        found,
        together(gains),
        noise,
        findings,
        again,
        _laws(found),
        between,
        machines,
        losses,
        carried,
        capacity.all_gains(carried, grid.evidence),
        [by_topology.reference(grid, each, records) for each in carried],
        searched,
    )


def _noise(
    cells: Sequence[CellSummary], records: Mapping[str, TrialRecord], limits: Thresholds
) -> tuple[block_model.BlockModel | None, list[Finding]]:
    """The block model of the cells limited by servers, or of all where these are too few, and what it shows."""
    table = saturated(cells)
    model = block_model.fit(table) if len(table) > 1 else None
    if model is None:
        model = block_model.fit({cell.name: cell.by_block for cell in cells if cell.by_block})
    if model is None:
        return None, []
    names = {tuple(sorted(cell.cell.items())): cell.name for cell in cells}
    ranked: dict[int, list[tuple[int, str]]] = {}
    for record in records.values():
        name = names.get(tuple(sorted(record.cell.items())))
        if name and record.repeat and not record.control:
            ranked.setdefault(record.repeat, []).append((record.block_position, name))
    places = {(name, k): place for k, run in ranked.items() for place, (_, name) in enumerate(sorted(run), 1)}
    return model, block_model.watch(model, places, limits)


def _slower(cells: Sequence[CellSummary], limits: Thresholds) -> list[Finding]:
    """E12: servers that are slower than the others, each once."""
    by_server: dict[str, list[tuple[str, slow_server.Slower]]] = {}
    for cell in cells:
        if cell.slower:
            by_server.setdefault(cell.slower.server, []).append((cell.name, cell.slower))
    return [slow_server.finding(mine, limits) for mine in by_server.values()]


def _sentinel(records: Mapping[str, TrialRecord], grid: Grid) -> Interval | None:
    """The A/A pair of every block: its first cell's trial and the same again at its end (rule E20)."""
    pairs = []
    for where, record in records.items():
        first = records.get(where.removesuffix("-control"))
        if record.control and first is not None and record.usable and first.usable:
            pairs.append((float(first.tps_mean or 0), float(record.tps_mean or 0)))
    if not pairs:
        return None
    return intervals.gain([a for a, _ in pairs], [b for _, b in pairs], grid.evidence.interval_repeats)


def _laws(cells: Sequence[CellSummary]) -> dict[str, usl.Law]:
    """Rule E19 for every load with six topologies that servers limited."""
    loads: dict[str, dict[int, list[float]]] = {}
    for cell in cells:
        if cell.bottleneck == Component.SERVER and cell.by_block:
            loads.setdefault(load_name(cell.others), {})[cell.servers] = list(cell.by_block.values())
    fitted = {load: usl.fit(rates) for load, rates in loads.items()}
    return {load: law for load, law in fitted.items() if law is not None}

"""The summary of a study: cells, gains, capacities and everything else that is reported of all its records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.records.evidence_grade import EvidenceGrade
from harness.records.findings import Finding, Severity
from harness.records.study import StudyRecord
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath
from harness.summarise import calibration, cost, evidence_grade, objectives
from harness.summarise.calibration import CalibrationCheck
from harness.summarise.capacity import by_topology, capacity, window
from harness.summarise.capacity.capacity import Capacity, CapacityGain
from harness.summarise.capacity.window import ShortWindow
from harness.summarise.cells import failover, requests, slow_server
from harness.summarise.cells.cell import CellSummary, saturated, summarise
from harness.summarise.cells.failover import CellFailover
from harness.summarise.cells.requests import ByRequest
from harness.summarise.comparison import capacity_effects, factors
from harness.summarise.comparison import gate as gating
from harness.summarise.comparison.capacity_effects import CapacityEffect
from harness.summarise.comparison.factors import FactorEffect
from harness.summarise.comparison.gate import GateResult
from harness.summarise.cost import CostSummary, Prices
from harness.summarise.gains import gain, linear, machine_speed, precision, ranges, scalability, scale_up, server_spread
from harness.summarise.gains.gain import Gain
from harness.summarise.gains.machine_speed import MachineSpeed
from harness.summarise.gains.ranges import GainRun
from harness.summarise.gains.scale_up import ScaleUp
from harness.summarise.gains.server_spread import ServerSpread
from harness.summarise.objectives import ObjectiveResult
from harness.summarise.search.result import SearchResult
from harness.summarise.search.search import state_of
from harness.summarise.statistics import block_model, intervals
from harness.summarise.statistics.intervals import Interval
from harness.summarise.statistics.usl import EfficiencyProfile, UslFit
from harness.words import percent

Histograms = Callable[[str], str]  # trial's path → histogram


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that is reported of a study: every figure is computed here, once.

    `cells` are all cells of the grid, measured or not. Mappings from text are by the name of the load.
    """

    grid: Grid
    cells: list[CellSummary]
    gains: list[Gain]
    whole_range_gains: list[Gain] = field(default_factory=list)  # of each load with several steps
    scale_ups: list[ScaleUp] = field(default_factory=list)  # of servers of several types, by load
    gain_runs: list[GainRun] = field(default_factory=list)  # neighbouring steps of one category
    noise: block_model.BlockModel | None = None
    findings: list[Finding] = field(default_factory=list)  # of the whole study
    control: Interval | None = None  # last trial of each block relative to its first, the same cell (rule E20)
    between_share: float | None = None  # share of a trial's variance between trials
    machine_speed: MachineSpeed | None = None  # rule E22
    machine_speed_mattered: bool = False  # whether it explains the width of the intervals
    server_spread: ServerSpread | None = None  # where blocks were measured on different servers (rule E15)
    widest_half_width: float | None = None  # of the intervals of gains, else of cells
    usl_fits: dict[str, UslFit] = field(default_factory=dict)  # rule E19
    efficiency_profiles: dict[str, EfficiencyProfile] = field(default_factory=dict)  # the same without a fit
    failovers: list[CellFailover] = field(default_factory=list)  # of each cell with a server failure (rule E24)
    capacities: list[Capacity] = field(default_factory=list)  # of each topology, with objectives for a load
    capacity_gains: list[CapacityGain] = field(default_factory=list)
    whole_range_capacity_gains: list[CapacityGain] = field(default_factory=list)
    short_window: ShortWindow | None = None  # a window that is short for the objective p95
    searches: list[SearchResult] = field(default_factory=list)  # of each topology, where the grid searches
    factor_effects: list[FactorEffect] = field(default_factory=list)  # of factors other than servers and load
    capacity_effects: list[CapacityEffect] = field(default_factory=list)  # the same on capacities
    topologies: CostSummary | None = None  # with their sustainable rates; None without any topology
    gate: GateResult | None = None  # of two builds, where the grid has a gate
    objectives: list[ObjectiveResult] = field(default_factory=list)
    calibration: CalibrationCheck | None = None
    evidence_grade: EvidenceGrade | None = None  # None without a valid trial

    @property
    def costs(self) -> CostSummary | None:
        """The topologies, where the study has a price or a target for them; else None."""
        found = self.topologies
        return found if found and (found.priced or self.grid.target_per_s is not None) else None

    @property
    def has_requests_by_name(self) -> bool:
        """Whether there are requests of more than one name, or transactions."""
        names = {each.name for cell in self.cells for each in cell.by_request}
        return len(names) > 1 or any(cell.transactions for cell in self.cells)


class RecordedStudy(Protocol):
    """Part of a study's directory that a summary is computed from."""

    def need_study(self) -> StudyRecord:
        """Return the study's record; raises BadInput when there is none."""

    def trials(self) -> dict[str, TrialRecord]:
        """Return the records of all trials by path."""

    def latencies(self, where: str) -> str:
        """Return the encoded histogram of a trial's successes."""

    def failures(self, where: str) -> str:
        """Return the encoded histogram of a trial's failures."""

    def request_histograms(self, where: str) -> ByRequest:
        """Return the encoded histograms of a trial by the name of the request, None for transactions."""


def summarise_directory(directory: RecordedStudy) -> Summary:
    """Summarise the trials that a study has recorded; raises BadInput when there is no study."""
    study = directory.need_study()
    return summarise_records(
        study.scaled_grid,
        directory.trials(),
        directory.latencies,
        directory.failures,
        prices_of(study),
        directory.request_histograms,
    )


def prices_of(study: StudyRecord) -> Prices:
    """The prices and the groups of a study's hosts."""
    groups = {name: str(host.get("group")) for name, host in study.configuration.hosts.items()}
    return Prices({name: host.usd_per_hour for name, host in study.rented.items()}, groups)


def summarise_records(
    grid: Grid,
    records: Mapping[str, TrialRecord],
    latencies: Histograms = lambda _: "",
    failures: Histograms = lambda _: "",
    prices: Prices = Prices(),  # noqa: B008 - frozen, no host
    by_request: Callable[[str], ByRequest] = lambda _: {},
) -> Summary:
    """Summarise records by path; `latencies`, `failures` and `by_request` return a trial's histograms."""
    state = state_of(grid, records)
    cells, failovers = _cells(grid, state.cells, records, latencies, failures, by_request)
    own = [cell.by_name for cell in state.at_saturation]
    gains = gain.all_gains(cells, grid.evidence)
    gains += gain.at_saturation([cell for cell in cells if cell.cell in own], cells, grid.evidence)
    return of_cells(grid, cells, gain.with_simultaneous(gains), records, failovers, state.results, prices)


def of_cells(
    grid: Grid,
    cells: list[CellSummary],
    gains: list[Gain],
    records: Mapping[str, TrialRecord],
    failovers: list[CellFailover],
    searches: Sequence[SearchResult],
    prices: Prices,
) -> Summary:
    """Everything that follows from the cells, their gains and the records."""
    limits = grid.evidence
    noise, findings = _noise([cell for cell in cells if not cell.fail_servers], records, limits)
    control = _control(records, grid)
    speed, widest = machine_speed.of_trials(records), machine_speed.widest(gains, cells)
    findings += [*_control_finding(control), *_slow_servers(cells, limits), *linear.findings(cells)]
    findings += machine_speed.findings(speed, widest, limits)
    capacities = by_topology.of_records(grid, records)
    effects = factors.effects(grid, cells)
    return Summary(
        grid=grid,
        cells=cells,
        gains=gains,
        whole_range_gains=ranges.whole_ranges(gains, cells, limits),
        gain_runs=ranges.runs(gains, cells, limits),
        scale_ups=scale_up.comparisons(cells, gains, limits),
        noise=noise,
        findings=findings,
        control=control,
        between_share=precision.between_share(noise, cells, records),
        machine_speed=speed,
        machine_speed_mattered=machine_speed.mattered(speed, widest, limits),
        server_spread=server_spread.of_records(records.values(), grid.server_types),
        widest_half_width=widest,
        usl_fits=scalability.usl_fits(cells, limits.mix_held),
        efficiency_profiles=scalability.efficiency_profiles(cells, limits.mix_held),
        failovers=failovers,
        capacities=capacities,
        capacity_gains=capacity.all_gains(capacities, limits),
        whole_range_capacity_gains=capacity.whole_ranges(capacities, limits),
        short_window=window.too_short(grid),
        searches=list(searches),
        factor_effects=effects,
        gate=gating.result(grid, effects, cells, records.values()),
        capacity_effects=capacity_effects.effects(grid, capacities),
        topologies=cost.summarise(grid, cells, capacities, records.values(), prices),
        objectives=objectives.judge(grid, cells, gains),
        calibration=calibration.of_study(grid, cells, gains, capacities),
        evidence_grade=evidence_grade.of_records(records.values()),
    )


def _cells(
    grid: Grid,
    cells: Sequence[Cell],
    records: Mapping[str, TrialRecord],
    latencies: Histograms,
    failures: Histograms,
    by_request: Callable[[str], ByRequest],
) -> tuple[list[CellSummary], list[CellFailover]]:
    """All cells, and the failover of those with a server failure."""
    by_cell: dict[str, list[str]] = {}
    for path, record in records.items():
        if not record.control and record.repeat:
            by_cell.setdefault(TrialPath.parse(path).cell, []).append(path)
    found, failovers, names = [], [], [each.name for each in grid.requests]
    for cell in cells:
        paths = by_cell.get(cell.slug, [])
        usable = [path for path in paths if records[path].usable]
        good, bad = ([histogram(path) for path in usable] for histogram in (latencies, failures))
        mine, expected = [records[path] for path in paths], grid.expected_statuses
        named = [by_request(path) if records[path].requests else {} for path in usable]
        one = summarise(cell.by_name, mine, good, grid.evidence, bad, expected, named, grid.server_types)
        found.append(replace(one, by_request=requests.in_order(one.by_request, names)))
        if cell.fail_servers:
            failovers.append(failover.of_cell(found[-1], mine))
    return found, failovers


def _noise(
    cells: Sequence[CellSummary], records: Mapping[str, TrialRecord], limits: Thresholds
) -> tuple[block_model.BlockModel | None, list[Finding]]:
    """The block model of the cells with a server bottleneck, or of all where these are too few, and its findings."""
    table = saturated(cells)
    model = block_model.fit(table) if len(table) > 1 else None
    if model is None:
        model = block_model.fit({cell.name: cell.by_block for cell in cells if cell.by_block})
    if model is None:
        return None, []
    names = {tuple(sorted(cell.cell.items())): cell.name for cell in cells}
    blocks: dict[int, list[tuple[int, str]]] = {}
    for record in records.values():
        name = names.get(tuple(sorted(record.cell.items())))
        if name and record.repeat and not record.control:
            blocks.setdefault(record.repeat, []).append((record.block_position, name))
    positions = {(name, k): place for k, run in blocks.items() for place, (_, name) in enumerate(sorted(run), 1)}
    return model, block_model.findings(model, positions, limits)


def _slow_servers(cells: Sequence[CellSummary], limits: Thresholds) -> list[Finding]:
    """E12: servers that are slower than the others, each once."""
    by_server: dict[str, list[tuple[str, slow_server.SlowServer]]] = {}
    for cell in cells:
        if cell.slow_server:
            by_server.setdefault(cell.slow_server.server, []).append((cell.name, cell.slow_server))
    return [slow_server.finding(mine, limits) for mine in by_server.values()]


def _control(records: Mapping[str, TrialRecord], grid: Grid) -> Interval | None:
    """The A/A pair of every block: its first cell's trial and the same cell again at its end (rule E20)."""
    pairs = []
    for path, record in records.items():
        first = records.get(str(TrialPath.parse(path).first)) if record.control else None
        if first is not None and record.usable and first.usable:
            pairs.append((float(first.tps_mean or 0), float(record.tps_mean or 0)))
    if not pairs:
        return None
    return intervals.paired_ratio([a for a, _ in pairs], [b for _, b in pairs], grid.evidence.interval_repeats)


def _control_finding(control: Interval | None) -> list[Finding]:
    """E20: the control trials differ significantly from the first trials of their blocks."""
    if control is None or control.low is None or control.high is None or control.low <= 1 <= control.high:
        return []
    change = f"{percent(control.value - 1, 1)} [{percent(control.low - 1, 1)}, {percent(control.high - 1, 1)}]"
    return [
        Finding(
            rule="E20",
            severity=Severity.NOTE,
            cause=tr(
                "the same cell at the end of a block differs from its start by {change}: the hosts change under load",
                change=change,
            ),
            next_step=tr("look for CPU credits, heat or memory that run out, or wait longer between trials"),
            figure=control.value,
            threshold=1.0,
        )
    ]

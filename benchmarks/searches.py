"""Simulate searches whose truth is known, with cold and stalled probes, and print a table in Markdown.

    python -m benchmarks.searches [STUDIES] [--first NUMBER] [--only NAME] [--single]

STUDIES of each scenario (500), from study NUMBER (0) on; `--only` takes those whose name contains NAME. The seed of a
study is its number and the name of its scenario. `--single` simulates studies that began before probes had numbers,
whose single probes decide alone. `benchmarks.capacity` has the queue.
Plan, search and capacities are the product's own, on the records of simulated trials.
"""

from __future__ import annotations

import argparse
import math
import sys
import zlib
from dataclasses import dataclass, field

import numpy as np

from benchmarks.capacity.study import speeds_of
from benchmarks.capacity.trial import Servers, trial, truth
from benchmarks.tallies import Addable
from benchmarks.truth.tables import share
from harness.grid.cell import Cell
from harness.grid.objectives import P95
from harness.grid.schema import Grid
from harness.records.trial import Figures, ObjectiveCounts, Outcome, TrialRecord
from harness.records.trial_path import TrialPath
from harness.summarise.capacity import by_topology
from harness.summarise.capacity.crossing import Bound
from harness.summarise.search.search import SearchState, state_of

BLOCKS = 5
# A bracket is right if the capacity of a typical trial lies in it or within 10 % of it: a probe is one trial, with a
# trial's noise. The capacity of all requests is smaller, because slow trials have most of the late ones.
NEAR = 1.1


@dataclass(frozen=True, kw_only=True)
class SearchScenario:
    """One kind of search. `noise` is the standard deviation of a trial's speed, in logarithms.

    The first `cold` probes of each topology are late throughout, and each probe is with the probability `stalled`.
    Below the share `slow_until` of the capacity too many requests are late. `least` and `most` are the range of the
    search, as shares of the capacity of one server; `until` is that of the grid.
    """

    name: str
    noise: float = 0.03
    cold: int = 0
    stalled: float = 0.0
    slow_until: float = 0.0
    least: float = 0.12
    most: float = 16.0
    until: float = 0.05


SEARCH_SCENARIOS = (
    SearchScenario(name="plain"),
    SearchScenario(name="noise of 10 %", noise=0.10),
    SearchScenario(name="cold first probe of each topology", cold=1),
    SearchScenario(name="5 % of the probes stalled", stalled=0.05),
    SearchScenario(name="p95 worse below a third of the capacity", slow_until=1 / 3),
    SearchScenario(name="capacity near the smallest load", least=0.96),
    SearchScenario(name="capacity near the largest load", most=2.2),
    SearchScenario(name="until: 50 %", until=0.5),
)
TOPOLOGIES = (1, 2)


@dataclass(kw_only=True)
class SearchTally(Addable):
    """Counts over the topologies of studies; `false_bounds` are bounds that the truth contradicts by more than 3 %."""

    topologies: int = 0
    right_brackets: int = 0
    exact: int = 0
    covered: int = 0
    bounds: int = 0
    false_bounds: int = 0
    probes: int = 0
    most_probes: int = 0
    errors: list[float] = field(default_factory=list)

    def add(self, other: SearchTally) -> None:
        """Add the counts of another tally."""
        most = max(self.most_probes, other.most_probes)
        super().add(other)
        self.most_probes = most


def simulate(scenario: SearchScenario, number: int, *, single: bool = False) -> SearchTally:
    """Simulate and judge the study of this number, which is its seed."""
    random_of = np.random.default_rng([zlib.crc32(scenario.name.encode()), number])
    servers, found = Servers(), SearchTally()
    # The range begins elsewhere in each study, so that no scenario depends on where the doubling falls.
    shift = float(random_of.uniform(0.98, 1.02) if scenario.least > 0.5 else random_of.uniform(0.7, 1.4))
    one = truth(servers, 1)
    grid = _grid(scenario, max(1, round(scenario.least * shift * one)), round(scenario.most * one))
    records: dict[str, TrialRecord] = {}
    tried = dict.fromkeys(TOPOLOGIES, 0)

    def measure(cell: Cell, repeat: int, probe: int | None) -> None:
        is_late = False
        if not repeat:
            tried[cell.servers] += 1
            is_late = tried[cell.servers] <= scenario.cold or random_of.random() < scenario.stalled
        record = _record(scenario, cell, repeat, random_of, is_late=is_late)
        path = str(TrialPath(cell=cell.slug, repeat=repeat, probe=probe or 1))
        records[path] = record.model_copy(update={"probe": probe})

    if single:
        for cell in grid.cells.known:
            measure(cell, 0, None)
    while not (state := _state(grid, records)).complete:
        for probe in state.probes:
            if str(TrialPath(cell=probe.cell.slug, repeat=0, probe=probe.number or 1)) not in records:
                measure(probe.cell, 0, probe.number)
    found.probes = found.most_probes = len(records)
    for block in range(1, BLOCKS + 1):
        for cell in _state(grid, records).in_block(block):
            measure(cell, block, None)
    _judge(found, grid, _state(grid, records), records, speeds_of(scenario.noise))
    return found


def _state(grid: Grid, records: dict[str, TrialRecord]) -> SearchState:
    state = state_of(grid, dict(records))
    if not isinstance(state, SearchState):
        raise TypeError("the grid has no search")
    return state


def _grid(scenario: SearchScenario, least: int, most: int) -> Grid:
    servers = Servers()
    return Grid.model_validate(
        {
            "name": "searches",
            "factors": {
                "servers": list(TOPOLOGIES),
                "rate": {"from": f"{least}/s", "to": f"{most}/s", "until": f"{scenario.until:.0%}"},
            },
            "request": {"path": "/"},
            "load": {"ramp_up": "3s", "duration": "23s"},
            "objectives": {"p95": f"{1000 * servers.p95_s:.0f}ms"},
            "repeats": BLOCKS,
        }
    )


def _record(
    scenario: SearchScenario, cell: Cell, repeat: int, random_of: np.random.Generator, *, is_late: bool
) -> TrialRecord:
    """A trial's record with its counts; all requests of a cold or stalled one are late, but served."""
    servers, rate = Servers(), float(cell.rate)
    speed = math.exp(random_of.normal(0, scenario.noise))
    counted = trial(servers, cell.servers, rate, speed, repeat, random_of)
    count = counted.count
    late = count.requests if is_late else count.late
    if rate < scenario.slow_until * truth(servers, cell.servers):
        late = max(late, round(4 * P95 * count.requests))
    window_s = servers.window_s[1] - servers.window_s[0]
    offered = count.offered or 0.0
    p95_ms = 1000 * servers.p95_s * (2 if late > P95 * count.requests else 0.5)
    return TrialRecord(
        id="",
        cell=cell.by_name,
        repeat=repeat,
        block_position=0,
        started_at="",
        outcome=Outcome.OK,
        tps_mean=count.requests / window_s,
        error_rate=0.0,
        latency_ms={"p95": p95_ms},
        objective_counts=ObjectiveCounts(requests=count.requests, late=late, failed=0),
        figures=Figures(offered_per_s=offered, falls_behind=counted.is_behind),
    )


def _judge(
    found: SearchTally, grid: Grid, state: SearchState, records: dict[str, TrialRecord], speeds: tuple[float, ...]
) -> None:
    """Compare brackets and capacities with the truth."""
    for result, capacity in zip(state.results, by_topology.of_records(grid, records), strict=True):
        true = truth(Servers(), capacity.servers, speeds)
        ends, typical = result.objectives, truth(Servers(), capacity.servers)
        found.topologies += 1
        if ends is not None:
            found.right_brackets += (ends.low or 0) <= NEAR * typical <= NEAR**2 * (ends.high or math.inf)
        if capacity.bound == Bound.EXACT and capacity.value is not None:
            found.exact += 1
            found.covered += (capacity.low or 0) <= true <= (capacity.high or math.inf)
            found.errors.append(abs(capacity.value / true - 1))
        else:
            found.bounds += 1
            low, high = capacity.low or 0, capacity.high or math.inf
            found.false_bounds += not low / 1.03 <= true <= high * 1.03


COLUMNS = (
    "scenario",
    "brackets within 10 % of a typical trial's capacity",
    "capacities with an estimate",
    "contain the truth",
    "median error",
    "bounds",
    "false bounds",
    "probes of a study (largest)",
)


def row(scenario: SearchScenario, tally: SearchTally, studies: int) -> str:
    """A scenario's row."""
    cells = (
        scenario.name,
        share(tally.right_brackets, tally.topologies),
        share(tally.exact, tally.topologies),
        share(tally.covered, tally.exact),
        f"{np.median(tally.errors):.1%}" if tally.errors else "–",
        share(tally.bounds, tally.topologies),
        share(tally.false_bounds, tally.topologies),
        f"{tally.probes / studies:.1f} ({tally.most_probes})",
    )
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Simulate and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.searches", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("studies", nargs="?", type=int, default=500, help="of each scenario")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first study")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name contains this")
    parser.add_argument("--single", action="store_true", help="one probe of each load, as before probes had numbers")
    arguments = parser.parse_args()
    chosen = [scenario for scenario in SEARCH_SCENARIOS if arguments.only in scenario.name]
    if arguments.studies < 1 or arguments.first < 0 or not chosen:
        names = "; ".join(each.name for each in SEARCH_SCENARIOS)
        parser.error(f"STUDIES is at least 1, NUMBER at least 0. Allowed for NAME: {names}")
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n")
    for scenario in chosen:
        tally = SearchTally()
        for number in range(arguments.first, arguments.first + arguments.studies):
            tally.add(simulate(scenario, number, single=arguments.single))
        sys.stdout.write(row(scenario, tally, arguments.studies))
        sys.stdout.flush()


if __name__ == "__main__":
    main()

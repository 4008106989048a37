"""The largest plan of a study, compared with simulated searches."""

import random

import pytest

from harness.grid.cells import SearchedCells
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.plan import bound, stopping
from harness.records.trial import TrialRecord
from tests.builders import grid, record

OPEN = {"load": {"ramp_up": "2s", "duration": "12s"}, "objectives": {"p95": "100ms"}}


def rated(least: int, most: int, until: str, repeats: int = 3) -> Grid:
    span = {"from": f"{least}/s", "to": f"{most}/s", "until": until}
    return grid(factors={"servers": [1, 2], "rate": span}, repeats=repeats, **OPEN)


def needed(study: Grid, capacity: float, noise: random.Random) -> int:
    """Simulate a search with servers of this capacity in req/s; return its number of trials."""
    records: dict[str, TrialRecord] = {}
    while True:
        planned, _ = stopping.trials(study, "lab", records)
        left = [trial for trial in planned if trial.path not in records]
        if not left:
            return len(planned)
        for trial in left:
            load, servers = trial.cell.load, trial.cell.servers
            offered = load if study.is_open else load / study.load.think_time
            late = min(1.0, max(0.0, 0.05 * offered / (servers * capacity)) ** 2 * 20)
            rate = min(offered, servers * capacity) * (1 + 0.01 * noise.gauss(0, 1))
            met = offered <= servers * capacity * (1 + 0.05 * noise.gauss(0, 1))
            records[trial.path] = record(
                servers, 0, trial.repeat, rate, cell=trial.cell.by_name, probe=trial.probe,
                latency_ms={"p95": 50.0 if met else 500.0},
                objective_counts={"requests": 4000, "late": round(4000 * late), "failed": 0},
            )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_no_search_needs_more_trials_than_its_bound(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - noise, no secret
    for study in (
        rated(100, 500, "20%"),
        rated(20, 2000, "5%", repeats=2),
        grid(factors={"servers": [1, 2], "vusers": {"from": 50, "to": 5000, "until": "5%"}}, repeats=2),
    ):
        most = len(bound.largest_plan(study, "lab"))
        assert needed(study, draw.uniform(10, 700), draw) <= most <= 150


def test_probes_over_a_rate_are_counted_exactly() -> None:
    """The loads are 100 and 200 req/s, 400 req/s, and three between two of them; then eight repeats.

    100 and 101 req/s are probed three times each at most.
    """
    for most, count in ((500, 6 + 8), (101, 2 * 3)):
        cells = rated(100, most, "20%").cells
        assert isinstance(cells, SearchedCells)
        assert bound.probes(cells.search, Objectives()) == count
    assert len(bound.largest_plan(rated(100, 500, "20%"), "lab")) == 1 + 2 * 14 + 3 * 2 * 3
    assert len(bound.largest_plan(rated(100, 500, "20%"), "hosts")) == 1 + 2 * 14 + 3 * 2 * 3 + 3  # with control trials


def test_without_a_search_the_largest_plan_is_every_cell_in_every_block() -> None:
    study = grid(repeats={"min": 3, "max": 7})
    assert len(bound.largest_plan(study, "lab")) == 7 * len(study.cells.known)


def test_a_known_capacity_limits_the_loads_of_the_largest_plan() -> None:
    """A search stops doubling at the first load that is too high, so no trial has 40 times the capacity."""
    loads = {trial.cell.load for trial in bound.largest_plan(rated(10, 50_000, "5%"), "lab", ServerRates(100.0))}
    assert max(loads) <= 2 * 2 * 100

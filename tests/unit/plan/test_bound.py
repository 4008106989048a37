"""The most trials of a study, against what searches really needed."""

import random

import pytest

from harness.grid.amount import Search
from harness.grid.cell import expand
from harness.grid.schema import Grid
from harness.plan import bound, stopping
from harness.records.trial import TrialRecord
from tests.builders import grid, record

OPEN = {"load": {"ramp_up": "2s", "duration": "12s"}, "objectives": {"p95": "100ms"}}


def rated(least: int, most: int, until: str, repeats: int = 3) -> Grid:
    span = {"from": f"{least}/s", "to": f"{most}/s", "until": until}
    return grid(factors={"servers": [1, 2], "rate": span}, repeats=repeats, **OPEN)


def needed(study: Grid, capacity: float, noise: random.Random) -> int:
    """How many trials a search takes whose servers each carry `capacity` requests per second."""
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
                servers, 0, trial.repeat, rate, cell=trial.cell.by_name,
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
        most = len(bound.trials(study, "lab"))
        assert needed(study, draw.uniform(10, 700), draw) <= most <= 150


def test_probes_over_a_rate_are_counted_exactly() -> None:
    """100, 200 and 400/s, and 282 and 336/s or 240 and so on between two of them; or 500/s at the end."""
    assert bound.probes(rated(100, 500, "20%")) == 5
    assert bound.probes(rated(100, 101, "20%")) == 2
    assert len(bound.trials(rated(100, 500, "20%"), "lab")) == 2 * 5 + 3 * 2 * 3
    assert len(bound.trials(rated(100, 500, "20%"), "hosts")) == 2 * 5 + 3 * 2 * 3 + 3  # each block's control trial


def test_without_a_search_it_is_every_cell_in_every_block() -> None:
    study = grid(repeats={"min": 3, "max": 7})
    assert len(bound.trials(study, "lab")) == 7 * len(expand(study))


def test_a_known_capacity_bounds_the_loads_that_it_counts_on() -> None:
    """A search stops doubling at the first load that is too much, so no trial waits for 40 times the capacity."""
    loads = {trial.cell.load for trial in bound.trials(rated(10, 50_000, "5%"), "lab", 100.0)}
    assert max(loads) <= 2 * 2 * 100
    assert isinstance(rated(10, 50_000, "5%").search, Search)

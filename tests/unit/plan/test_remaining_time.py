"""The remaining time of a running study, against the time that recorded and simulated studies really took."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sample import unpack
from harness.grid.cell import Cell
from harness.grid.server_rates import ServerRates
from harness.plan.order import PlannedTrial
from harness.plan.remaining_time import REPORT_S, RemainingTime, of_study
from harness.records.trial_path import TrialPath
from tests.builders import grid, record
from tests.virtual_clock import Durations, TimedSite, after_first_block

TOLERANCE = 0.15
LONG = {"think_time": "1s", "ramp_up": "2s", "duration": "30s"}
FAILURES: dict[str, Any] = {"factors": {"servers": [2, 3], "vusers": [400], "fail_servers": [0, 1]}, "load": LONG}
RESTARTS: dict[str, Any] = {
    "factors": {"servers": [1, 2], "vusers": [400], "ml_server_threads": [4, 8]},
    "load": LONG,
}


def test_the_sample_study_ends_when_its_first_block_predicts(tmp_path: Path) -> None:
    directory = unpack(tmp_path)
    study, trials = directory.need_study(), directory.trials()
    planned = [
        PlannedTrial(Cell(tuple(trials[path].cell.items())), TrialPath.parse(path).repeat) for path in study.plan
    ]
    first = [trials[each.path] for each in planned if each.repeat == 1]
    time = RemainingTime(study.scaled_grid, ServerRates(140.0), first)
    estimate_s = time.seconds([each for each in planned if each.repeat > 1]) - REPORT_S
    recorded = {each.path: trials[each.path] for each in planned if each.repeat == 1}
    assert of_study(study, recorded) == pytest.approx(estimate_s + REPORT_S)
    assert of_study(study, trials) == 0

    def ended_at(path: str) -> float:
        return datetime.fromisoformat(trials[path].started_at).timestamp() + (trials[path].load_s or 0.0)

    real_s = ended_at(study.plan[-1]) - ended_at(planned[len(first) - 1].path)
    assert real_s == pytest.approx(400, abs=1)
    assert estimate_s == pytest.approx(real_s, rel=0.02)


@pytest.mark.parametrize(
    ("durations", "keys"),
    [
        (Durations(), {"factors": {"servers": [1, 2, 3], "vusers": [400, 2000]}}),
        (Durations(repair_s=25.0), FAILURES),
        (Durations(servers_s=40.0, lead_s=20.0), RESTARTS),
    ],
    ids=["a saturated study", "servers are killed and started again", "slow restarts and a slow load generator"],
)
def test_the_estimate_after_the_first_block_is_close_to_the_real_time(
    durations: Durations, keys: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = TimedSite(durations, 3)
    estimate_s, real_s = after_first_block(site.measured(tmp_path, monkeypatch, **keys, repeats=5))
    assert estimate_s - REPORT_S == pytest.approx(real_s, rel=TOLERANCE)


def test_cells_that_were_not_measured_take_the_planned_time_and_the_mean_difference() -> None:
    written = grid()
    cells = [Cell((("servers", n), ("vusers", 100))) for n in (1, 2)]
    took = record(1, 100, 1, 99.0).model_copy(update={"load_s": 15.0, "overhead_s": None})
    time = RemainingTime(written, None, [took])
    planned = [PlannedTrial(cells[1], 1)]
    assert time.seconds(planned) == pytest.approx(REPORT_S + 12.0 + 3.0 + 2.0)
    time.add(record(2, 100, 1, 99.0).model_copy(update={"load_s": 13.0, "overhead_s": 5.0}))
    assert time.seconds([PlannedTrial(cells[0], 2)]) == pytest.approx(REPORT_S + 15.0 + 5.0)


def test_a_trial_that_could_not_be_run_does_not_count() -> None:
    time = RemainingTime(grid(), None)
    time.add(record(1, 100, 1, 99.0).model_copy(update={"load_s": None}))
    time.add(record(2, 100, 1, 99.0).model_copy(update={"load_s": 13.0, "overhead_s": 99.0}))
    assert time.seconds([PlannedTrial(Cell((("servers", 2), ("vusers", 100))), 2)]) < REPORT_S + 13.0 + 3.0


def test_a_change_that_was_not_measured_takes_as_long_as_the_nearest_one() -> None:
    """At most as long as a change of more factors, at least as long as a change of fewer."""
    levels = [{"servers": 1, "ml_server_threads": 4}, {"servers": 2, "ml_server_threads": 4}]
    levels += [{"servers": 1, "ml_server_threads": 8}, {"servers": 2, "ml_server_threads": 8}]
    cells = [{**each, "vusers": 100} for each in levels]
    time = RemainingTime(grid(), None)
    for cell, overhead_s in ((cells[0], None), (cells[1], 1.0), (cells[0], 1.0), (cells[3], 40.0)):
        update = {"cell": cell, "load_s": 12.0, "overhead_s": overhead_s}
        time.add(record(1, 100, 1, 99.0).model_copy(update=update))

    def switch_s(following: dict[str, int]) -> float:
        return time.seconds([PlannedTrial(Cell(tuple(following.items())), 2)]) - REPORT_S - 12.0

    assert switch_s(cells[3]) == pytest.approx(1.0)  # the same topology
    assert switch_s(cells[1]) == pytest.approx(40.0)  # the threads alone: a part of the change of both
    assert switch_s(cells[0]) == pytest.approx(40.0)

"""What `study.py plan` says of an order that is not drawn yet, and of cells that are measured in few blocks."""

import json
import re
from pathlib import Path

import pytest

from commands import options
from commands.plan import plan
from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from harness.study import forecast
from harness.study.config import resolve
from harness.study.new_record import new_record
from tests.builders import record

GRID = options.ROOT / "grid.yaml"


def told(capsys: pytest.CaptureFixture[str], results: Path, as_json: bool = False, grid: Path = GRID) -> str:
    plan(grid, None, results, as_json)
    return capsys.readouterr().out


def test_before_a_study_begins_its_order_is_not_told_as_if_it_were_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, tmp_path)
    assert "the order inside blocks is drawn when the study begins" in said
    cells = ", ".join(f"servers-{s}_vusers-{u}" for s in (1, 2, 3) for u in (1000, 2000))
    assert f"block 1: {cells}\n" in said, "in the grid's order"
    assert "27 of 27 trials to measure" in said
    assert "3 servers at 1000 users: 2 blocks only" in said
    assert json.loads(told(capsys, tmp_path, as_json=True))["seed"] is None
    assert not list(tmp_path.iterdir()), "it touches nothing"


def test_a_seed_that_the_grid_gives_tells_the_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID.read_text(encoding="utf-8") + "seed: 5\n", encoding="utf-8")
    said = told(capsys, tmp_path / "results", grid=grid)
    assert "seed 5\n" in said
    assert "drawn when" not in said


def test_a_study_that_began_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = resolve(options.ROOT, tmp_path, GRID)
    setting.directory.path.mkdir()
    setting.directory.write_study(new_record(setting, lambda: 815))
    again = resolve(options.ROOT, tmp_path, GRID)
    order = json.loads(told(capsys, tmp_path, as_json=True))
    assert order["seed"] == 815
    assert [trial["trial"] for trial in order["order"]] == [trial.path for trial in again.planned]
    assert "seed 815" in told(capsys, tmp_path)
    assert StudyDirectory(setting.directory.path).need_study().seed == 815


def test_hosts_whose_capacity_nobody_knows_have_every_cell_in_every_block(tmp_path: Path) -> None:
    setting = resolve(options.ROOT, tmp_path, GRID)
    assert setting.lab is not None
    assert len(setting.planned) == 27
    own = tmp_path / "own.yaml"
    own.write_text(GRID.read_text(encoding="utf-8") + "service: {image: registry.example/app:1}\n", encoding="utf-8")
    assert len(resolve(options.ROOT, tmp_path, own).planned) == 30, "a user's own image knows of no rate"
    assert len(setting.most) == 30, "a budget allows for cells that get all blocks after all"


def test_a_plan_with_losses_says_when_they_are_and_counts_on_their_being_brought_back(tmp_path: Path) -> None:
    setting = resolve(options.ROOT, tmp_path, options.ROOT / "grids" / "server-failure.yaml")
    (said,) = (sentence for sentence in forecast.sentences(setting) if "stopped" in sentence)
    assert said == (
        "where a cell loses servers, the last server is stopped at second 15 of each trial, and brought back after it"
    )
    assert [(trial.cell.servers, trial.cell.fail_servers) for trial in setting.planned].count((3, 1)) == 3
    assert setting.takes_s(setting.planned) < 5 * 60


def limited(tmp_path: Path, grid: Path, **budget: str) -> Path:
    """A grid with another budget."""
    text = re.sub(r"(?m)^budget:.*\n", "", grid.read_text(encoding="utf-8"))
    written = tmp_path / "limited.yaml"
    written.write_text(f"{text}budget: {json.dumps(budget)}\n", encoding="utf-8")
    return written


def test_a_plan_tells_the_most_that_a_search_may_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = options.ROOT / "grids" / "capacity.yaml"
    assert re.search(r"at most 42 trials in all, about \d+ min", told(capsys, tmp_path, grid=grid))
    said = json.loads(told(capsys, tmp_path, as_json=True, grid=grid))
    assert said["most_trials"] == 42
    assert said["most_s"] > said["estimate_s"] > 0


def test_a_budget_binds_a_search(tmp_path: Path) -> None:
    grid = options.ROOT / "grids" / "capacity.yaml"
    with pytest.raises(BadInput) as refused:
        resolve(options.ROOT, tmp_path, limited(tmp_path, grid, time="3m"))
    (problem,) = refused.value.problems
    assert re.search(
        r"limited.yaml:\d+: budget: the search of at most 42 trials takes about \d+ min, the budget is 3 min; "
        r"take a narrower span from..to or a larger until, fewer repeats",
        problem,
    )
    assert resolve(options.ROOT, tmp_path, limited(tmp_path, grid, time="1h")).grid.search


def test_a_finished_study_has_nothing_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = resolve(options.ROOT, tmp_path, GRID)
    setting.directory.path.mkdir()
    setting.directory.write_study(new_record(setting, lambda: 815))
    while left := resolve(options.ROOT, tmp_path, GRID).left:
        for trial in left:
            made = record(trial.cell.servers, trial.cell.vusers, trial.repeat, 100.0 * trial.cell.servers)
            setting.directory.write_trial(trial.path, TrialData(made, [], [], []))
    said = told(capsys, tmp_path)
    assert re.search(r"nothing is left: all \d+ trials are measured\n", said)
    assert " to measure" not in said
    assert json.loads(told(capsys, tmp_path, as_json=True))["estimate_s"] == 0

"""Output of `study.py plan`."""

import json
import re
from pathlib import Path

import pytest

from commands import options
from commands.plan import plan
from harness.errors import BadInput
from harness.grid.cells import SearchedCells
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from harness.study import forecast
from harness.study.config import StudyConfig, resolve
from harness.study.new_record import new_record
from tests.builders import record

GRID = options.ROOT / "grid.yaml"


def output(capsys: pytest.CaptureFixture[str], results: Path, as_json: bool = False, grid: Path = GRID) -> str:
    plan(grid, None, results, as_json)
    return capsys.readouterr().out


def test_the_order_is_not_shown_before_its_seed_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, tmp_path)
    assert "The order within blocks is drawn when the study starts" in shown
    cells = ", ".join(f"servers-{s}_vusers-{u}" for s in (1, 2, 3) for u in (1000, 2000))
    assert f"block 1: {cells}\n" in shown, "in the grid's order"
    assert "27 of 27 trials to measure" in shown
    assert "3 servers at 1,000 users: 2 blocks only" in shown
    assert json.loads(output(capsys, tmp_path, as_json=True))["seed"] is None
    assert not list(tmp_path.iterdir()), "it touches nothing"


def test_a_seed_of_the_grid_determines_the_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID.read_text(encoding="utf-8") + "seed: 5\n", encoding="utf-8")
    shown = output(capsys, tmp_path / "results", grid=grid)
    assert "seed 5\n" in shown
    assert "drawn when" not in shown


def test_a_started_study_keeps_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = resolve(options.ROOT, tmp_path, GRID)
    config.directory.path.mkdir()
    config.directory.write_study(new_record(config, lambda: 815))
    again = resolve(options.ROOT, tmp_path, GRID)
    order = json.loads(output(capsys, tmp_path, as_json=True))
    assert order["seed"] == 815
    assert [trial["trial"] for trial in order["order"]] == [trial.path for trial in again.planned_trials()]
    assert "seed 815" in output(capsys, tmp_path)
    assert StudyDirectory(config.directory.path).need_study().seed == 815


def test_hosts_of_unknown_capacity_have_every_cell_in_every_block(tmp_path: Path) -> None:
    config = resolve(options.ROOT, tmp_path, GRID)
    assert config.lab is not None
    assert len(config.planned_trials()) == 27
    own = tmp_path / "own.yaml"
    own.write_text(GRID.read_text(encoding="utf-8") + "service: {image: registry.example/app:1}\n", encoding="utf-8")
    assert len(resolve(options.ROOT, tmp_path, own).planned_trials()) == 30, "a user's own image knows of no rate"
    assert len(config.largest_plan()) == 30, "a budget allows for cells that get all blocks after all"


def test_a_plan_with_server_failures_has_their_time_and_the_recovery(tmp_path: Path) -> None:
    config = resolve(options.ROOT, tmp_path, options.ROOT / "grids" / "server-failure.yaml")
    (shown,) = (sentence for sentence in forecast.sentences(config) if "killed" in sentence)
    assert shown == (
        "Cells with a server failure: the last server is killed at second 15 of each trial and started again after it"
    )
    assert [(trial.cell.servers, trial.cell.fail_servers) for trial in config.planned_trials()].count((3, 1)) == 3
    assert config.duration_s(config.planned_trials()) < 5 * 60


def limited(tmp_path: Path, grid: Path, **budget: str) -> Path:
    """Return a grid with another budget."""
    text = re.sub(r"(?m)^budget:.*\n", "", grid.read_text(encoding="utf-8"))
    written = tmp_path / "limited.yaml"
    written.write_text(f"{text}budget: {json.dumps(budget)}\n", encoding="utf-8")
    return written


def test_a_plan_has_the_largest_number_of_trials_of_a_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = options.ROOT / "grids" / "capacity.yaml"
    assert re.search(r"at most 70 trials, about \d+ min", output(capsys, tmp_path, grid=grid))
    shown = json.loads(output(capsys, tmp_path, as_json=True, grid=grid))
    assert shown["most_trials"] == 70
    assert shown["most_s"] > shown["estimate_s"] > 0


def test_a_budget_limits_a_search(tmp_path: Path) -> None:
    grid = options.ROOT / "grids" / "capacity.yaml"
    with pytest.raises(BadInput) as rejected:
        resolve(options.ROOT, tmp_path, limited(tmp_path, grid, time="3m"))
    (problem,) = rejected.value.problems
    assert re.search(
        r"limited.yaml:\d+: budget: time: a search of at most 70 trials takes about \d+ min\. Allowed: 3 min\. "
        r"Fix: narrow from\.\.to, raise until, use fewer repeats",
        problem,
    )
    assert isinstance(resolve(options.ROOT, tmp_path, limited(tmp_path, grid, time="1h")).grid.cells, SearchedCells)


def test_a_finished_study_has_no_remaining_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = resolve(options.ROOT, tmp_path, GRID)
    config.directory.path.mkdir()
    config.directory.write_study(new_record(config, lambda: 815))
    while left := resolve(options.ROOT, tmp_path, GRID).remaining_trials():
        for trial in left:
            made = record(trial.cell.servers, trial.cell.vusers, trial.repeat, 100.0 * trial.cell.servers)
            config.directory.write_trial(trial.path, TrialData(record=made, samples=[], hosts=[], balancer=[]))
    shown = output(capsys, tmp_path)
    assert re.search(r"no trial remains: all \d+ trials are measured\n", shown)
    assert "trials to measure" not in shown
    assert json.loads(output(capsys, tmp_path, as_json=True))["estimate_s"] == 0


def with_traffic(tmp_path: Path, text: str, head: str) -> StudyConfig:
    """Return the configuration of a grid with this traffic in the lab."""
    (tmp_path / "rows.csv").write_text("n\n" + "1\n" * 1000)
    (tmp_path / "load.py").write_text("from locust import HttpUser\nclass Shop(HttpUser): pass\n")
    grid = tmp_path / "traffic.yaml"
    grid.write_text(f"name: study\ninventory: inventory/lab\n{head}\ntraffic: {text}\n", encoding="utf-8")
    return resolve(options.ROOT, tmp_path, grid)


ONCE = "{{data: {{file: rows.csv, pick: once{per}}}, requests: [{{name: a, request: {{path: '/${{row.n}}'}}}}]}}"


@pytest.mark.parametrize(
    ("per", "head", "expected"),
    [
        ("", "factors: {servers: [1], vusers: [1, 20]}\nload: {think_time: 1s, duration: 20s}", "at most 820 rows"),
        ("", "factors: {servers: [1], vusers: [30]}\nload: {think_time: 1s, duration: 20s}", "at most 1,230 rows"),
        ("", "factors: {servers: [1], vusers: [30]}\nload: {think_time: 0s, duration: 20s}", "any number of rows"),
        (
            ", per: user",
            "factors: {servers: [1], vusers: {from: 1, to: 900}}\nload: {think_time: 1s, duration: 20s}",
            "900 rows",
        ),
        ("", "factors: {servers: [1], rate: [50/s]}\nload: {ramp_up: 2s, duration: 20s}", "at most 1,105 rows"),
        (
            "",
            "factors: {servers: [1], rate: [50/s]}\nload: {ramp_up: 2s, duration: 20s, arrivals: constant}",
            "at most 951 rows",
        ),
    ],
)
def test_a_plan_states_the_rows_that_once_needs(tmp_path: Path, per: str, head: str, expected: str) -> None:
    config = with_traffic(tmp_path, ONCE.format(per=per), head)
    (shown,) = (sentence for sentence in forecast.sentences(config) if "pick: once" in sentence)
    assert expected in shown
    most = re.search(r"at most ([\d,]+)", shown)
    may_run_out = most is None or int(most[1].replace(",", "")) > 1000
    assert shown.endswith("the trial is invalid") == may_run_out


def test_a_plan_of_a_script_states_what_is_known(tmp_path: Path) -> None:
    head = "factors: {servers: [1], vusers: [30]}\nload: {ramp_up: 2s, duration: 20s}"
    config = with_traffic(tmp_path, "{locustfile: load.py}", head)
    shown = next(sentence for sentence in forecast.sentences(config) if "load.py" in sentence)
    assert shown.startswith("each trial runs load.py for 20 s, with a steady window from 2 s on. ")
    assert "known only when it runs" in shown

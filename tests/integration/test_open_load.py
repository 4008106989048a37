"""Open loads in the real lab: offered and served requests, and the effect of a server that pauses."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import docker
import pytest

from harness.deploy.inventory.hosts import Inventory
from harness.judge import window_stats
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData, TrialRecord
from harness.summarise.summary import summarise_directory
from tests.integration.conftest import GRIDS, ROOT, command, small_grid, study, wait_for

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("deployed")]
STOPS_S = 2.0


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    """The study of grids/open.yaml, run by the command that a user types."""
    results = tmp_path_factory.mktemp("results")
    done = study("--grid", GRIDS / "open.yaml", "--results", results)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return StudyDirectory(next(results.glob("open-*")))


def trials_of(directory: StudyDirectory) -> dict[tuple[int, int], TrialRecord]:
    return {(int(r.cell["servers"]), int(r.cell["rate"])): r for r in directory.trials().values()}


def test_every_due_request_is_sent_on_time(measured: StudyDirectory) -> None:
    slower = measured.need_study().factor
    for (_, rate), record in trials_of(measured).items():
        assert record.usable, record.cause
        assert record.figures
        assert record.figures.offered_per_s == pytest.approx(rate / slower, rel=0.15)  # Poisson, in 12 s and more
        assert record.figures.offered_sent == pytest.approx(1, abs=0.01)
        assert record.figures.offered_late == 0


def test_every_topology_gets_the_same_arrivals(measured: StudyDirectory) -> None:
    for rate in (100, 220, 340):
        series = [
            [sample.offered for sample in measured.trial(f"servers-{servers}_rate-{rate}/r1").samples][:15]
            for servers in (1, 2, 3)
        ]
        assert series[0] == series[1] == series[2]


def test_enough_servers_serve_the_offered_rate(measured: StudyDirectory) -> None:
    limits = {cell: str(record.component) for cell, record in trials_of(measured).items()}
    enough = {100: 1, 220: 2, 340: 3}
    assert limits == {
        (servers, rate): "load" if servers >= enough[rate] else "server" for servers in (1, 2, 3) for rate in enough
    }
    assert {gain.load for gain in summarise_directory(measured).gains} == {f"{rate}/s offered" for rate in enough}


def test_check_finds_nothing(measured: StudyDirectory) -> None:
    done = study("check", measured.path)
    assert done.returncode == 0, done.stdout[-3000:]


def stopped(tmp_path: Path, server: str, engine: docker.DockerClient, name: str, **load: Any) -> TrialData:
    """Run a trial whose server pauses for 2 s in the window. Rule E23 makes it invalid; its latencies are recorded."""
    grid = small_grid(tmp_path / f"{name}.yaml", name=name, **load)
    arguments = command("--grid", grid, "--results", tmp_path / name, "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        wait_for(running, "trial_started")
        second = wait_for(running, "sample_taken", 6)
        container = engine.containers.get(server)
        container.pause()
        wait_for(running, "sample_taken", int(second["sample"]["t_s"] + STOPS_S))
        container.unpause()
        running.communicate(timeout=800)
    directory = StudyDirectory(next((tmp_path / name).glob(f"{name}-*")))
    (where,) = directory.trials()
    return directory.trial(where)


def test_an_open_load_shows_a_pause_that_coordinated_omission_hides_from_users(
    tmp_path: Path, lab: Inventory, engine: docker.DockerClient
) -> None:
    """Users that wait send nothing: about 5 of 500 requests meet the pause; at 60 req/s at least 120 of 720 do."""
    server = lab.servers[0].container
    at_a_rate = stopped(
        tmp_path,
        server,
        engine,
        "rate",
        factors={"servers": [1], "rate": ["60/s"]},
        load={"ramp_up": "2s", "duration": "14s", "timeout": "10s"},
        objectives={"p95": "500ms"},
    )
    users = stopped(
        tmp_path,
        server,
        engine,
        "users",
        factors={"servers": [1], "vusers": [5]},
        load={"think_time": "80ms", "ramp_up": "2s", "duration": "14s", "timeout": "10s"},
        objectives={"p95": "500ms"},
    )
    assert (at_a_rate.record.latency_ms["p95"] or 0) > 500
    assert (users.record.latency_ms["p95"] or 0) < 500
    for data in (at_a_rate, users):
        assert data.record.window
        assert data.record.objective_counts
        rows = window_stats.window(data.samples, data.record.window.from_s, data.record.window.to_s)
        # The seconds count slow requests exactly, the histogram with three significant digits.
        over = data.record.objective_counts.late - data.record.objective_counts.failed
        assert sum(row.slow or 0 for row in rows) == pytest.approx(over, abs=2)
        assert over > 0

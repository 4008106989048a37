"""Two load generators act as one: they share a load's arrivals or users, and a failed one is detected."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deploy.connections import Connections
from harness.deploy.inventory.resolve import describe
from harness.records.directory import StudyDirectory
from tests.integration.conftest import GRIDS, ROOT, command, events, study, wait_for
from tests.locust_image import arrivals
from tests.rehearsal.conftest import HERE, Fleet, play, small_grid

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def two_generators(deployed_fleet: Fleet) -> Iterator[Path]:
    """An inventory of the fleet with two load generators; restores a single one afterwards."""
    assert deployed_fleet.inventory.generators
    yield HERE / "two_generators"
    play("playbooks/deploy-generators.yml")


def test_two_load_generators_share_the_arrivals_of_one_load(two_generators: Path, tmp_path: Path) -> None:
    """Together they send the arrivals of the seed in every second, even if one receives its start later."""
    rate_per_s, ramp_up_s, until_s, seed = 80.0, 2.0, 12.0, 5
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="shared",
        inventory=str(two_generators),
        vars={"locust_cpus": 0.35},
        factors={"servers": [2], "rate": [f"{rate_per_s:g}/s"]},
        load={"ramp_up": f"{ramp_up_s:g}s", "duration": f"{until_s:g}s", "timeout": "10s"},
        seed=seed,
    )
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    data = StudyDirectory(next((tmp_path / "results").iterdir())).trial("servers-2_rate-80/r1")
    assert data.record.outcome in ("ok", "warning"), data.record.cause
    assert data.record.counters
    assert data.record.counters.generator.workers == 2
    due = Counter(map(int, arrivals.due_times(rate_per_s, ramp_up_s, until_s, "poisson", f"{seed}/arrivals/1/80")))
    assert {row.t_s: row.offered for row in data.samples if row.offered} == dict(due)
    assert sum(row.sent or 0 for row in data.samples) == due.total()
    used = {sample.host: sample.cpu_cores for sample in data.hosts if 4 < sample.t_s < 8}
    assert min(used["generator"], used["generator-2"]) > 0.005


def test_a_study_over_ssh_with_two_load_generators(two_generators: Path, tmp_path: Path) -> None:
    """The records are complete; two hosts form one load generator, and a failure of one makes the trial invalid."""
    inventory = two_generators
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="over-ssh",
        inventory=str(inventory),
        vars={"locust_cpus": 0.35},
        factors={"servers": [2], "vusers": [100]},
        repeats=2,
    )
    arguments = command("--grid", grid, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        ended = [wait_for(started, "trial_ended")["record"] for _ in range(1)]
        wait_for(started, "sample_taken", seconds=3)
        there = describe(ROOT, inventory, "two_generators")
        with Connections(there) as connections:
            connections.reconnect()
            connections.docker(there.generators[1]).containers.get("locust").kill()
        output, _ = started.communicate(timeout=800)
    (broken,) = (event["record"] for event in events(output) if event["event"] == "trial_ended")
    for record in ended:
        assert record["outcome"] in ("ok", "warning"), record["cause"]
        assert record["counters"]["generator"]["workers"] == 2
        assert record["latency_source"] == "generator"
    assert broken["outcome"] == "invalid"
    assert "1 generator processes were lost" in [finding["cause"] for finding in broken["findings"]]

    folder = next((tmp_path / "results").iterdir())
    assert (folder / "report.pdf").stat().st_size > 10_000
    data = StudyDirectory(folder).trial("servers-2_vusers-100/r1")
    used = {sample.host: sample.cpu_cores for sample in data.hosts if 4 < sample.t_s < 8}
    assert used["generator"] > 0.005
    assert used["generator-2"] > 0.005
    assert data.latencies
    assert {row.machine for row in data.machines} == set(used)


def test_two_load_generators_share_the_rows_and_logins_of_a_mix(two_generators: Path, tmp_path: Path) -> None:
    """Both have all rows; each user logs in once, and every topology gets the same traffic from both together."""
    users = 100
    (tmp_path / "rows.jsonl").write_bytes((GRIDS / "data" / "digits.jsonl").read_bytes())
    login = {"method": "POST", "path": "/login", "form": {"user": "${row.user}", "password": "open-sesame"}}
    predict = {"method": "POST", "path": "/predict", "json": {"image": "${row.image}"}}
    history = {"path": "/history/${row.user}", "headers": {"Authorization": "Bearer ${token}"}}
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="mix",
        inventory=str(two_generators),
        vars={"locust_cpus": 0.35},
        factors={"servers": [1, 2], "vusers": [users]},
        traffic={
            "data": {"file": "rows.jsonl", "per": "user"},
            "login": {"request": login, "extract": {"token": {"json": "$.access_token"}}},
            "requests": [
                {"name": "predict", "weight": 3, "request": predict, "expect": {"body": '"label":\\d'}},
                {"name": "history", "request": history},
            ],
        },
        without=("request",),
    )
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = list(directory.trials().values())
    assert len(records) == 2
    for record in records:
        assert record.usable, record.cause
        assert record.counters
        assert record.counters.generator.workers == 2
        assert record.error_rate == 0, record.findings
        assert set(record.requests) == {"predict", "history"}
        assert record.logins
        assert (record.logins.completed, dict(record.logins.errors)) == (users, {})
        assert not {finding.rule for finding in record.findings} & {"E8", "E13", "E25"}, record.findings
    first, second = (record.sent for record in records)
    shared = first.keys() & second.keys()
    assert {"1", "2"} <= shared
    assert {key: first[key] for key in shared} == {key: second[key] for key in shared}
    assert study("check", directory.path).returncode == 0

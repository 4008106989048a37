"""One study in the real lab with secrets, an open load, a server failure, a kill and a resume."""

from __future__ import annotations

import json
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import docker
import psutil
import pytest
import yaml

from harness.deploy.inventory.hosts import Inventory
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from tests.integration import balancer_log
from tests.integration.conftest import GRIDS, ROOT, command, events, small_grid, study, wait_for

RATE_PER_S = 100
MAX_FAILS_1 = {
    "lab_time_scaling": 1,
    "nginx_lb_max_fails": 1,
    "nginx_lb_fail_timeout": "30s",
    "nginx_lb_connect_timeout": "1s",
    "ml_server_env": {"HF_TOKEN": {"env": "STUDY_TEST_SECRET"}, "DB": "pg://me:canary-url@db/x"},
}
REQUEST = {
    **yaml.safe_load((GRIDS / "smoke.yaml").read_text())["request"],
    "query": {"lang": "ko", "token": {"env": "STUDY_TEST_SECRET"}},
    "headers": {"Authorization": "Bearer canary-header", "X-Plain": {"env": "STUDY_TEST_SECRET"}},
}


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The study's directory, its first record before the kill (`kept`), and the number of trials of the second call.

    `without` is a call without the secret. `visible` contains everything that other users can read during the study:
    command lines, and the inspection of the load generator's container.
    """

    directory: StudyDirectory
    kept: bytes
    measured_again: int
    without: subprocess.CompletedProcess[str]
    visible: str
    output: str

    def trial(self, failing: int) -> TrialData:
        return self.directory.trial(f"servers-2_rate-{RATE_PER_S}_fail_servers-{failing}/r1")


def visible_to_others(generator: str, engine: docker.DockerClient) -> str:
    """Return every command line of this machine, and the inspection of a container."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return json.dumps(lines) + json.dumps(engine.containers.get(generator).attrs)


@pytest.fixture(scope="module")
def resumed(deployed: Inventory, tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Resumed:
    """Two cells: the study is killed during the second one's load, and resumed with the same command."""
    folder = tmp_path_factory.mktemp("resumed")
    grid = small_grid(
        folder / "grid.yaml",
        name="resumed",
        factors={"servers": [2], "rate": [f"{RATE_PER_S}/s"], "fail_servers": [0, 1]},
        load={"ramp_up": "2s", "duration": "17s", "timeout": "5s"},
        vars=MAX_FAILS_1,
        request=REQUEST,
        repeats=1,
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("STUDY_TEST_SECRET", "canary-reference")
    arguments = command("--grid", grid, "--results", folder / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
        wait_for(first, "trial_ended")
        wait_for(first, "sample_taken", seconds=4)
        visible = visible_to_others(deployed.generator.container, engine)
        first.kill()
    directory = StudyDirectory(next((folder / "results").iterdir()))
    assert len(directory.trials()) == 1
    kept = next(directory.path.rglob("trial.json")).read_bytes()
    patch.delenv("STUDY_TEST_SECRET")
    without = study("--grid", grid, "--results", folder / "results", "--json")
    patch.setenv("STUDY_TEST_SECRET", "canary-reference")
    done = study("--grid", grid, "--results", folder / "results", "--json")
    patch.undo()
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr
    measured = [event["event"] for event in events(done.stdout)].count("trial_ended")
    return Resumed(
        directory=directory,
        kept=kept,
        measured_again=measured,
        without=without,
        visible=visible,
        output=done.stdout + done.stderr,
    )


def holding(word: bytes, *folders: Path) -> list[str]:
    """Return files below folders that contain a word, compressed or not."""
    found = []
    for file in (file for folder in folders for file in folder.rglob("*") if file.is_file()):
        text = file.read_bytes()
        for part in text.split(b"stream")[1:]:
            try:
                text += zlib.decompressobj().decompress(part.strip(b"\r\n"))
            except zlib.error:
                continue
        if word in text:
            found.append(str(file))
    return found


def test_no_secret_is_stored_or_visible_anywhere(resumed: Resumed, lab: Inventory, engine: docker.DockerClient) -> None:
    """In a study's files and output, in `.state`, on command lines, and in containers' logs and settings."""
    assert holding(b"canary", resumed.directory.path.parent, ROOT / ".state") == []
    assert "canary" not in resumed.output + resumed.visible
    logs = [engine.containers.get(host.container).logs() for host in lab.hosts]
    assert [host.name for host, log in zip(lab.hosts, logs, strict=True) if b"canary" in log] == []
    environment = engine.containers.get(lab.servers[0].container).attrs["Config"]["Env"]
    secrets = {"HF_TOKEN=canary-reference", "DB=pg://me:canary-url@db/x"}
    assert secrets <= set(environment), "the servers must receive the secrets"


def test_resuming_without_a_secret_reports_the_missing_variable(resumed: Resumed) -> None:
    assert resumed.without.returncode == 2
    message = "the environment variable STUDY_TEST_SECRET is not set. Fix: export STUDY_TEST_SECRET with the secret"
    assert message in " ".join(resumed.without.stderr.split())


def test_a_killed_study_resumes_and_keeps_its_trials(resumed: Resumed) -> None:
    assert resumed.measured_again == 1
    records = [file.read_bytes() for file in resumed.directory.path.rglob("trial.json")]
    assert len(records) == 2
    assert resumed.kept in records
    assert "failed" not in {record.outcome for record in resumed.directory.trials().values()}
    assert not list(resumed.directory.path.glob("trials/.writing-*"))
    runs = resumed.directory.need_study().runs
    assert [run.measured for run in runs] == [1, 1], "the killed call must be recorded, too"


def test_every_due_request_is_sent_on_time_with_the_same_arrivals_in_both_cells(resumed: Resumed) -> None:
    for failing in (0, 1):
        figures = resumed.trial(failing).record.figures
        assert figures
        assert figures.offered_per_s == pytest.approx(RATE_PER_S, rel=0.15)  # Poisson, over 15 s
        assert figures.offered_sent == pytest.approx(1, abs=0.01)
        assert figures.offered_late == 0
    series = [[sample.offered for sample in resumed.trial(failing).samples][:17] for failing in (0, 1)]
    assert series[0] == series[1]


def test_the_record_of_a_server_failure_matches_the_balancers_log(
    resumed: Resumed, lab: Inventory, engine: docker.DockerClient
) -> None:
    failover = resumed.trial(1).record.failover
    assert failover
    (failed,) = failover.servers
    balancer_log.agrees(resumed.trial(1), failed)
    assert resumed.trial(0).record.failover is None
    state = engine.containers.get(lab.server(failed).container).status
    assert state == "running", "the study must restart the server"
    page = (resumed.directory.path / "report.html").read_text(encoding="utf-8")
    assert "one of 2 servers failed under load" in page
    rows = (resumed.directory.path / "failover.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("servers,rate,fail_servers,failed_servers,trials,")
    assert len(rows) == 2


def test_check_finds_nothing(resumed: Resumed) -> None:
    done = study("check", resumed.directory.path)
    assert done.returncode == 0, done.stdout[-3000:]

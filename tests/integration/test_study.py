"""Complete studies in the real lab, and studies with failures."""

import csv
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker
import httpx
import psutil
import pypdf
import pytest

from harness.deploy import host_locks
from harness.deploy.inventory.hosts import Inventory, Url
from harness.records.directory import StudyDirectory
from harness.records.trial import Window
from tests.integration.conftest import (
    GRIDS,
    ROOT,
    changed_parts,
    command,
    engine_token,
    events,
    small_grid,
    study,
    wait_for,
)

pytestmark = pytest.mark.usefixtures("deployed")


def largest_memory(pid: int) -> Callable[[], int]:
    """Watch a process; the returned function gives its largest resident memory so far, in bytes."""
    largest = [0]

    def watch() -> None:
        try:
            process = psutil.Process(pid)
            while process.is_running():
                largest[0] = max(largest[0], process.memory_info().rss)
                time.sleep(0.2)
        except psutil.NoSuchProcess:
            return

    threading.Thread(target=watch, daemon=True).start()
    return lambda: largest[0]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of grids/smoke.yaml, run by the command that a user types."""
    results = tmp_path_factory.mktemp("results")
    arguments = command("--grid", GRIDS / "smoke.yaml", "--results", results, "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as started:
        memory = largest_memory(started.pid)
        output, complaints = started.communicate(timeout=800)
    assert started.returncode == 0, output[-3000:] + complaints
    assert 0 < memory() < 300e6
    kinds = [event["event"] for event in events(output)]
    assert kinds.count("trial_ended") == 2
    assert "sample_taken" in kinds
    return next(results.iterdir())


def test_a_study_writes_every_file_of_its_report(smoke: Path) -> None:
    for name in ("study.json", "report.html", "report.pdf", "cells.csv", "gains.csv", "log/study.log"):
        assert (smoke / name).stat().st_size > 0, name
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(smoke / "report.pdf").pages)
    assert "How much does each additional server add?" in text


def test_the_records_are_complete_and_consistent(smoke: Path) -> None:
    directory = StudyDirectory(smoke)
    for where, record in directory.trials().items():
        data = directory.trial(where)
        assert record.usable, (where, record.cause)
        assert record.counters
        assert record.window
        assert {finding.rule for finding in record.findings} <= {"E6", "E10", "E11"}, record.findings  # others' CPU
        assert [s.t_s for s in data.samples] == list(range(len(data.samples)))
        generator = sum(s.completed for s in data.samples)
        balancer = sum(b.requests for b in data.balancer if b.status.startswith("2"))
        servers = sum(n for by in record.counters.servers.values() for s, n in (by or {}).items() if s == "200")
        assert abs(generator - balancer) <= max(20, 0.005 * generator)
        assert abs(servers - balancer) <= max(20, 0.005 * generator)
        assert len(record.counters.balancer.upstreams) == record.cell["servers"]
        assert {h.host for h in data.hosts} == {"balancer", "generator", "server-1", "server-2", "server-3"}
        begin, end = record.window.from_s, record.window.to_s
        window = [s.completed for s in data.samples if s.t_s >= begin and s.t_s + 1 <= end]
        assert record.tps_mean == pytest.approx(sum(window) / len(window), abs=1e-3)


def test_a_second_server_raises_throughput(smoke: Path) -> None:
    rows = list(csv.DictReader((smoke / "gains.csv").read_text().splitlines()))
    assert float(rows[0]["gain"]) > 1.2
    assert rows[0]["low"] == ""  # one repeat has no interval, and an absent value is an empty field


def test_the_study_records_its_environment(smoke: Path) -> None:
    written = json.loads((smoke / "study.json").read_text())
    assert written["environment"]["machine"]["cores"] == os.cpu_count()
    assert "worker_connections" in written["environment"]["nginx_configuration"]
    assert written["time_scaling"]["factor"] >= 1
    assert written["time_scaling"]["needed_cores"] > 0
    assert written["configuration"]["hosts"]["server-1"]["ml_server_image"].startswith("scale-out/service:")


def test_the_logs_contain_no_command_and_no_variables(smoke: Path) -> None:
    assert not list((smoke / "log").rglob("command"))
    assert not list((smoke / "log").rglob("*.vars.json"))


def test_a_finished_study_measures_nothing_again(smoke: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in smoke.rglob("trial.json")}
    done = study("--grid", GRIDS / "smoke.yaml", "--results", smoke.parent)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert {file: file.stat().st_mtime_ns for file in smoke.rglob("trial.json")} == before


def test_a_changed_grid_starts_a_new_study(smoke: Path, tmp_path: Path) -> None:
    changed = tmp_path / "smoke.yaml"
    changed.write_text((GRIDS / "smoke.yaml").read_text().replace("repeats: 1", "repeats: 2"))
    done = study("plan", "--grid", changed, "--results", smoke.parent, "--json")
    assert json.loads(done.stdout)["directory"] != str(smoke)


def test_reports_are_rendered_without_a_host(smoke: Path) -> None:
    before = (smoke / "report.pdf").read_bytes()
    assert study("report", smoke).returncode == 0
    assert (smoke / "report.pdf").read_bytes() == before


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_study_renders_a_report_of_its_finished_trials(
    number: signal.Signals, tmp_path: Path, deployed: Inventory
) -> None:
    grid = small_grid(tmp_path / "grid.yaml", name="interrupted")
    arguments = command("--grid", grid, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as started:
        wait_for(started, "trial_ended")
        wait_for(started, "sample_taken", seconds=2)
        started.send_signal(number)
        output, complaints = started.communicate(timeout=800)
    assert started.returncode == 130, complaints
    assert "Traceback" not in complaints
    directory = next((tmp_path / "results").iterdir())
    assert (directory / "report.pdf").exists()
    assert len(StudyDirectory(directory).trials()) == 1
    assert "interrupted" in output
    url = deployed.generator.url(Url.LOAD_GENERATOR)
    for _ in range(100):  # the load must stop, too
        if httpx.get(f"{url}/study/ready", trust_env=False, headers=engine_token(deployed)).json()["idle"]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the load still runs")


@pytest.mark.long
def test_a_failed_server_or_load_generator_is_recorded_and_repaired(
    tmp_path: Path, deployed: Inventory, engine: docker.DockerClient
) -> None:
    """A server fails in the first trial, the load generator in the second; both are repaired."""
    grid = small_grid(tmp_path / "grid.yaml", name="death", factors={"servers": [1], "vusers": [100]}, repeats=3)
    arguments = command("--grid", grid, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        wait_for(started, "sample_taken", seconds=4)
        engine.containers.get(deployed.servers[0].container).kill()
        first = wait_for(started, "trial_ended")["record"]
        wait_for(started, "sample_taken", seconds=2)
        engine.containers.get(deployed.generator.container).kill()
        output, _ = started.communicate(timeout=800)
    second, third = (event["record"] for event in events(output) if event["event"] == "trial_ended")
    assert first["outcome"] == "server_down"
    assert "server-1 died with exit code 137" in first["cause"]
    assert second["outcome"] == "failed"
    assert "the load generator" in second["cause"]
    assert third["outcome"] not in ("failed", "server_down"), third["cause"]


@pytest.mark.long
def test_a_topology_that_cannot_be_deployed_fails_only_its_own_cells(tmp_path: Path) -> None:
    good, bad = "service.app:create_app", "service.no_such_module:create_app"
    factors = {"servers": [1], "vusers": [100], "ml_server_app": [good, bad]}
    grid = small_grid(tmp_path / "grid.yaml", name="rejected", factors=factors)
    done = study("--grid", grid, "--results", tmp_path / "results", "--json")
    assert done.returncode == 3, done.stdout[-2000:] + done.stderr
    records = [event["record"] for event in events(done.stdout) if event["event"] == "trial_ended"]
    by_level = {record["cell"]["ml_server_app"]: record for record in records}
    assert by_level[good]["outcome"] not in ("failed", "server_down"), by_level[good]["cause"]
    assert by_level[bad]["outcome"] == "failed"
    assert "no_such_module" in by_level[bad]["cause"]


@pytest.mark.long
def test_time_scaling_by_2_halves_a_paced_servers_rate_and_doubles_every_time(tmp_path: Path) -> None:
    factors = {"servers": [1], "vusers": [300]}
    grid = small_grid(tmp_path / "grid.yaml", name="slow", factors=factors, vars={"lab_time_scaling": 2})
    done = study("--grid", grid, "--results", tmp_path / "results", "--json")
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    record = next(iter(directory.trials().values()))
    assert done.returncode == 0, (record.cause, record.findings)
    assert record.window == Window(from_s=6.0, to_s=18.0)
    assert record.tps_mean == pytest.approx(70, rel=0.01)
    assert record.component == "server"
    text = pypdf.PdfReader(directory.path / "report.pdf").pages[0].extract_text()
    assert "Time scaling: the study ran 2 times slower than the grid states" in " ".join(text.split())


@pytest.mark.long
def test_a_users_own_image_shares_the_machines_cores(
    tmp_path: Path, deployed: Inventory, engine: docker.DockerClient
) -> None:
    image = engine.images.get(str(deployed.servers[0].variables["ml_server_image"]))
    image.tag("somebody/else", "1.0")
    try:
        factors = {"servers": [1], "vusers": [50]}
        grid = small_grid(tmp_path / "grid.yaml", name="own", factors=factors, service={"image": "somebody/else:1.0"})
        done = study("--grid", grid, "--results", tmp_path / "results", "--json")
        directory = StudyDirectory(next((tmp_path / "results").iterdir()))
        record = next(iter(directory.trials().values()))
        assert done.returncode == 0, (record.cause, record.findings)
        written = json.loads((directory.path / "study.json").read_text())
        assert sum(state.before.cpus or 0.0 for state in record.hosts.values()) <= 0.9 * (os.cpu_count() or 1)
        assert record.hosts["server-1"].before.cpus == pytest.approx(written["shares"]["ml_server_cpus"], abs=0.001)
        assert record.context
        assert record.context.pacing == {}
        text = pypdf.PdfReader(directory.path / "report.pdf").pages[0].extract_text()
        assert "The servers share the machine’s cores" in " ".join(text.split())
    finally:
        engine.images.remove("somebody/else:1.0", force=True)


@pytest.mark.concurrent
def test_other_commands_reject_locked_hosts(tmp_path: Path, lab: Inventory) -> None:
    """Another study, with its own directory and another name of the inventory, and `down`."""
    (tmp_path / "other").symlink_to(ROOT / "inventory" / "lab")
    grid = small_grid(tmp_path / "grid.yaml", name="busy", inventory=str(tmp_path / "other"))
    changed = set(changed_parts)
    with host_locks.held(lab, "the study results/first-0123abcd", ROOT):
        attempts = [study("--grid", grid, "--results", tmp_path / "results"), study("down", "--keep-images")]
    for done in attempts:
        assert done.returncode == 4, done.stdout
        words = " ".join(done.stderr.split())
        assert "in use by the study results/first-0123abcd on inventory/lab (since " in words
        assert f"end it with 'kill {os.getpid()}'" in words
    assert not list((tmp_path / "results").rglob("study.json"))
    changed_parts.intersection_update(changed)  # neither command came as far as the lab


@pytest.mark.concurrent
def test_a_failed_deployment_reports_the_hosts_message(tmp_path: Path) -> None:
    grid = small_grid(tmp_path / "grid.yaml", name="broken", service={"image": "scale-out/none:at-all"})
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode == 4, done.stdout
    assert "scale-out/none:at-all" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.last
def test_down_removes_exactly_the_labs_resources(deployed: Inventory, engine: docker.DockerClient) -> None:
    stranger = engine.containers.run(
        str(deployed.servers[0].variables["ml_server_image"]),
        ["sleep", "60"],
        detach=True,
        name=f"stranger-{os.getpid()}",
    )
    try:
        done = study("down", "--keep-images")
        assert done.returncode == 0, done.stderr
        assert len(re.findall(r"removed container", done.stdout)) == 5
        names = {container.name for container in engine.containers.list(all=True)}
        assert not any(host.container in names for host in deployed.hosts)
        stranger.reload()
        assert stranger.status == "running"
        assert "nothing to remove" in study("down", "--keep-images").stdout
    finally:
        stranger.remove(force=True)

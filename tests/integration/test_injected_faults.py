"""Faults injected into the real lab, each of which must be reported as the cause. Run by `make test-long`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from harness.deploy.inventory.hosts import Inventory
from harness.records.directory import StudyDirectory
from harness.summarise.summary import summarise_directory
from tests.integration.conftest import ROOT, command, events, small_grid, study, wait_for

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("deployed")]
STEADY = {"think_time": "1s", "ramp_up": "2s", "duration": "14s", "timeout": "10s"}
ONE = {"servers": [1], "vusers": [400]}


def measured(tmp_path: Path, name: str, **more: Any) -> list[dict[str, Any]]:
    """Run a small study to its end and return its records."""
    variables = {"lab_server_capacity": "", "ml_server_cpus": 0.25, **more.pop("vars", {})}
    grid = small_grid(tmp_path / "grid.yaml", name=name, load=STEADY, **{"factors": ONE, **more, "vars": variables})
    done = study("--grid", grid, "--results", tmp_path / "results", "--json")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr
    return [event["record"] for event in events(done.stdout) if event["event"] == "trial_ended"]


def findings_of(record: dict[str, Any]) -> str:
    return " / ".join(f"{f['rule']} {f['cause']}" for f in record["findings"])


def started(tmp_path: Path, name: str, **more: Any) -> subprocess.Popen[str]:
    variables = {"lab_server_capacity": "", "ml_server_cpus": 0.25, **more.pop("vars", {})}
    grid = small_grid(tmp_path / "grid.yaml", name=name, load=STEADY, **{"factors": ONE, **more, "vars": variables})
    arguments = command("--grid", grid, "--results", tmp_path / "results", "--json")
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_a_generator_without_cpu_is_the_bottleneck(tmp_path: Path) -> None:
    many = {"servers": [1], "vusers": [1500]}
    records = measured(tmp_path, "starved", factors=many, vars={"locust_cpus": 0.12, "ml_server_cpus": 0.3})
    assert records[0]["outcome"] == "invalid"
    assert records[0]["bottleneck"]["component"] == "generator", findings_of(records[0])


def test_an_nginx_with_64_connections_is_the_bottleneck(tmp_path: Path) -> None:
    few = {"nginx_lb_worker_connections": 64, "ml_server_cpus": 0.1, "locust_cpus": 0.9}  # many wait for the server
    records = measured(tmp_path, "connections", factors={"servers": [1], "vusers": [600]}, vars=few)
    assert records[0]["bottleneck"]["component"] == "balancer", findings_of(records[0])
    assert "worker_connections are not enough" in records[0]["bottleneck"]["reason"]


def test_a_slow_server_is_found_despite_equal_shares(tmp_path: Path) -> None:
    costs = {"SPIN_MS": "3", "SPIN_MS_12": "8"}  # server-2, about half as fast as the others
    slow = {"ml_server_app": "service.faults:costly", "ml_server_cpus": 0.2, "ml_server_env": costs}
    record = measured(tmp_path, "slow", factors={"servers": [2], "vusers": [120]}, vars=slow)[0]
    assert record["bottleneck"]["component"] == "server", findings_of(record)
    assert record["bottleneck"]["basis"]["kind"] == "slow server", findings_of(record)
    assert record["bottleneck"]["reason"].startswith("server-2 "), findings_of(record)
    shares = record["counters"]["balancer"]["upstreams"].values()
    counts = [sum(by.values()) for by in shares]
    assert max(counts) / sum(counts) < 0.52


def test_a_server_that_runs_out_of_memory_is_down(tmp_path: Path) -> None:
    records = measured(tmp_path, "hungry", vars={"ml_server_app": "service.faults:hungry", "ml_server_memory": "220m"})
    assert records[0]["outcome"] == "server_down", findings_of(records[0])
    assert "server-1 was killed for lack of memory" in records[0]["cause"]


@pytest.mark.parametrize("fault", ["paused", "cut off"])
def test_a_server_that_stops_responding_in_mid_trial_is_down(
    tmp_path: Path, lab: Inventory, engine: docker.DockerClient, fault: str
) -> None:
    """Its container keeps running, and its open requests fail after the window or not at all."""
    with started(tmp_path, "silent", factors={"servers": [2], "vusers": [200]}, vars={"nginx_lb_max_fails": 1}) as run:
        wait_for(run, "sample_taken", seconds=8)
        server = engine.containers.get(lab.servers[1].container)  # now, as the deployment may have replaced it
        ((name, joined),) = server.attrs["NetworkSettings"]["Networks"].items()
        network = engine.networks.get(name)
        if fault == "paused":
            server.pause()
        else:
            network.disconnect(server)
        try:
            record = wait_for(run, "trial_ended")["record"]
        finally:
            if fault == "paused":
                server.unpause()
            else:
                network.connect(server, ipv4_address=joined["IPAddress"])
        run.communicate(timeout=800)
    assert record["outcome"] == "server_down", findings_of(record)
    assert "server-2 failed its health check after the load" in record["cause"]
    assert record["context"]["health"]["server-1"] == 200
    assert record["context"]["health"]["server-2"] in (502, 504)


def test_a_thread_pool_is_the_bottleneck_while_the_cpu_is_idle(tmp_path: Path) -> None:
    plateau = {"ml_server_app": "service.faults:plateau", "ml_server_cpus": 0.3, "locust_cpus": 0.5}
    records = measured(tmp_path, "plateau", vars=plateau)
    assert records[0]["bottleneck"]["component"] == "server", findings_of(records[0])
    assert "requests wait for a slot, not for the CPU" in records[0]["bottleneck"]["reason"]


def test_users_with_a_long_think_time_are_load_limited(tmp_path: Path) -> None:
    records = measured(tmp_path, "thinkers", factors={"servers": [1], "vusers": [100]})
    assert records[0]["bottleneck"]["component"] == "load", findings_of(records[0])


def test_fast_errors_do_not_count_as_throughput(tmp_path: Path) -> None:
    factors = {"servers": [1], "vusers": [300], "ml_server_app": ["service.app:create_app", "service.faults:failing"]}
    records = measured(tmp_path, "failing", factors=factors)
    by_app = {record["cell"]["ml_server_app"]: record for record in records}
    bad, good = by_app["service.faults:failing"], by_app["service.app:create_app"]
    assert bad["outcome"] in ("warning", "invalid")
    assert "E8" in findings_of(bad)
    assert bad["error_rate"] == pytest.approx(0.5, abs=0.02)
    completed = {app: r["counters"]["generator"]["completed"] for app, r in by_app.items()}
    statuses = bad["counters"]["balancer"]["statuses"]
    assert completed["service.faults:failing"] == pytest.approx(statuses["200"], abs=20)  # never the 500s
    assert good["outcome"] in ("ok", "warning"), findings_of(good)  # a warning where other processes use the CPU
    assert good["error_rate"] == 0
    assert "E8" not in findings_of(good)


@pytest.fixture
def neighbour(engine: docker.DockerClient, lab: Inventory) -> Iterator[Container]:
    """A container that uses all CPU of this machine after its start."""
    image = engine.containers.get(lab.servers[0].container).attrs["Image"]
    spin = ["python3", "-c", "import os; os.fork()\nwhile True: pass"]
    container = engine.containers.create(image, spin, cpu_shares=4096)
    yield container
    container.remove(force=True)


def test_a_noisy_neighbour_during_one_block_is_flagged(tmp_path: Path, neighbour: Container) -> None:
    with started(tmp_path, "noisy", factors={"servers": [1, 2], "vusers": [800]}, repeats=5) as running:
        for ended in range(4):
            wait_for(running, "trial_ended")
            if ended == 1:  # block 1 is over
                neighbour.start()
        neighbour.kill()
        output, _ = running.communicate(timeout=800)
    assert "trial_ended" in output
    directory = StudyDirectory(next((tmp_path / "results").glob("noisy-*")))
    by_block: dict[int, str] = {}
    for record in directory.trials().values():
        named = " / ".join(f.cause for f in record.findings if f.rule in ("E6", "E11"))
        by_block[record.repeat] = by_block.get(record.repeat, "") + named
    assert "by processes outside the study" in by_block[2], by_block
    assert summarise_directory(directory).noise is not None
    assert "by processes outside the study" not in by_block[1] + by_block[4] + by_block[5], by_block

"""HTTPS and your Locust script on machines: certificate, image and counters over SSH."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deploy.connections import Connections
from harness.records.directory import StudyDirectory
from tests.integration.conftest import ROOT, study
from tests.rehearsal.conftest import Fleet, play, small_grid

pytestmark = pytest.mark.long


@pytest.fixture
def restored(deployed_fleet: Fleet) -> Iterator[Fleet]:
    """The fleet; its balancer and its load generator are deployed again afterwards."""
    yield deployed_fleet
    play("playbooks/deploy-balancer.yml")
    play("playbooks/deploy-generators.yml")


@pytest.mark.usefixtures("restored")
def test_a_study_over_ssh_compares_https_with_http(tmp_path: Path) -> None:
    """nginx gets its certificate on its own machine, and the key stays there."""
    grid = small_grid(
        tmp_path / "grid.yaml", name="tls", factors={"servers": [2], "vusers": [40], "nginx_lb_tls": [False, True]}
    )
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = {bool(record.cell["nginx_lb_tls"]): record for record in directory.trials().values()}
    assert set(records) == {False, True}
    for record in records.values():
        assert record.usable, record.cause
        assert record.error_rate == 0, record.findings
        assert record.counters
        assert len(record.counters.balancer.upstreams) == 2
        assert not {finding.rule for finding in record.findings} & {"E8", "E13", "E14"}, record.findings
    assert study("check", directory.path).returncode == 0
    for file in directory.path.rglob("*"):
        assert not (file.is_file() and b"PRIVATE KEY" in file.read_bytes()), file


def test_your_locust_script_runs_over_ssh_and_https(restored: Fleet, connections: Connections, tmp_path: Path) -> None:
    """Its folder is in an image on the load generator's machine, where it runs unmodified."""
    shutil.copytree(ROOT / "examples" / "locust", tmp_path / "locust")
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="script",
        factors={"servers": [2], "vusers": [40]},
        load={"ramp_up": "2s", "duration": "9s", "timeout": "10s"},
        vars={"nginx_lb_tls": True},
        traffic={"locustfile": "locust/load.py", "env": {"CLIENT": "canary-client"}},
        without=("request",),
    )
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr
    (record,) = StudyDirectory(next((tmp_path / "results").iterdir())).trials().values()
    assert record.usable, record.cause
    assert record.error_rate == 0, record.findings
    assert set(record.requests) == {"one", "batch"}
    assert not {finding.rule for finding in record.findings} & {"E5", "E8", "E13"}, record.findings
    assert record.counters
    served = sum(by.get("200", 0) for by in record.counters.servers.values() if by)
    assert served == record.counters.generator.statuses["200"] > 100
    locust = connections.docker(restored.inventory.generator).containers.get("locust")
    listed = locust.exec_run(["ls", "/opt/script"]).output
    assert isinstance(listed, bytes)
    assert listed.split() == [b"digits.csv", b"load.py"]
    assert "canary-client" not in str(locust.attrs) + locust.logs().decode()

"""HTTPS in the real lab: a study compares it with HTTP, and nginx serves your own certificate."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import docker
import pytest

from harness.deploy.inventory.hosts import Inventory, Url
from harness.records.directory import StudyDirectory
from tests.certificates import self_signed
from tests.containment import printed
from tests.integration.conftest import changed, playbook, small_grid, study

pytestmark = pytest.mark.concurrent

KEYS = "/etc/balancer/tls"


def presented(lab: Inventory) -> str:
    """The certificate that nginx presents, as PEM."""
    parts = urlsplit(lab.balancer.url(Url.SERVICE))
    assert parts.hostname
    assert parts.port
    return ssl.get_server_certificate((parts.hostname, parts.port), timeout=10)


@pytest.mark.long
@pytest.mark.usefixtures("deployed")
def test_a_study_compares_https_with_http(tmp_path: Path) -> None:
    """Few requests; other load on this machine does not matter, because the test is about the protocol."""
    factors = {"servers": [2], "vusers": [40], "nginx_lb_tls": [False, True]}
    slow = {"lab_time_scaling": 1, "lab_server_capacity": "30/s"}
    grid = small_grid(tmp_path / "grid.yaml", name="tls", factors=factors, vars=slow, repeats=1)
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-2000:] + done.stderr
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = {bool(record.cell["nginx_lb_tls"]): record for record in directory.trials().values()}
    assert set(records) == {False, True}
    for record in records.values():
        assert record.outcome != "failed", record.cause
        assert record.counters
        assert len(record.counters.balancer.upstreams) == 2
        assert sum(record.counters.balancer.statuses.values()) > 0
        assert not [finding for finding in record.findings if finding.rule in ("E13", "E14")]
    assert study("check", directory.path).returncode == 0
    page = (directory.path / "report.html").read_text(encoding="utf-8")
    assert "HTTPS" in page
    for file in directory.path.rglob("*"):
        assert not (file.is_file() and b"PRIVATE KEY" in file.read_bytes()), file


def test_your_certificate_replaces_the_self_signed_one(
    tmp_path: Path, pristine: Inventory, engine: docker.DockerClient
) -> None:
    certificate, key = self_signed(tmp_path)
    playbook("playbooks/deploy-balancer.yml", "-e", "nginx_lb_tls=true")
    assert presented(pristine) != certificate.read_text(encoding="ascii")
    own = ("-e", "nginx_lb_tls=true", "-e", f"nginx_lb_tls_certificate={certificate}", "-e", f"nginx_lb_tls_key={key}")
    playbook("playbooks/deploy-balancer.yml", *own)
    assert presented(pristine) == certificate.read_text(encoding="ascii")
    assert changed(playbook("playbooks/deploy-balancer.yml", *own).stdout) == 0
    balancer = engine.containers.get(pristine.balancer.container)
    listed = printed(balancer, ["sh", "-c", f"stat -c %a {KEYS}/*.key"])
    assert listed == b"600\n600\n", "of the self-signed one and of yours"
    secret = key.read_text(encoding="ascii").splitlines()[1].encode()
    assert secret not in balancer.logs()
    assert secret.decode() not in str(balancer.attrs)
    playbook("playbooks/deploy-balancer.yml")
    assert changed(playbook("playbooks/deploy-balancer.yml").stdout) == 0

"""A study that compares HTTP and HTTPS: each cell's load has its URL, and preparations use HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.balancers.nginx import NGINX
from harness.deploy import certificates, tls
from harness.deploy.balancer_settings import BalancerSettings
from harness.deploy.deployment import Deployment
from harness.deploy.inventory.hosts import Host, Inventory, over_tls
from harness.study import ceiling
from tests.builders import grid
from tests.study_stubs import FakeSite

FACTORS: dict[str, Any] = {"servers": [1, 2], "vusers": [1000], "nginx_lb_tls": [False, True]}


def test_each_cell_is_measured_over_its_own_protocol(tmp_path: Path) -> None:
    site = FakeSite()
    study = site.study(tmp_path, factors=FACTORS)
    study.run()
    urls = [(spec.trial == ceiling.TRIAL, spec.url, spec.traffic.tls_verify) for spec in site.specs]
    plain, secured = (False, "http://balancer", True), (False, "https://balancer:80", False)
    assert urls[0] == (True, "https://balancer:80", False), "the ceiling holds for every cell"
    assert sorted(urls[1:]) == [plain, plain, secured, secured]
    for where, record in study._directory.trials().items():
        assert record.outcome == "ok", where


def test_the_first_deployment_serves_https_if_any_cell_does() -> None:
    def fixed(**keys: Any) -> object:
        return Deployment(None, grid(**keys)).fixed.get("nginx_lb_tls")  # type: ignore[arg-type] # it runs nothing

    assert fixed(factors=FACTORS) is True
    assert fixed(factors={**FACTORS, "nginx_lb_tls": [False]}) is False
    assert fixed(vars={"nginx_lb_tls": True}) is True
    assert fixed() is None


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://10.0.0.1", "https://10.0.0.1:80"),
        ("http://127.0.0.1:20170", "https://127.0.0.1:20170"),
        ("http://[fd00::1]", "https://[fd00::1]:80"),
        ("https://shop.example", "https://shop.example"),
    ],
)
def test_https_has_the_port_of_http(url: str, found: str) -> None:
    assert over_tls(url) == found


def test_only_your_own_certificate_is_verified_unless_the_grid_decides() -> None:
    own = BalancerSettings(NGINX, ({"nginx_lb_tls": True, "nginx_lb_tls_certificate": "/etc/shop.crt"},))
    assert not tls.is_verified(grid(), BalancerSettings(NGINX, ({"nginx_lb_tls": True},)))
    assert tls.is_verified(grid(), own)
    never = grid(load={"think_time": "1s", "duration": "20s", "tls_verify": False})
    assert not tls.is_verified(never, own)


def inventory(**variables: Any) -> Inventory:
    urls = {"study_target_url": "http://10.0.0.1", **variables}
    return Inventory("test", (Host.parse("balancer", "load_balancers", urls),))


def test_settings_that_no_client_can_follow_are_reported_at_their_key() -> None:
    load = {"think_time": "1s", "duration": "20s", "tls_verify": True}
    [(where, words)] = certificates.problems(grid(load=load, vars={"nginx_lb_tls": True}), inventory())
    assert where == ("load", "tls_verify")
    assert "a self-signed certificate cannot be verified" in words
    found = certificates.problems(grid(load=load, load_generator="ngrinder"), inventory())
    assert found == [(where, "load.tls_verify: nGrinder verifies no certificate. Fix: remove it")]
    [(where, words)] = certificates.problems(
        grid(vars={"nginx_lb_tls": True, "nginx_lb_tls_certificate": "/no/shop.crt"}), inventory()
    )[:1]
    assert where == ("vars", "nginx_lb_tls_certificate")
    assert words.startswith("vars: nginx_lb_tls_")
    own = inventory(nginx_lb_tls=True, nginx_lb_tls_certificate="/no/shop.crt", nginx_lb_tls_key="/no/shop.key")
    for where, words in certificates.problems(grid(), own):
        assert where == ("inventory",)
        assert words.startswith("host balancer: nginx_lb_tls_")
    assert certificates.problems(grid(), inventory()) == []

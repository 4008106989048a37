"""A server without a balancer in the real lab: the load generator sends to it directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.balancers.none import UNAVAILABLE
from harness.records.directory import StudyDirectory
from tests.integration.conftest import small_grid, study

pytestmark = [pytest.mark.concurrent, pytest.mark.long]


@pytest.mark.usefixtures("deployed")
def test_a_study_compares_nginx_with_no_balancer(tmp_path: Path) -> None:
    """Few requests; other load on this machine does not matter, because the test is about the way of a request."""
    factors = {"servers": [1], "vusers": [20], "balancer": ["nginx", "none"]}
    slow = {"lab_time_scaling": 1, "lab_server_capacity": "30/s"}
    grid = small_grid(tmp_path / "grid.yaml", name="direct", factors=factors, vars=slow, repeats=1)
    done = study("--grid", grid, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stdout[-2000:] + done.stderr
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    records = {str(record.cell["balancer"]): record for record in directory.trials().values()}
    for record in records.values():
        assert record.outcome != "failed", record.cause
        assert not [each for each in record.findings if each.rule in ("E13", "E14") and each.severity != "note"]
        assert record.unloaded_ms
    behind, direct = records["nginx"], records["none"]
    assert behind.counters
    assert direct.counters
    assert direct.context
    assert behind.counters.balancer.statuses
    assert direct.counters.balancer.statuses == {}, "no request passed nginx"
    assert direct.context.unavailable == UNAVAILABLE
    assert direct.counters.generator.completed > 0
    assert study("check", directory.path).returncode == 0

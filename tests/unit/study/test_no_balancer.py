"""A study without a balancer, in memory: the load goes to the server, and rules report what they lack."""

from pathlib import Path

import pytest

from harness.balancers.none import UNAVAILABLE
from harness.records.directory import StudyDirectory
from tests.study_stubs import FakeSite

LOADED = {"factors": {"servers": [1], "vusers": [400]}, "balancer": "none", "repeats": 2}


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


def test_every_rule_that_lacks_the_balancers_log_is_reported_as_not_available(site: FakeSite, tmp_path: Path) -> None:
    site.study(tmp_path, **LOADED).run()
    directory = StudyDirectory(next(path.parent for path in tmp_path.glob("*/study.json")))
    records = list(directory.trials().values())
    assert len(records) == 2
    for record in records:
        assert record.outcome == "ok", record.cause
        assert record.counters
        assert record.context
        assert record.counters.balancer.statuses == {}
        assert record.context.balancing["balancer"] == "none"
        assert record.context.unavailable == UNAVAILABLE
        reported = {finding.rule: finding.cause for finding in record.findings if finding.severity == "note"}
        assert reported == {rule: f"not available: {reason}" for rule, reason in UNAVAILABLE.items()}
        assert record.figures
        assert "balancer" not in record.figures.cpu_ms_per_request

"""Studies whose grid names the servers' request counter, on in-memory hosts."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from tests.study_stubs import FakeSite

LOADED: dict[str, Any] = {"factors": {"servers": [1, 2], "vusers": [1000]}}


@pytest.fixture
def site() -> FakeSite:
    site = FakeSite()
    site.counted["an earlier one"] = {name: Counter({"200": 1}) for name in ("server-1", "server-2")}
    return site


def test_a_counter_of_the_grid_is_compared_like_the_default_one(site: FakeSite, tmp_path: Path) -> None:
    metric = {"name": "ml_requests_total", "trial_label": "trial"}
    study = site.study(tmp_path, **LOADED, service={"requests_metric": metric})
    assert study.run() == 2
    for record in StudyDirectory(study._directory.path).trials().values():
        assert record.outcome == "ok"
        assert record.counters
        assert all(counted and counted["200"] > 0 for counted in record.counters.servers.values())
        assert not [finding for finding in record.findings if finding.rule == "E13"]


def test_a_missing_counter_ends_the_study_and_lists_existing_ones(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED, service={"requests_metric": {"name": "ml_request_total"}})
    with pytest.raises(BadInput, match=r"no metric 'ml_request_total'\. Existing metrics: ml_requests_"):
        study.run()
    assert StudyDirectory(study._directory.path).trials() == {}

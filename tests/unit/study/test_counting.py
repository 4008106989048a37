"""A study whose grid names the counter of its servers, on a site in memory."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from tests.study_stubs import Site

LOADED: dict[str, Any] = {"factors": {"servers": [1, 2], "vusers": [1000]}}


@pytest.fixture
def site() -> Site:
    site = Site()
    site.counted["an earlier one"] = {name: Counter({"200": 1}) for name in ("server-1", "server-2")}
    return site


def test_a_counter_that_the_grid_names_is_compared_like_our_own(site: Site, tmp_path: Path) -> None:
    metric = {"name": "ml_requests_total", "trial_label": "trial"}
    study = site.study(tmp_path, **LOADED, service={"requests_metric": metric})
    assert study.run() == 2
    for record in StudyDirectory(study._directory.path).trials().values():
        assert record.outcome == "ok"
        assert record.counters
        assert all(counted and counted["200"] > 0 for counted in record.counters.servers.values())
        assert not [finding for finding in record.findings if finding.rule == "E13"]


def test_a_counter_that_no_server_has_ends_the_study_with_those_that_there_are(site: Site, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED, service={"requests_metric": {"name": "ml_request_total"}})
    with pytest.raises(BadInput, match=r"no metric 'ml_request_total'\. Existing metrics: ml_requests_"):
        study.run()
    assert StudyDirectory(study._directory.path).trials() == {}

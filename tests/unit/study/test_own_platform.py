"""A study of a platform that the user already runs, in memory: its playbook scales it, only the generator counts."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from harness.balancers.target import UNAVAILABLE
from harness.judge.rules import RULES
from harness.records.directory import StudyDirectory
from harness.study import check
from harness.summarise.summary import summarise_directory
from report import build
from report.output import ci_summary, html
from tests.study_stubs import CAPACITY_PER_S, FakeSite

URL = "https://shop.example"
OWN = {"target": {"url": URL, "scale": "scale.yml"}, "factors": {"servers": [1, 2], "vusers": [1000]}, "repeats": 5}


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


def measured(site: FakeSite, results: Path, **keys: Any) -> StudyDirectory:
    site.study(results, **{**OWN, **keys}).run()
    return StudyDirectory(next(path.parent for path in results.glob("*/study.json")))


def test_the_playbook_scales_the_platform_before_each_topology(site: FakeSite, tmp_path: Path) -> None:
    measured(site, tmp_path, repeats=2, factors={"servers": [1, 2], "vusers": [900, 1000]})
    assert site.journal[0] == "deploy"
    scaled = [action for action in site.journal if action.startswith("scale to")]
    loads = [action for action in site.journal if action.startswith("load of")]
    assert len(loads) == 8
    assert {"scale to 1", "scale to 2"} == set(scaled)
    assert all(one != other for one, other in itertools.pairwise(scaled)), "no call without a change"
    assert all(spec.url == URL for spec in site.specs)


def test_every_rule_that_lacks_counters_is_reported_as_not_available(site: FakeSite, tmp_path: Path) -> None:
    directory = measured(site, tmp_path)
    rules = {rule.id for rule in RULES}
    for record in directory.trials().values():
        assert record.outcome == "ok", record.cause
        assert record.context
        assert record.context.unavailable == UNAVAILABLE
        assert record.context.expected_servers == {}
        assert record.hosts.keys() == {"generator"}
        reported = {finding.rule: finding.cause for finding in record.findings}
        assert reported == {rule: f"not available: {reason}" for rule, reason in UNAVAILABLE.items() if rule in rules}
        assert record.figures
        assert record.figures.cpu_ms_per_request.keys() == {"generator"}


def test_a_gain_is_one_of_the_whole_platform(site: FakeSite, tmp_path: Path) -> None:
    directory = measured(site, tmp_path)
    summary = summarise_directory(directory)
    (gain,) = summary.gains
    assert gain.ratio
    assert gain.ratio.value == pytest.approx(2.0, rel=0.01)
    assert gain.kind == "gain"
    assert gain.remark == "a gain of the whole platform, whose components were not observed"
    assert [cell.bottleneck for cell in summary.cells] == ["platform", "platform"]
    assert summary.cells[0].tps
    assert summary.cells[0].tps.value == pytest.approx(CAPACITY_PER_S, rel=0.01)


def test_check_recomputes_such_a_study(site: FakeSite, tmp_path: Path) -> None:
    directory = measured(site, tmp_path)
    build.write(directory, kinds=())
    assert [result for result in check.check(directory) if not result.ok] == []


def test_a_playbook_that_fails_is_a_failed_trial_with_its_own_words(site: FakeSite, tmp_path: Path) -> None:
    site.broken[2] = "Scale: quota exceeded"
    records = measured(site, tmp_path, repeats=1).trials()
    failed = [record for record in records.values() if record.outcome == "failed"]
    assert [record.cell["servers"] for record in failed] == [2]
    assert "scale.yml: localhost: Scale: quota exceeded" in failed[0].cause


def test_a_failed_switch_is_called_again_when_the_study_resumes(site: FakeSite, tmp_path: Path) -> None:
    site.broken[2] = "Scale: quota exceeded"
    measured(site, tmp_path, repeats=1)
    del site.broken[2]
    records = measured(site, tmp_path, repeats=1).trials()
    assert [record.outcome for record in records.values()] == ["ok", "ok"]


def test_a_url_that_does_not_answer_in_time_is_a_failed_trial(site: FakeSite, tmp_path: Path) -> None:
    site.wrong = "status 503"
    own = {**OWN["target"], "ready_timeout": "20s"}  # type: ignore[dict-item]  # a mapping
    (record, *_) = measured(site, tmp_path, repeats=1, target=own).trials().values()
    assert record.outcome == "failed"
    assert f"{URL} did not answer as the grid expects within 20 s (target.ready_timeout)" in record.cause


def test_the_study_waits_until_the_url_answers(site: FakeSite, tmp_path: Path) -> None:
    site.wrong, site.wrong_times = "status 503", 3
    (record, *_) = measured(site, tmp_path, repeats=1).trials().values()
    assert record.outcome == "ok", record.cause


def test_a_changed_playbook_is_another_study(site: FakeSite, tmp_path: Path) -> None:
    first = site.config(tmp_path, **OWN)
    assert list(first.configuration.files) == ["scale.yml"]
    assert set(first.configuration.hosts) == {"generator"}
    site.playbook = "- hosts: all\n"
    assert site.config(tmp_path, **OWN).directory.path != first.directory.path


def test_the_evidence_has_grade_c_in_every_output(site: FakeSite, tmp_path: Path) -> None:
    directory = measured(site, tmp_path)
    report, summary = build.model_of(directory)
    assert summary.evidence_grade
    assert directory.need_study().evidence_grade == summary.evidence_grade
    assert summary.evidence_grade.letter == "C"
    assert list(summary.evidence_grade.unavailable) == list(UNAVAILABLE)
    assert report.grade.startswith("Grade C: only the load generator was observed. Missing: the balancer's log")
    assert report.grade in ci_summary.markdown(report, summary)
    assert f'<p class="where"><b>Evidence</b> {escape(report.grade)}</p>' in html.main(report)
    assert f"Measured at {URL}, a platform that scale.yml scaled and that was not observed." in report.environment
    by_rule = {row[0]: row for row in report.rules.rows}
    assert "not available: 10 trials" in by_rule["E14"]
    assert any("E18: the bottleneck inside the platform is unknown" in text for _, text in report.evidence)


@pytest.mark.parametrize(
    ("keys", "letter"), [({}, "A"), ({"balancer": "none", "factors": {"servers": [1], "vusers": [400]}}, "B")]
)
def test_a_deployed_topology_has_a_better_grade(
    site: FakeSite, tmp_path: Path, keys: dict[str, Any], letter: str
) -> None:
    site.study(tmp_path, **keys).run()
    (study,) = tmp_path.glob("*/study.json")
    found = StudyDirectory(study.parent).need_study().evidence_grade
    assert found
    assert found.letter == letter

"""Summary at the end of a study."""

from dataclasses import replace
from pathlib import Path

import pytest

from commands import closing
from commands.console import Console
from harness.study.config import StudyConfig
from harness.summarise import calibration
from harness.summarise.summary import Summary, summarise_records
from tests.builders import study_record, trial_data
from tests.study_stubs import FakeSite
from tests.unit.summarise.test_capacities import studied


def ended(folder: Path, monkeypatch: pytest.MonkeyPatch, summary: Summary, **keys: object) -> StudyConfig:
    """Return a measured study with this summary."""
    config = FakeSite(2).config(folder, **keys)
    config.directory.write_trial("servers-1_vusers-1000/r1", trial_data(1, 1000, 1, 280, 1))
    config.directory.write_study(study_record())
    monkeypatch.setattr(closing, "summarise_directory", lambda _directory: summary)
    return config


def test_the_summary_has_the_capacity_of_each_topology(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = summarise_records(*studied())
    closing.print_summary(Console(), ended(tmp_path, monkeypatch, summary), False)
    assert "With p95 below 450 ms the capacity of one server is 100 users [89, 112], two" in capsys.readouterr().out


def test_a_calibration_at_rates_is_judged_by_its_capacities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = summarise_records(*studied(calibration=True))
    rates = [replace(one, factor="rate") for one in summary.capacities]
    known = zip(rates, (100.0, 210.0), strict=True)
    rates = [replace(one, reference=reference) for one, reference in known]
    result = calibration.of_study(summary.grid, summary.cells, summary.gains, rates)
    judged = replace(summary, capacities=rates, calibration=result)
    closing.print_summary(Console(), ended(tmp_path, monkeypatch, judged, calibration=True), False)
    out = capsys.readouterr().out
    assert "Calibration: measured 100.0/s [88.7, 112.4] for 100.0 (" in out
    assert ": PASS" in out


def test_a_study_ends_with_its_answer_its_gains_and_the_paths_of_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = FakeSite(3)
    keys = {"factors": {"servers": [1, 2, 3], "vusers": [400, 2000]}, "repeats": 2}
    site.study(tmp_path, **keys).run()
    config = site.config(tmp_path, **keys)
    (config.directory.path / "report.html").touch()
    closing.print_summary(Console(), config, False)
    answer, gains, paths = capsys.readouterr().out.splitlines()
    assert answer.startswith("answer: At 2,000 users the second server gave 2.00×")
    assert gains.startswith("gains: 2,000 users: 1 → 2 servers 2.00×")
    assert "; 400 users: 1 → 2 servers at least " in gains
    assert paths == f"report: {config.directory.path / 'report.html'} (12 trials: 12 ok)"
    closing.print_summary(Console(), config, True)
    assert capsys.readouterr().out.startswith("answer (interrupted; run the same command to resume the study): At ")


def test_many_gains_and_a_long_answer_stay_three_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = FakeSite(4)
    keys = {"factors": {"servers": [1, 2, 3, 4], "vusers": [400, 800, 2000]}, "repeats": 2}
    site.study(tmp_path, **keys).run()
    closing.print_summary(Console(), site.config(tmp_path, **keys), False)
    answer, gains, _ = capsys.readouterr().out.splitlines()
    assert answer.endswith("The report has more.")
    assert gains.endswith("; 3 more in the report")

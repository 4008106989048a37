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
    assert "calibration: measured 100.0/s [88.7, 112.4] for 100.0 (" in out
    assert ": PASS" in out

"""What a study's command says last."""

from dataclasses import replace
from pathlib import Path

import pytest

from commands import closing
from commands.console import Console
from harness.study import measured
from harness.study.config import Setting
from harness.summarise.summary import Summary, summarise_records
from tests.builders import study_record, trial_data
from tests.study_stubs import Site
from tests.unit.summarise.test_capacities import studied


def ended(folder: Path, monkeypatch: pytest.MonkeyPatch, summary: Summary, **keys: object) -> Setting:
    """A study that is measured, and of which this is the summary."""
    setting = Site(2).setting(folder, **keys)
    setting.directory.write_trial("servers-1_vusers-1000/r1", trial_data(1, 1000, 1, 280, 1))
    setting.directory.write_study(study_record())
    monkeypatch.setattr(measured, "from_directory", lambda _directory: summary)
    return setting


def test_it_tells_what_each_topology_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = summarise_records(*studied())
    closing.closing(Console(), ended(tmp_path, monkeypatch, summary), False)
    assert "With p95 below 500 ms one server carries 100 users [98, 103], two" in capsys.readouterr().out


def test_a_check_at_rates_is_judged_by_its_capacities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = summarise_records(*studied(calibration=True))
    rates = [replace(one, factor="rate") for one in summary.capacities]
    known = replace(summary, capacities=rates, references=[100.0, 210.0])
    closing.closing(Console(), ended(tmp_path, monkeypatch, known, calibration=True), False)
    out = capsys.readouterr().out
    assert "instrument check: found 100.2/s [97.6, 102.8] for 100.0 (" in out
    assert ": PASS" in out

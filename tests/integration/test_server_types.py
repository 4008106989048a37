"""Servers of two types in the real lab: a small one is paced to 70 requests per second, a large one to 140."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.directory import StudyDirectory
from harness.summarise.gains.gain import GainKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary, summarise_directory
from report.sentences.answer import answer
from tests.integration.conftest import GRIDS, study

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("deployed")]
RATES = {"1 small": 70.0, "2 small": 140.0, "1 large": 140.0, "2 small + 1 large": 280.0}
LARGEST_ERROR = 0.015


def measured(tmp_path: Path, grid: Path) -> StudyDirectory:
    """Run a grid; return its directory after `study.py check` has passed."""
    done = study("--grid", grid, "--results", tmp_path, "--json", timeout_s=3000)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    folder = next(tmp_path.glob("server-types-*"))
    checked = study("check", folder)
    assert checked.returncode == 0, checked.stdout
    return StudyDirectory(folder)


def rates(directory: StudyDirectory, summary: Summary) -> dict[str, float]:
    """Return topology → throughput at full speed."""
    factor = directory.need_study().factor
    return {str(cell.cell["servers"]): cell.tps.value * factor for cell in summary.cells if cell.tps}


def test_unequal_servers_deliver_their_known_rates(tmp_path: Path) -> None:
    directory = measured(tmp_path, GRIDS / "server-types.yaml")
    summary = summarise_directory(directory)
    assert rates(directory, summary) == {level: pytest.approx(rate, rel=LARGEST_ERROR) for level, rate in RATES.items()}
    assert len(summary.gains) == 3
    for gain in summary.gains:
        assert gain.kind is GainKind.GAIN, gain
        assert gain.efficiency == pytest.approx(1.0, rel=LARGEST_ERROR)
    (found,) = summary.scale_ups
    assert {step.to_servers: step.ratio.value for step in found.options if step.ratio} == {
        "1 large": pytest.approx(2.0, rel=LARGEST_ERROR),
        "2 small": pytest.approx(2.0, rel=LARGEST_ERROR),
    }
    assert summary.calibration
    assert summary.calibration.passed, summary.calibration.text
    assert answer(summary)[0].startswith("At 600 users one large server delivers ")
    assert not [finding for finding in summary.findings if finding.rule == "E12"]


def test_round_robin_gives_unequal_servers_the_pace_of_the_slowest(tmp_path: Path) -> None:
    written = (GRIDS / "server-types.yaml").read_text(encoding="utf-8")
    written = written.replace("nginx_lb_method: least_conn", "nginx_lb_method: round_robin")
    written = written.replace("repeats: 5\ncalibration: true", "repeats: 3\ncalibration: false")
    grid = tmp_path / "grid.yaml"
    grid.write_text(written, encoding="utf-8")
    directory = measured(tmp_path, grid)
    summary = summarise_directory(directory)
    expected = RATES | {"2 small + 1 large": 3 * 70.0}
    found = rates(directory, summary)
    assert found == {level: pytest.approx(rate, rel=2 * LARGEST_ERROR) for level, rate in expected.items()}
    mixed = next(gain for gain in summary.gains if gain.step == "2 small → 2 small + 1 large")
    assert mixed.efficiency == pytest.approx(0.75, rel=2 * LARGEST_ERROR)
    assert mixed.conclusion is Conclusion.SUB_LINEAR
    assert "least_conn" in mixed.remark

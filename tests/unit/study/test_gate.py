"""A gate on in-memory hosts: it ends when it is decided, and every output has its conclusion."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path
from typing import Any

import pytest

from commands import gate as command
from commands.console import Console
from commands.gate import check_files
from harness.errors import BadInput
from harness.study import check
from harness.summarise.comparison.gate import GateConclusion
from harness.summarise.statistics import sequential
from harness.summarise.summary import summarise_directory
from report import build
from report.output import ci_summary
from tests.study_stubs import FakeSite

OLD, NEW = "scale-out/service:1.4", "scale-out/service:1.5"  # paced, as images of the project are
FACTORS = {"servers": [1], "vusers": [1000], "ml_server_image": [OLD, NEW]}
KEYS: dict[str, Any] = {"factors": FACTORS, "repeats": {"min": 6, "max": 12}, "gate": {"order": "drawn"}, "seed": 5}


def site_of(candidate: float, noise: float = 0.0) -> FakeSite:
    """Return hosts on which the candidate has this share of the baseline's capacity, with this noise of trials."""
    site = FakeSite()
    site.builds = {OLD: ("sha256:old", 1.0), NEW: ("sha256:new", candidate)}
    site.noise = lambda _servers, repeat: random.Random(f"{site.runs}/{repeat}").gauss(1, noise)  # noqa: S311 - noise
    return site


def finished(site: FakeSite, folder: Path, capsys: pytest.CaptureFixture[str], **keys: Any) -> tuple[int, str]:
    """Run a gate; return its exit code and its output."""
    study = site.study(folder, **{**KEYS, **keys})
    study.run()
    config = site.config(folder, **{**KEYS, **keys})
    files: dict[str, Path | None] = {name: folder / name for name in ("markdown", "junit")}
    code = command.finish(Console(), config, False, files)
    plan = [each for each in check.check(config.directory) if each.rule == "E16"]
    assert all(each.ok for each in plan), "the plan follows from the records"
    return code, capsys.readouterr().out


def junit(folder: Path) -> str:
    return (folder / "junit").read_text(encoding="utf-8")


def test_identical_builds_pass_after_the_fewest_blocks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_of(1.0)
    code, out = finished(site, tmp_path, capsys)
    assert code == 0
    assert site.journal.count("load of 1000 users") == 6 * 2
    assert f"Pass: {NEW} gave 1.000× [1.000, 1.000] the throughput of {OLD} at 1,000 users on 1 server." in out
    assert "A slowdown of 5 % is excluded after 6 blocks." in out


def test_a_slower_build_is_a_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = finished(site_of(0.9, noise=0.01), tmp_path, capsys)
    assert code == 1
    assert f"Regression: {NEW} gave 0." in out
    assert '<testcase classname="study" name="no regression">\n    <failure message="Regression: ' in junit(tmp_path)
    comment = (tmp_path / "markdown").read_text()
    assert comment.startswith("### study: is the candidate build slower than the baseline?\n\n**Regression: ")
    assert f"| candidate | {NEW} |" in comment


def test_noise_leaves_a_gate_undecided_after_its_last_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_of(0.97, noise=0.25)
    code, out = finished(site, tmp_path, capsys)
    assert code == 3
    assert site.journal.count("load of 1000 users") == 12 * 2
    assert "Neither a slowdown nor the absence of one by 5 % is shown after 12 of at most 12 blocks." in out
    assert "With this noise, 100 blocks do not suffice for such a slowdown." in out
    assert "Fix: use trials with less noise: a longer load.duration, idle machines." in out
    assert '<testcase classname="study" name="no regression">\n    <error message="Undecided: ' in junit(tmp_path)


def test_an_undecided_gate_names_the_blocks_that_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = finished(site_of(0.97, noise=0.1), tmp_path, capsys)
    assert code == 3
    found = re.search(r"With this noise, about (\d+) blocks find such a slowdown in nine of ten gates\.", out)
    assert found
    blocks = int(found[1])
    assert 12 < blocks <= 100
    assert f"Fix: measure longer, as in --time {math.ceil(blocks * 2 * 12 / 60)}min, or use trials" in out


def test_a_gate_that_began_with_pairs_of_blocks_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The grid of an earlier version has no order."""
    site = site_of(1.0)
    code, out = finished(site, tmp_path, capsys, gate={})
    assert code == 0
    trials = site.config(tmp_path, **{**KEYS, "gate": {}}).directory.trials().values()
    first = [each.cell["ml_server_image"] for each in sorted(trials, key=lambda each: each.block_position)][::2]
    assert [a != b for a, b in zip(first[::2], first[1::2], strict=True)] == [True] * 3
    assert "is excluded after 6 blocks" in out


def test_a_gate_ends_with_the_first_block_that_decides_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_of(1.0, noise=0.02)
    code, _ = finished(site, tmp_path, capsys)
    assert code == 0
    blocks = site.journal.count("load of 1000 users") // 2
    assert 6 < blocks < 12
    assert site.study(tmp_path, **KEYS).run() == 0, "a decided gate measures nothing more"


def test_a_load_that_both_builds_serve_decides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = site_of(0.9)
    code, out = finished(site, tmp_path, capsys, factors={**FACTORS, "vusers": [100]})
    assert code == 3
    assert site.journal.count("load of 100 users") == 6 * 2, "more blocks would not help"
    assert "There is no comparison: both serve the load completely." in out
    assert "Fix: use a higher load" in out


def test_a_candidate_whose_servers_die_is_undecided_with_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(1.0)
    for load in range(1, 30):
        site.happens(load, 5, lambda: site.die("server-1") if site.runs == NEW else None)
    code, out = finished(site, tmp_path, capsys)
    assert code == 3
    assert f"There is no comparison: ml_server_image {NEW}: server down (server-1 died" in out
    assert out.count("Fix: ") == 1


def test_the_report_of_a_gate_has_its_conclusion_and_both_builds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(1.0)
    finished(site, tmp_path, capsys)
    directory = site.config(tmp_path, **KEYS).directory
    report, summary = build.model_of(directory)
    assert summary.gate
    assert summary.gate.conclusion is GateConclusion.PASS
    assert report.question == "is the candidate build slower than the baseline?"
    assert report.gate
    assert [row[1] for row in report.gate.rows] == [OLD, NEW]
    hold = [f"{100 * (1 - error):.0f} %" for error in (sequential.MISSES, sequential.ALARMS)]
    assert f"the lower one in {hold[0]}, the upper one in {hold[1]} of studies" in report.gate.note
    build.write(directory, {"html"})
    page = (directory.path / "report.html").read_text()
    assert "<h2>Builds</h2>" in page
    assert "it needs two topologies" not in page
    assert ci_summary.junit(report, summary).count("<testcase") == 3
    assert summarise_directory(directory).gate == summary.gate


def test_files_that_cannot_be_written_are_reported_before_a_gate_measures(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        check_files({"--markdown": tmp_path, "--junit": tmp_path / "none" / "a.xml"})
    assert caught.value.problems == (
        f"--markdown: {tmp_path}: is a directory. Allowed: the name of a file",
        f"--junit: {tmp_path / 'none' / 'a.xml'}: its folder does not exist. Fix: create it, or name another file",
    )
    check_files({"--markdown": tmp_path / "a.md", "--junit": None})

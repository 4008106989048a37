"""Objectives of a grid, and their results as Markdown and JUnit for a CI server."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import latency_stats
from harness.records.directory import StudyDirectory
from harness.summarise import objectives
from harness.summarise.cells.cell import summarise
from harness.summarise.summary import summarise_directory
from report import build
from report.output import ci_summary
from tests.builders import grid, record, study

ONE: list[float | None] = [280, 284, 277, 281, 279]
TWO: list[float | None] = [510, 517, 503, 512, 508]  # 1.82 times ONE, [1.80, 1.84]


def made(tmp_path: Path, wanted: dict[str, Any], **more: Any) -> StudyDirectory:
    return study(StudyDirectory(tmp_path / "s-1"), {(1, 100): ONE, (2, 100): TWO}, objectives=wanted, **more)


@pytest.mark.parametrize(
    ("least", "met", "words"),
    [
        (1.7, True, "1.82× [1.8"),
        (1.82, False, "within the interval"),
        (1.95, False, "objective at least 1.95×"),
    ],
)
def test_a_gain_is_reached_when_its_whole_interval_is(tmp_path: Path, least: float, met: bool, words: str) -> None:
    (judged,) = summarise_directory(made(tmp_path, {"gain": {2: least}})).objectives
    assert judged.met is met
    assert words in judged.text


def test_a_load_that_cannot_show_a_gain_does_not_judge_it(tmp_path: Path) -> None:
    limits = {(1, 100): "load", (2, 100): "load"}
    assert summarise_directory(made(tmp_path, {"gain": {2: 1.7}}, limits=limits)).objectives == []


def test_cells_that_were_not_measured_reach_nothing(tmp_path: Path) -> None:
    directory = study(StudyDirectory(tmp_path / "s-1"), {(1, 100): [None]}, objectives={"error_rate": "1%"})
    (judged,) = summarise_directory(directory).objectives
    assert not judged.met
    assert "not measured" in judged.text


def test_a_search_has_cells_on_both_sides_of_its_objectives(tmp_path: Path) -> None:
    span = {"search": {"from": 100, "to": 200}}
    directory = made(tmp_path, {"p95": "1ms", "error_rate": "1%"}, **span)
    assert summarise_directory(directory).objectives == []


def test_markdown_holds_the_answer_the_gains_and_the_objectives(tmp_path: Path) -> None:
    text = ci_summary.markdown(*build.model_of(made(tmp_path, {"gain": {2: 1.9}})))
    assert "**At 100 users the second server gave 1.820× [1.817, 1.823]" in text
    assert "| 1 → 2 | 1.820× |" in text
    assert "- **not met**: 100 users: gain of 1 → 2 servers 1.82×" in text


def test_junit_fails_what_was_not_reached(tmp_path: Path) -> None:
    text = ci_summary.junit(*build.model_of(made(tmp_path, {"gain": {2: 1.9}})))
    suite = ElementTree.fromstring(text.split("\n", 1)[1])  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["100 users: gain of 1 → 2 servers"]


def test_a_late_generator_does_not_miss_an_objective_for_the_servers() -> None:
    """Its trials are left out of p95; without others there is no p95 to compare."""
    late = {"rule": "E6", "severity": "warning", "cause": "late", "kind": "lateness"}
    histograms = [latency_stats.histogram_of_ms([(milliseconds, 1000)]) for milliseconds in (50, 50, 400)]
    cases: list[tuple[list[bool], str, bool]] = [
        ([False, False, True], "p95 50 ms, objective at most 100 ms", True),
        ([False, False, False], "p95 400 ms, objective at most 100 ms", False),
        ([True, True, True], "p95 not measured: the load generator was late in all trials", False),
    ]
    for flags, words, met in cases:
        trials = [record(1, 100, k, 280.0, findings=[late] if flag else []) for k, flag in enumerate(flags, 1)]
        cell = summarise(trials[0].cell, trials, histograms, Thresholds(), ["", "", ""])
        (judged,) = objectives.judge(grid(objectives={"p95": "100ms"}), [cell], [])
        assert words in judged.text
        assert judged.met is met

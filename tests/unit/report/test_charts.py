"""Charts: labels that never lie on one another, events where they happened, and only as much as can be read."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import jsonschema
import pytest
from altair.vegalite.v6.schema.core import load_schema

from harness.grid.thresholds import Thresholds
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import all_gains
from harness.summarise.summary import summarise_directory
from report import elements
from report.charts import drawing, gain_data, latency_data, series_data
from report.charts import labels as positions
from report.elements import Chart
from tests.builders import changed, measured_study, samples, study

Box = tuple[str, float, float, float, float]
GLYPH = 5.6  # mean width of a letter at the labels' size


def texts(element: ElementTree.Element, x: float = 0.0, y: float = 0.0) -> Iterator[Box]:
    """Every text of a drawing with its place: text, left, top, right, bottom."""
    for moved in re.findall(r"translate\(([-\d.e]+),\s*([-\d.e]+)\)", element.get("transform", "")):
        x, y = x + float(moved[0]), y + float(moved[1])
    if element.tag.endswith("}text"):
        if "rotate" not in element.get("transform", ""):
            for line, words in enumerate(element.itertext()):
                wide = GLYPH * len(words)
                left = x - {"middle": wide / 2, "end": wide}.get(element.get("text-anchor", ""), 0.0)
                yield words, left, y - 9 + 11 * line, left + wide, y + 11 * line
        return
    for child in element:
        yield from texts(child, x, y)


def labels(chart: Chart | None, wanted: set[str]) -> list[Box]:
    assert chart is not None
    svg = ElementTree.fromstring(drawing.svg(drawing.specification(chart)))  # noqa: S314 - our own drawing
    return [box for box in texts(svg) if box[0] in wanted]


def collisions(boxes: list[Box]) -> list[tuple[str, str]]:
    return [
        (a[0], b[0])
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]


def made(tmp_path: Path, topologies: int, loads: tuple[int, ...]) -> tuple[list[CellSummary], dict[str, TrialData]]:
    """A study whose loads reach nearly the same throughput, so that labels want the same place."""
    rates: dict[tuple[int, int], list[float | None]] = {
        (m, users): [280.0 * m**0.5 + users / 1000, 283.0 * m**0.5] for m in range(1, topologies + 1) for users in loads
    }
    directory = study(StudyDirectory(tmp_path / f"s-{topologies}-{len(loads)}"), rates)
    trials = {where: directory.trial(where) for where in directory.trials()}
    return summarise_directory(directory).cells, trials


@pytest.mark.parametrize(
    ("topologies", "loads"),
    [
        pytest.param(topologies, loads, marks=() if (topologies, len(loads)) in ((3, 1), (10, 4)) else pytest.mark.long)
        for topologies, loads in product([1, 3, 10], [(1000,), (1000, 1010, 1020, 1030)])
    ],
)
def test_labels_of_the_headline_never_collide(tmp_path: Path, topologies: int, loads: tuple[int, ...]) -> None:
    found, trials = made(tmp_path, topologies, loads)
    names = {f"{users:,} users" for users in loads}
    boxes = labels(gain_data.headline(found, trials), names | {"linear ideal"})
    assert {box[0] for box in boxes} >= names
    assert collisions(boxes) == []


@pytest.mark.parametrize("topologies", [1, pytest.param(3, marks=pytest.mark.long), 10])
def test_labels_of_latencies_never_collide(tmp_path: Path, topologies: int) -> None:
    histogram = measured_study(StudyDirectory(tmp_path / "study")).latencies("servers-1_vusers-2000/r1")
    found, trials = made(tmp_path, topologies, (1000, 2000))
    trials = {where: replace(data, latencies=histogram) for where, data in trials.items()}
    names = {f"{m} server{'s' if m > 1 else ''}" for m in range(1, topologies + 1)}
    boxes = labels(latency_data.chart(found, trials, 662), names)
    assert len(boxes) == 2 * topologies
    assert collisions(boxes) == []


@pytest.mark.parametrize("topologies", [1, pytest.param(3, marks=pytest.mark.long), 10])
def test_headers_of_the_panels_never_collide(tmp_path: Path, topologies: int) -> None:
    found, trials = made(tmp_path, topologies, (1000, 2000))
    boxes = labels(
        series_data.series(found, trials, 7, 17), {*(f"{m} servers" for m in range(2, 11)), "1 server", "1,000 users"}
    )
    assert len(boxes) >= topologies
    assert collisions(boxes) == []


def test_events_of_a_trial_are_marked_at_their_time(tmp_path: Path) -> None:
    found, trials = made(tmp_path, 2, (1000,))
    where = "servers-1_vusers-1000/r2"
    moments = [[6.0, "server-1 was killed for lack of memory"]]
    died = changed(trials[where].record, outcome="server_down", figures={"timeline": moments})
    trials[where] = replace(trials[where], record=died, samples=samples(280, 1000)[:12])
    chart = series_data.series(found, trials, 7, 17)
    assert chart is not None
    assert [(mark["t"], mark["what"]) for mark in chart.arguments["marks"]] == [
        (6.0, "server-1 was killed for lack of memory"),
        (12.0, "stopped"),
    ]
    assert "1 server at 1,000 users, second 6: server-1 was killed for lack of memory" in chart.alternative
    boxes = labels(chart, {"stopped"})
    assert len(boxes) == 1


def test_of_very_many_cells_some_are_drawn_with_a_remark(tmp_path: Path) -> None:
    found, trials = made(tmp_path, 3, tuple(range(100, 2100, 100)))
    drawn = elements.drawn(found)
    assert {cell.cell["vusers"] for cell in drawn} == {100, 500, 900, 1200, 1600, 2000}
    chart = series_data.series(found, trials, 7, 17)
    assert chart is not None
    assert chart.caption.endswith("18 of 60 cells are drawn, at even distances; the tables have all.")


def test_specifications_follow_their_schema(tmp_path: Path) -> None:
    """They are not checked when a report is made: that would take longer than drawing them."""
    found, trials = made(tmp_path, 6, (1000, 2000))
    histogram = measured_study(StudyDirectory(tmp_path / "study")).latencies("servers-1_vusers-2000/r1")
    trials = {where: replace(data, latencies=histogram) for where, data in trials.items()}
    shown = (
        gain_data.headline(found, trials, 900.0),
        series_data.series(found, trials, 7, 17),
        latency_data.chart(found, trials, 662),
        gain_data.gain_plot(all_gains(found, Thresholds())),
    )
    validator = jsonschema.Draft7Validator(load_schema())
    for chart in shown:
        assert chart is not None
        assert next(validator.iter_errors(drawing.specification(chart)), None) is None, chart.name


def test_labels_are_spread_as_little_as_they_must() -> None:
    placed = positions.spread([10.0, 1.0, 10.5, 30.0], 2.0)
    assert placed == [10.0, 1.0, 12.0, 30.0]
    assert all(b - a >= 2 for a, b in pairwise(sorted(placed)))

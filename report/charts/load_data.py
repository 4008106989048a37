"""Data of the chart of response times by load. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.grid.cells import SearchedCells
from harness.grid.load import LOAD_FACTORS, level_of, without_load
from harness.grid.types import Levels
from harness.language import messages, tr
from harness.records.trial import TrialData
from harness.records.trial_path import TrialPath
from harness.summarise.capacity.crossing import Bound
from harness.summarise.cells.cell import CellSummary
from harness.summarise.summary import Summary
from harness.words import grouped, load_name
from report import format as text
from report import phrases
from report.charts.labels import Rows, spread
from report.elements import MOST_TOPOLOGIES, Chart, evenly

PERCENTILES = ("p50", "p95", "p99")
TITLES = messages({"vusers": "users", "rate": "requests per second offered"})
MOST_LOADS, MOST_DOTS = 40, 1500  # of a topology, and in all
LABEL_HEIGHT = 0.13  # of a panel's height
CAPACITY, KNEE, SATURATION = messages(("capacity", "knee", "saturation"))
MARKS = messages(
    {
        CAPACITY: "the capacity, the largest load that meets the objectives",
        KNEE: "the knee, from which on throughput no longer grows",
        SATURATION: "the first load at which servers are the bottleneck",
    }
)
Point = dict[str, Any]


def chart(summary: Summary, trials: Mapping[str, TrialData]) -> Chart | None:
    """Percentiles by load, a panel for each topology; None where no topology has two loads.

    Failures are included as an objective counts them: at the timeout or more.
    """
    points = _cells(summary.cells) + _trials(trials)
    several = [name for name in dict.fromkeys(p["topology"] for p in points) if len(_loads_of(name, points)) > 1]
    shown = evenly(several, MOST_TOPOLOGIES)
    rows = _some([point for point in points if point["topology"] in shown])
    factor = next(name for name in LOAD_FACTORS if name in summary.grid.factors)
    if not rows:
        return None
    wanted = summary.grid.objectives.p95_s
    # A search loads each topology around its own capacity.
    own = isinstance(summary.grid.cells, SearchedCells) and any(one.value is not None for one in summary.capacities)
    knees = [
        {
            **mark,
            "what": tr(mark["what"]),
            "align": "right" if mark["load"] > _middle(mark["topology"] if own else "", rows) else "left",
        }
        for mark in _knees(summary)
        if mark["topology"] in shown
    ]
    heights = [row["ms"] for row in rows] + ([] if wanted is None else [wanted * 1000])
    span = (min(heights) / 1.6, max(heights) * 1.3)
    most = max(len(_loads_of(name, rows)) for name in shown)
    left_out = (
        ""
        if len(shown) == len(several)
        else tr(" {shown} of {several} topologies are drawn.", shown=len(shown), several=len(several))
    )
    return Chart(
        "latency_by_load",
        {
            "rows": rows,
            "labels": _labels(rows, span),
            "knees": knees,
            "objective": None if wanted is None else wanted * 1000,
            "span": span,
            "title": tr(TITLES[factor]),
            "small": most == 2,
            "own": own,
        },
        _alternative(rows, knees, wanted),
        _caption(summary.cells, rows, knees, wanted) + left_out,
    )


def _topology(levels: Levels) -> str:
    """The name of a topology: "2 servers", and the levels of other factors."""
    rest = {name: level for name, level in without_load(levels).items() if name != "servers"}
    return ", ".join(filter(None, (phrases.topology(levels), load_name(rest))))


def _loads_of(topology: str, points: Rows) -> set[float]:
    return {p["load"] for p in points if p["topology"] == topology and p["kind"] != "trial"}


def _middle(topology: str, points: Rows) -> float:
    """The middle of the axis of a topology's panel, or of all panels without a topology."""
    loads = [p["load"] for p in points if not topology or p["topology"] == topology]
    return float(min(loads) + max(loads)) / 2


def _some(points: Rows) -> Rows:
    """Some loads and trials at even distances, where there are many."""
    kept = {
        (name, load)
        for name in dict.fromkeys(p["topology"] for p in points)
        for load in evenly(sorted(_loads_of(name, points)), MOST_LOADS)
    }
    lines = [p for p in points if p["kind"] != "trial" and (p["topology"], p["load"]) in kept]
    dots = [p for p in points if p["kind"] == "trial" and (p["topology"], p["load"]) in kept]
    return [*lines, *evenly(dots, MOST_DOTS)]


def _points(kind: str, levels: Levels, milliseconds: Mapping[str, float | None], **more: str) -> Rows:
    place = {"kind": kind, "topology": _topology(levels), "load": level_of(levels), **more}
    return [{**place, "percentile": p, "ms": max(0.001, ms)} for p in PERCENTILES if (ms := milliseconds.get(p))]


def _cells(cells: list[CellSummary]) -> Rows:
    ordered = sorted(cells, key=lambda cell: level_of(cell.cell))
    by_topology = sorted(ordered, key=lambda cell: cell.servers)
    return [
        point
        for cell in by_topology
        for point in _points("cell", cell.cell, cell.latency_with_failures_ms or cell.latency_ms)
    ]


def _trials(trials: Mapping[str, TrialData]) -> Rows:
    """Single trials, and probes of a search, whose loads have no cell."""
    found: Rows = []
    for where, data in trials.items():
        record = data.record
        if record.usable and not record.control and TrialPath.parse(where).is_current:
            kind = "trial" if record.repeat else "probe"
            found += _points(kind, record.cell, record.latency_with_failures_ms or record.latency_ms, trial=where)
    return found


def _knees(summary: Summary) -> Rows:
    """The capacity of each topology, else the load from which on servers are the bottleneck.

    That is the knee of a search, else the first load with that bottleneck. `what` names it.
    """
    found: dict[str, Point] = {}
    for one in summary.capacities:
        if one.bound == Bound.EXACT and one.value is not None:
            name = _topology({"servers": one.servers, **one.others})
            found[name] = {"topology": name, "load": one.value, "what": CAPACITY}
    for limit in summary.searches:
        name = _topology(limit.others)
        if limit.knee is not None and limit.knee.level and limit.knee.rising and name not in found:
            found[name] = {"topology": name, "load": limit.knee.users, "what": KNEE}
    for cell in sorted(summary.cells, key=lambda cell: level_of(cell.cell)):
        name = _topology(cell.cell)
        if cell.bottleneck.is_topology and name not in found:
            found[name] = {"topology": name, "load": level_of(cell.cell), "what": SATURATION}
    return list(found.values())


def _labels(rows: Rows, span: tuple[float, float]) -> Rows:
    """A label at the end of each line, apart from the others."""
    gap = LABEL_HEIGHT * math.log(span[1] / span[0])
    found: Rows = []
    for name in dict.fromkeys(row["topology"] for row in rows):
        mine = [row for row in rows if row["topology"] == name and row["kind"] != "trial"]
        ends = [
            max((r for r in mine if r["percentile"] == p), key=lambda r: r["load"], default=None) for p in PERCENTILES
        ]
        known = [end for end in ends if end is not None]
        heights = spread([math.log(end["ms"]) for end in known], gap)
        # Down again where the last label would leave the panel.
        over = max(0.0, heights[-1] - math.log(span[1]) + gap / 2)
        found += [
            {"topology": name, "load": end["load"], "percentile": end["percentile"], "ms": math.exp(height - over)}
            for end, height in zip(known, heights, strict=True)
        ]
    return found


def _alternative(rows: Rows, knees: Rows, wanted: float | None) -> str:
    """The p95 of every topology by load, as text."""
    clauses = []
    for name in dict.fromkeys(row["topology"] for row in rows):
        by_load = {
            r["load"]: r["ms"]
            for r in rows
            if r["topology"] == name and r["percentile"] == "p95" and r["kind"] != "trial"
        }
        line = ", ".join(f"{grouped(load)}: {text.milliseconds(by_load[load])} ms" for load in sorted(by_load))
        clauses.append(
            f"{name} {line}"
            + "".join(
                tr(", {mark} at {load:,.0f}", mark=k["what"], load=k["load"]) for k in knees if k["topology"] == name
            )
        )
    objective = "" if wanted is None else tr("; the objective is {wanted} ms", wanted=text.milliseconds(wanted * 1000))
    return tr(
        "Response times by load on a logarithmic axis; p95: {listed}{objective}",
        listed="; ".join(clauses),
        objective=objective,
    )


def _caption(cells: list[CellSummary], rows: Rows, knees: Rows, wanted: float | None) -> str:
    sentences = [tr("Response times by load, failures included at the timeout or more. Dots are single trials")]
    if any(row["kind"] == "probe" for row in rows):
        sentences.append(tr(", hollow dots are probes of the search"))
    sentences.append(".")
    marks = [tr(words) for what, words in MARKS.items() if any(knee["what"] == tr(what) for knee in knees)]
    sentences += [tr(" Dashed: {listed}.", listed="; ".join(marks))] if marks else []
    if wanted is not None:
        sentences.append(tr(" The thin line is the p95 objective."))
    if any(cell.latency_unsteady for cell in cells):
        sentences.append(tr(" Latencies with an asterisk in the table are not steady."))
    return "".join(sentences)

"""Data of the chart of throughput over time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.grid.load import LOAD_FACTORS
from harness.judge import timing
from harness.language import tr
from harness.records.series import Sample
from harness.records.trial import Outcome, TrialData
from harness.summarise.cells.cell import CellSummary
from harness.words import load_name
from report import phrases
from report.charts.labels import Rows, left_out, load_of
from report.elements import Chart, anchor, anchor_of, by_cell, drawn

STOPPED = (Outcome.INVALID, Outcome.SERVER_DOWN)  # trials whose load may have ended early
MOST_POINTS = 9_000  # of a page


def series(cells: Sequence[CellSummary], trials: Mapping[str, TrialData], from_s: float, to_s: float) -> Chart | None:
    """Throughput over time of every trial of the drawn cells, with its events; None without any."""
    shown = drawn(cells)
    place = {anchor(cell.cell): (index, cell) for index, cell in enumerate(shown)}
    loads = list(dict.fromkeys(load_name(cell.others) for cell in sorted(shown, key=_size)))
    wanted = [
        (loads.index(load_name(cell.others)), index, where, data)
        for where, data in trials.items()
        for index, cell in [place.get(anchor_of(where), (0, None))]
        if cell is not None and data.samples
    ]
    if not wanted:
        return None
    step = -(-sum(len(data.samples) for *_, data in wanted) // MOST_POINTS)
    rows = [
        {"load": load_of(data), "topology": phrases.topology(data.record.cell), **point}
        for *_, where, data in sorted(wanted, key=lambda one: one[:3])
        for point in _points(where, data.samples, step)
    ]
    mine = by_cell(trials)
    marks = [
        {"load": load_name(cell.others), "topology": phrases.topology(cell.cell), **mark}
        for cell in shown
        for mark in _marks(mine.get(anchor(cell.cell), []), to_s)
    ]
    events = "; ".join(
        tr(
            "{topology} at {load}, second {second:.0f}: {event}",
            topology=m["topology"],
            load=m["load"],
            second=m["t"],
            event=m["what"],
        )
        for m in marks
    )
    return Chart(
        "series",
        {"rows": rows, "marks": marks, "window": (from_s, to_s)},
        tr("Requests per second over time, one panel for each cell, one line for each trial")
        + (f". {events}" if events else ""),
        tr(
            "Successful requests per second{means}, a line for each trial, with failures below the axis. "
            "Shaded: the steady window, over which means are taken.",
            means=tr(" (means of {step} s)", step=step) if step > 1 else "",
        )
        + left_out(shown, cells),
    )


def _points(where: str, samples: Sequence[Sample], step: int) -> Rows:
    """The points of a trial: every second, or means over `step` seconds."""
    found = []
    for begin in range(0, len(samples), step):
        part = samples[begin : begin + step]
        completed, failed = (sum(getattr(s, name) for s in part) / len(part) for name in ("completed", "failed"))
        point: dict[str, Any] = {"trial": where, "t": part[0].t_s, "tps": round(completed, 1)}
        found.append({**point, "failed": -round(failed, 1)} if failed else point)
    return found


def _marks(trials: Sequence[TrialData], to_s: float) -> Rows:
    """The events in the trials of a cell, each kind at its first time, and the early end of trials."""
    first: dict[str, tuple[float, int]] = {}
    for data in trials:
        happened = _timeline(data)
        stopped = data.record.context.stopped_s if data.record.context else None
        if stopped is not None:
            happened.append((float(stopped), tr("stopped")))
        elif data.samples and len(data.samples) < to_s - 1 and data.record.outcome in STOPPED:
            happened.append((float(len(data.samples)), tr("stopped")))
        for at, what in happened:
            earliest, count = first.get(what, (at, 0))
            first[what] = (min(at, earliest), count + 1)
    return [
        {"t": at, "what": what + (tr(" ({count} trials)", count=count) if count > 1 else "")}
        for what, (at, count) in sorted(first.items(), key=lambda item: item[1])
    ]


def _timeline(data: TrialData) -> list[tuple[float, str]]:
    """The events of a trial. Planned failures are one event without names: other servers fail in other blocks."""
    record = data.record
    happened = timing.events(record)
    failure = record.context.server_failure if record.context else None
    if not failure or not failure.stopped_s:
        return happened
    planned = {tr("{server} stopped", server=server) for server in failure.stopped_s}
    stops = [at for at, what in happened if what in planned]
    others = [event for event in happened if event[1] not in planned]
    return (
        sorted([*others, (min(stops), tr("{stops} stopped", stops=phrases.count(len(stops), "server")))])
        if stops
        else happened
    )


def _size(cell: CellSummary) -> float:
    return float(next((level for name, level in cell.others.items() if name in LOAD_FACTORS), 0))

"""Data of the charts, from cells, gains and trials. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from harness.grid.load import LOAD_FACTORS
from harness.records.series import Sample
from harness.records.trial import Component, Outcome, TrialData
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.words import load_name
from report import format as text
from report.elements import Chart, anchor, anchor_of, by_cell, link

STOPPED = (Outcome.INVALID, Outcome.SERVER_DOWN)  # trials whose load may have ended early
MOST_LOADS, MOST_TOPOLOGIES, MOST_STEPS = 6, 10, 30  # that a chart can show and a reader can tell apart
MOST_POINTS = 9_000  # that a page draws at once
LABEL_HEIGHT = 0.085  # of the chart's height
Rows = list[dict[str, Any]]
Thing = TypeVar("Thing")


def _label(cell: CellSummary) -> str:
    return load_name(cell.others)


def evenly(things: Sequence[Thing], most: int) -> list[Thing]:
    """At most so many of them, the first and the last among them, at even distances."""
    if len(things) <= most:
        return list(things)
    return [things[round(i * (len(things) - 1) / (most - 1))] for i in range(most)]


def drawn(cells: Sequence[CellSummary]) -> list[CellSummary]:
    """The cells that charts show: all of them, or of very many loads and topologies some at even distances."""
    loads = evenly(list(dict.fromkeys(map(_label, cells))), MOST_LOADS)
    topologies = evenly(sorted({cell.servers for cell in cells}), MOST_TOPOLOGIES)
    return [cell for cell in cells if _label(cell) in loads and cell.servers in topologies]


def _size(cell: CellSummary) -> float:
    return float(next((level for name, level in cell.others.items() if name in LOAD_FACTORS), 0))


def _left_out(shown: Sequence[CellSummary], cells: Sequence[CellSummary]) -> str:
    if len(shown) == len(cells):
        return ""
    return f" {len(shown)} of {len(cells)} cells are drawn, at even distances; the tables hold all."


def headline(
    cells: Sequence[CellSummary], trials: Mapping[str, TrialData], ceiling: float | None = None
) -> Chart | None:
    """Mean TPS by number of servers; None when no cell has any."""
    shown = drawn(cells)
    rows: Rows = [
        {
            "load": _label(cell),
            "servers": cell.servers,
            "tps": cell.tps.value,
            "low": cell.tps.low,
            "high": cell.tps.high,
            "to": link(cell.cell),
        }
        for cell in shown
        if cell.tps is not None and not cell.fail_servers  # whose throughput is no topology's
    ]
    if not rows:
        return None
    ends = [max((r for r in rows if r["load"] == load), key=lambda r: r["servers"]) for load in _loads(rows)]
    ideals = _ideals(shown)
    labels = [{"servers": r["servers"], "tps": r["tps"], "load": r["load"], "label": r["load"]} for r in ends]
    labels += [{**ideals[-1], "label": "linear ideal"}] if ideals else []
    top = max(label["tps"] for label in labels)
    heights = spread([label["tps"] for label in labels], LABEL_HEIGHT * top)
    loads = set(_loads(rows))
    dots = [
        {"load": load, "servers": data.record.cell["servers"], "tps": data.record.tps_mean, "trial": where}
        for where, data in trials.items()
        for load in [_record_load(data)]
        if data.record.usable and load in loads
    ]
    return Chart(
        "headline",
        {
            "cells": rows,
            "trials": dots,
            "ideals": ideals,
            "labels": [{**label, "at": at} for label, at in zip(labels, heights, strict=True)],
            # Far above everything it would only press the lines together; the text tells it then.
            "ceiling": ceiling if ceiling is not None and ceiling < 2.5 * max(r["tps"] for r in rows) else None,
        },
        "Throughput by number of servers: "
        + "; ".join(
            f"{r['load']}, {text.count(r['servers'], 'server')}: {text.rate(r['tps'])} per second" for r in rows
        ),
        "Mean successful requests per second in the steady window. Bars are 95 % intervals over trials, dots single "
        "trials; dotted: the linear ideal from the smallest saturated topology." + _left_out(shown, cells),
    )


def _loads(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["load"] for row in rows))


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """A height for every label, at least `gap` from every other, as near to its own as the others allow."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [0.0] * len(heights)
    lowest = -math.inf
    for i in order:
        placed[i] = max(heights[i], lowest)
        lowest = placed[i] + gap
    return placed


def _record_load(data: TrialData) -> str:
    return load_name({name: level for name, level in data.record.cell.items() if name != "servers"})


def _ideals(cells: Sequence[CellSummary]) -> Rows:
    """The linear ideal m · X(smallest) / m0, from the best saturated cell of the smallest topology."""
    saturated = [c for c in cells if c.tps and c.bottleneck == Component.SERVER]
    if not saturated:
        return []
    smallest = min(saturated, key=lambda c: (c.servers, -(c.tps.value if c.tps else 0)))
    per_server = (smallest.tps.value if smallest.tps else 0.0) / smallest.servers
    most = max(c.servers for c in cells)
    return [{"load": "ideal", "servers": m, "tps": m * per_server} for m in range(smallest.servers, most + 1)]


def gain_plot(gains: Sequence[Gain]) -> Chart | None:
    """Gains against 1 and the step ideal; None without any."""
    known = [gain for gain in gains if gain.ratio is not None]
    loads = list(dict.fromkeys(gain.load for gain in known))
    most = max(1, MOST_STEPS * len(loads) // max(1, len(known)))
    chosen = evenly(loads, most) if most > 1 else loads[-1:]
    rows: Rows = [
        {
            "step": f"{gain.load}, {gain.from_servers} → {gain.to_servers}",
            "gain": gain.ratio.value,
            "low": gain.ratio.low,
            "high": gain.ratio.high,
            "ideal": gain.step_ideal,
            "speaks": gain.kind == GainKind.GAIN,
        }
        for gain in known
        if gain.ratio is not None and gain.load in chosen
    ]
    if not rows:
        return None
    said = "; ".join(f"{row['step']}: {text.ratio(row['gain'])}" for row in rows)
    some = "" if len(rows) == len(known) else f" {len(rows)} of {len(known)} are drawn; the tables hold all."
    return Chart(
        "gains",
        {"rows": rows},
        f"Gains: {said}",
        "Gains with their 95 % intervals; the tick is the step's ideal, the line marks no gain. Grey ones say "
        "nothing about the servers alone." + some,
    )


def series(cells: Sequence[CellSummary], trials: Mapping[str, TrialData], from_s: float, to_s: float) -> Chart | None:
    """TPS over time of every trial of the drawn cells, with what happened in it; None without any."""
    shown = drawn(cells)
    place = {anchor(cell.cell): (index, cell) for index, cell in enumerate(shown)}
    loads = list(dict.fromkeys(map(_label, sorted(shown, key=_size))))
    wanted = [
        (loads.index(_label(cell)), index, where, data)
        for where, data in trials.items()
        for index, cell in [place.get(anchor_of(where), (0, None))]
        if cell is not None and data.samples
    ]
    if not wanted:
        return None
    step = -(-sum(len(data.samples) for *_, data in wanted) // MOST_POINTS)
    rows = [
        {"load": _record_load(data), "topology": text.count(int(data.record.cell["servers"]), "server"), **point}
        for *_, where, data in sorted(wanted, key=lambda one: one[:3])
        for point in _points(where, data.samples, step)
    ]
    mine = by_cell(trials)
    marks = [
        {"load": _label(cell), "topology": text.count(cell.servers, "server"), **mark}
        for cell in shown
        for mark in _marks(mine.get(anchor(cell.cell), []), to_s)
    ]
    happened = "; ".join(f"{m['topology']} at {m['load']}, second {m['t']:.0f}: {m['what']}" for m in marks)
    return Chart(
        "series",
        {"rows": rows, "marks": marks, "window": (from_s, to_s)},
        "Requests per second over time, one panel for each cell, one line for each trial"
        + (f". {happened}" if happened else ""),
        f"Successful requests per second{f' (means of {step} s)' if step > 1 else ''}, every trial a line; failures "
        "are drawn below the axis. Shaded: the steady window that means are taken from." + _left_out(shown, cells),
    )


def _points(where: str, samples: Sequence[Sample], step: int) -> Rows:
    """A trial's line: every second, or of very many seconds means over `step` of them."""
    found = []
    for begin in range(0, len(samples), step):
        part = samples[begin : begin + step]
        completed, failed = (sum(getattr(s, name) for s in part) / len(part) for name in ("completed", "failed"))
        point: dict[str, Any] = {"trial": where, "t": part[0].t_s, "tps": round(completed, 1)}
        found.append({**point, "failed": -round(failed, 1)} if failed else point)
    return found


def _marks(trials: Sequence[TrialData], to_s: float) -> Rows:
    """What happened in a cell's trials, each kind once, where it first did, and when trials were stopped early."""
    first: dict[str, tuple[float, int]] = {}
    for data in trials:
        happened = list(data.record.figures.timeline) if data.record.figures else []
        stopped = data.record.context.stopped_s if data.record.context else None
        if stopped is not None:
            happened.append((float(stopped), "stopped"))
        elif data.samples and len(data.samples) < to_s - 1 and data.record.outcome in STOPPED:
            happened.append((float(len(data.samples)), "stopped"))
        for at, what in happened:
            earliest, count = first.get(what, (at, 0))
            first[what] = (min(at, earliest), count + 1)
    return [
        {"t": at, "what": what + (f" ({count} trials)" if count > 1 else "")}
        for what, (at, count) in sorted(first.items(), key=lambda item: item[1])
    ]

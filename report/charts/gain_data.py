"""Data of the charts of throughput and gains. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.grid import server_types
from harness.language import tr
from harness.records.trial import TrialData
from harness.summarise.capacity.capacity import CapacityGain
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.statistics.intervals import Interval
from harness.words import load_name
from report import format as text
from report import phrases
from report.charts.labels import Rows, left_out, load_of, spread
from report.elements import Chart, drawn, evenly, link

MOST_STEPS = 12  # of a chart
LABEL_HEIGHT = 0.085  # of the chart's height
HIGHEST_CEILING = 2.5  # times the largest throughput: a higher line would press the others together


def headline(
    cells: Sequence[CellSummary], trials: Mapping[str, TrialData], ceiling: float | None = None, *, paired: bool = False
) -> Chart | None:
    """Mean throughput by number of servers; None without a valid cell. `paired`: the gains are drawn on its right."""
    shown = drawn(cells)
    rows: Rows = [
        {
            "load": load_name(cell.others),
            "servers": cell.topology,
            "tps": cell.tps.value,
            "low": cell.tps.low,
            "high": cell.tps.high,
            "shown": text.rate_interval(cell.tps),
            "trials": tr("{usable} of {trials}", usable=cell.usable, trials=cell.trials),
            "to": link(cell.cell),
        }
        for cell in shown
        if cell.tps is not None and not cell.fail_servers  # a server failure is no topology
    ]
    if not rows:
        return None
    ends = [
        max((r for r in rows if r["load"] == load), key=lambda r: server_types.count(r["servers"]))
        for load in _loads(rows)
    ]
    ideals = _ideals(shown)
    labels = [{"servers": r["servers"], "tps": r["tps"], "load": r["load"], "label": r["load"]} for r in ends]
    labels += [{**ideals[-1], "label": tr("linear")}] if ideals else []
    top = max(label["tps"] for label in labels)
    heights = spread([label["tps"] for label in labels], LABEL_HEIGHT * top)
    loads = set(_loads(rows))
    dots = [
        {"load": load, "servers": data.record.cell["servers"], "tps": data.record.tps_mean, "trial": where}
        for where, data in trials.items()
        for load in [load_of(data)]
        if data.record.usable and load in loads
    ]
    return Chart(
        "headline",
        {
            "cells": rows,
            "trials": dots,
            "ideals": ideals,
            "labels": [{**label, "at": at} for label, at in zip(labels, heights, strict=True)],
            "ceiling": None if ceiling is None or ceiling >= HIGHEST_CEILING * max(r["tps"] for r in rows) else ceiling,
            "paired": paired,
        },
        tr("Throughput by number of servers: ")
        + "; ".join(f"{r['load']}, {phrases.topology(r)}: {text.rate(r['tps'])} req/s" for r in rows),
        tr(
            "Mean successful requests per second in the steady window. Bars are 95 % intervals over "
            "trials, dots single trials. {linear}",
            linear=_linear(rows),
        )
        + left_out(shown, cells),
    )


def _loads(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["load"] for row in rows))


def _linear(rows: Rows) -> str:
    """What the dotted line of linear speedup, or its ticks, begin with."""
    if isinstance(rows[0]["servers"], str):
        return tr("Ticks: linear speedup, the sum of the single servers at their best load.")
    return tr("Dotted: linear speedup from the smallest saturated topology.")


def _sums(saturated: Sequence[CellSummary], cells: Sequence[CellSummary]) -> Rows:
    """The sum of the saturated single servers of each type, for each topology of which they are all known."""
    one: dict[str, float] = {}
    for cell in saturated:
        if cell.servers == 1 and cell.tps:
            (name,) = server_types.counts(cell.topology)
            one[name] = max(one.get(name, 0.0), cell.tps.value)
    levels = {cell.topology: server_types.counts(cell.topology) for cell in cells}
    return [
        {"load": "ideal", "servers": level, "tps": sum(number * one[name] for name, number in numbers.items())}
        for level, numbers in levels.items()
        if numbers.keys() <= one.keys()
    ]


def _ideals(cells: Sequence[CellSummary]) -> Rows:
    """Linear speedup m · X(smallest) / m0, from the best saturated cell of the smallest topology."""
    saturated = [c for c in cells if c.tps and c.bottleneck.is_topology]
    if not saturated:
        return []
    if isinstance(saturated[0].topology, str):
        return _sums(saturated, cells)
    smallest = min(saturated, key=lambda c: (c.servers, -(c.tps.value if c.tps else 0)))
    per_server = (smallest.tps.value if smallest.tps else 0.0) / smallest.servers
    most = max(c.servers for c in cells)
    return [{"load": "ideal", "servers": m, "tps": m * per_server} for m in range(smallest.servers, most + 1)]


def gain_plot(gains: Sequence[Gain], of_capacities: Sequence[CapacityGain] = ()) -> Chart | None:
    """Gains of capacities and of loads compared with 1 and with linear speedup; None without any."""
    known = [*map(_of_capacity, of_capacities), *map(_of_load, gains)]
    known = [row for row in known if row["gain"] is not None]
    loads = list(dict.fromkeys(row["load"] for row in known))
    most = max(1, MOST_STEPS * len(loads) // max(1, len(known)))
    chosen = evenly(loads, most) if most > 1 else loads[:1]
    rows = [row for row in known if row["load"] in chosen][:MOST_STEPS]
    if not rows:
        return None
    steps = "; ".join(f"{row['load']}, {row['step']}: {row['shown']}" for row in rows)
    some = (
        ""
        if len(rows) == len(known)
        else tr(" {rows} of {known} are drawn; the table of gains has all.", rows=len(rows), known=len(known))
    )
    heads = [{"key": f"{load}|", "load": load} for load in chosen]
    return Chart(
        "gains",
        {"rows": rows, "heads": heads},
        tr("Gains: {steps}", steps=steps),
        tr("Gains with 95 % intervals. Tick: linear speedup. Line: no gain. Grey: a bound, or not the servers.") + some,
    )


def _step(load: str, gain: Gain | CapacityGain, shown: str) -> dict[str, Any]:
    step, ratio = gain.step, gain.ratio
    return {
        "key": f"{load}|{step}",
        "load": load,
        "step": step,
        "gain": ratio.value if ratio else None,
        "low": ratio.low if ratio else None,
        "high": ratio.high if ratio else None,
        "ideal": gain.step_ideal,
        "speaks": gain.kind == GainKind.GAIN,
        "shown": shown,
        "blocks": gain.k,
    }


def _of_load(gain: Gain) -> dict[str, Any]:
    return _step(gain.load, gain, _shown(gain.kind, gain.ratio))


def _of_capacity(gain: CapacityGain) -> dict[str, Any]:
    levels = load_name(gain.others)
    return _step(
        tr("capacity, {levels}", levels=levels) if levels else tr("capacity"), gain, _shown(gain.kind, gain.ratio)
    )


def _shown(kind: GainKind, ratio: Interval | None) -> str:
    """A gain with its interval, or what it is instead."""
    if kind == GainKind.IDLE:
        return tr("idle")
    if kind == GainKind.LOWER_BOUND and ratio is not None:
        return f"≥ {text.ratio(Interval(ratio.value if ratio.low is None else ratio.low))}"
    return text.ratio_with_interval(ratio) if kind == GainKind.GAIN else tr("not measurable")

"""Data of a cell's own page: all of its trials on one clock, as columns that the page's script unfolds. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.judge import timing
from harness.language import tr
from harness.records.series import Sample
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from report.elements import Chart, anchor, by_cell, drawn

MOST_SECONDS = 4_000  # of all trials of a page; more of them are means over several seconds
PERCENTILES = ("p50", "p95", "p99")
Column = list[float | None]


def chart(cells: Sequence[CellSummary], trials: Mapping[str, TrialData]) -> Chart | None:
    """All trials of a cell, for the page of the cell that a reader selects; None without any series."""
    found = _columns(cells, trials)
    if not found:
        return None
    return Chart(
        "cell",
        {"cells": found},
        tr("Throughput, requests in flight, response times and utilization of a cell over time, a line for each trial"),
        tr(
            "All trials of the cell on one clock. Shaded: the steady window. Response times are means of "
            "each second; the short lines are percentiles of the window."
        ),
    )


def _columns(cells: Sequence[CellSummary], trials: Mapping[str, TrialData]) -> dict[str, Any]:
    """Anchor of a cell → its trials, of the cells that charts draw; without trials that have no series.

    Of a trial: `trial` (its path), `outcome`, `step` (seconds of each point), `window` (begin and end in s), the series
    `tps`, `failed`, `in_flight` and `ms` (mean response time), `percentiles` of the window in ms, `hosts` (name →
    utilization, 0–1, of each host and machine), `events` (second and text) and `findings`.
    """
    mine = by_cell(trials)
    wanted = {anchor(cell.cell): mine.get(anchor(cell.cell), []) for cell in drawn(cells)}
    paths = {id(data): path for path, data in trials.items()}
    seconds = sum(len(data.samples) for group in wanted.values() for data in group)
    step = max(1, -(-seconds // MOST_SECONDS))
    found = {
        name: [_trial(paths[id(data)], data, step) for data in group if data.samples] for name, group in wanted.items()
    }
    return {name: group for name, group in found.items() if group}


def _trial(path: str, data: TrialData, step: int) -> dict[str, Any]:
    record, samples = data.record, data.samples
    window = record.window
    percentiles = record.latency_ms
    return {
        "trial": path,
        "outcome": tr(record.outcome),
        "step": step,
        "window": [window.from_s, window.to_s] if window else None,
        "tps": _means(samples, step, lambda s: s.completed),
        "failed": _means(samples, step, lambda s: s.failed) if any(s.failed for s in samples) else [],
        "in_flight": _means(samples, step, lambda s: s.in_flight),
        "ms": _means(samples, step, lambda s: s.mean_ms),
        "percentiles": {p: _rounded(ms) for p in PERCENTILES if (ms := percentiles.get(p)) is not None},
        "hosts": _utilization(data, step),
        "events": [[at, what] for at, what in timing.events(record)],
        "findings": [f"{each.rule} {tr(each.severity)}: {each.cause_text}" for each in record.findings],
    }


def _rounded(value: float) -> float:
    """Three significant digits, which is more than a line shows."""
    return float(f"{value:.3g}")


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(math.fsum(known) / len(known)) if known else None


def _share(values: Sequence[float]) -> float | None:
    """The mean of shares, to 0.1 %."""
    return round(math.fsum(values) / len(values), 3) if values else None


def _means(samples: Sequence[Sample], step: int, value: Callable[[Sample], float | None]) -> Column:
    """The means over `step` seconds each; empty where nothing is known."""
    found = [_mean(map(value, samples[begin : begin + step])) for begin in range(0, len(samples), step)]
    return found if any(each is not None for each in found) else []


def _utilization(data: TrialData, step: int) -> dict[str, Column]:
    """Utilization, 0–1: of a paced server's slots, of other hosts' CPU caps or else their machines, and of machines."""
    points = -(-len(data.samples) // step)
    seen: dict[str, dict[int, list[float]]] = {}

    def add(name: str, t_s: float, share: float) -> None:
        if 0 <= t_s < len(data.samples):
            seen.setdefault(name, {}).setdefault(int(t_s) // step, []).append(share)

    context = data.record.context
    pacing = context.pacing if context else {}
    for name, second, share in _slots(data):
        add(name, second, share)
    machine_of = context.machine_of if context else {}
    cores: dict[str, int] = {}
    for each in data.machines:
        cores[each.machine] = each.cores
        if each.cores:
            add(each.machine, each.t_s - 1, each.busy_cores / each.cores)  # a reading is about the second before it
    caps = {name: state.before.cpus for name, state in data.record.hosts.items()}
    for row in data.hosts:
        most = caps.get(row.host) or cores.get(machine_of.get(row.host, ""))
        if most and row.host not in pacing:
            add(row.host, row.t_s - 1, row.cpu_cores / most)
    return {name: [_share(of.get(point, ())) for point in range(points)] for name, of in sorted(seen.items())}


def _slots(data: TrialData) -> Iterable[tuple[str, int, float]]:
    """Second by second the share of its slots that a paced server's responses took: their mean time is known."""
    context, window = data.record.context, data.record.window
    if context is None or window is None:
        return
    names = {address: name for name, address in context.expected_servers.items()}
    responses: dict[tuple[str, int], int] = {}
    for row in data.balancer:
        key = (names.get(row.server, row.server), row.t_s)
        responses[key] = responses.get(key, 0) + row.requests
    for (server, second), count in sorted(responses.items()):
        slots = context.pacing.get(server)
        if slots and slots.offered and slots.answers:
            each_s = slots.busy / slots.answers
            yield server, second, count * each_s * (window.to_s - window.from_s) / slots.offered

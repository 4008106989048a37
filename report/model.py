"""The view model: everything a report says, as finished strings and chart data. Pure.

One model feeds the HTML and the PDF; templates do no arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.cells import Summary
from harness.gains import CellSummary, Gain
from harness.results import TrialData
from harness.thresholds import Thresholds, overridden
from report import answer
from report import format as text

Row = list[str]


@dataclass(frozen=True)
class Table:
    """Columns, rows of finished text, and which columns align right."""

    columns: Row
    rows: list[Row]
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart's data by name, with the words that stand in for it."""

    name: str
    arguments: dict[str, Any]
    alternative: str
    caption: str


@dataclass(frozen=True)
class Report:
    """The whole report in the order in which it is read."""

    title: str
    hash: str
    created: str
    state: str
    answer: list[str]
    where: str
    findings: list[str]
    headline: Chart | None
    gains: list[tuple[str, Table]]
    gain_plot: Chart | None
    series: Chart | None
    cells: Table
    trials: Table
    facts: list[tuple[str, str]]
    thresholds: Table
    grid: str
    nginx: str
    notes: list[str] = field(default_factory=list)


def build(study: dict[str, Any], summary: Summary, trials: dict[str, TrialData], folder: str) -> Report:
    """Make the view model of a study, complete or not.

    `study` is study.json, `trials` maps "<cell>/r<k>" to what was recorded.
    """
    grid, cells, gains = summary.grid, summary.cells, summary.gains
    planned, done = len(study["plan"]), sum(1 for where in study["plan"] if where in trials)
    state = "complete" if done >= planned else f"{done} of {planned} trials measured so far"
    return Report(
        title=study["name"],
        hash=folder.rsplit("-", 1)[-1],
        created=study["created_at"],
        state=state,
        answer=answer.answer(gains, cells),
        where=_where(study),
        findings=answer.findings(gains, cells, grid.load.think_time),
        headline=_headline(cells, trials),
        gains=_gain_tables(gains, cells),
        gain_plot=_gain_plot(gains),
        series=_series(cells, trials, grid.load.window_from_s, grid.load.duration),
        cells=_cell_table(cells),
        trials=_trial_table(study, trials),
        facts=_facts(study, summary, trials),
        thresholds=_threshold_table(grid.evidence),
        grid=yaml.safe_dump(study["configuration"]["grid"], sort_keys=False, allow_unicode=True, default_flow_style=None, width=100),
        nginx=study.get("environment", {}).get("nginx_configuration", "").strip(),
        notes=_notes(),
    )  # fmt: skip


def _where(study: dict[str, Any]) -> str:
    machine = study.get("environment", {}).get("machine")
    if study.get("kind") == "lab":
        on = f"one {machine['cores']}-core machine ({machine['cpu']})" if machine else "one machine"
        return (
            f"Measured in a Docker lab on {on}: it shows that the method works and how the topology behaves, "
            "not what a rented host would deliver."
        )
    return "Measured on the hosts of the inventory."


def _label(cell: CellSummary) -> str:
    return answer.load_name(cell.others)


def _headline(cells: list[CellSummary], trials: dict[str, TrialData]) -> Chart | None:
    rows = []
    for cell in cells:
        if cell.tps is not None:
            low, high = cell.tps.low, cell.tps.high
            rows.append(
                {"load": _label(cell), "servers": cell.servers, "tps": cell.tps.value, "low": low, "high": high, "label": False}
            )  # fmt: skip
    if not rows:
        return None
    for load in dict.fromkeys(row["load"] for row in rows):
        max((r for r in rows if r["load"] == load), key=lambda r: r["servers"])["label"] = True
    for row in rows:
        row["label"] = row["load"] if row["label"] else ""
    dots = [
        {
            "load": _record_load(data),
            "servers": data.record.cell["servers"],
            "tps": data.record.tps_mean,
            "trial": where,
        }
        for where, data in trials.items()
        if data.record.usable
    ]
    return Chart(
        "headline",
        {"cells": rows, "trials": dots, "ideals": _ideals(cells)},
        "Throughput by number of servers: "
        + "; ".join(f"{r['load']}, {text.count(r['servers'], 'server')}: {text.rate(r['tps'])} per second" for r in rows),
        "Mean successful requests per second in the steady window, by number of servers. Bars are 95 % intervals "
        "over trials, dots single trials, the dotted line is the linear ideal from the smallest saturated topology.",
    )  # fmt: skip


def _record_load(data: TrialData) -> str:
    return answer.load_name({name: level for name, level in data.record.cell.items() if name != "servers"})


def _ideals(cells: list[CellSummary]) -> list[dict[str, Any]]:
    """The linear ideal m · X(smallest) / m0, from the best saturated cell of the smallest topology."""
    saturated = [c for c in cells if c.tps and c.verdict == "server"]
    if not saturated:
        return []
    smallest = min(saturated, key=lambda c: (c.servers, -(c.tps.value if c.tps else 0)))
    per_server = (smallest.tps.value if smallest.tps else 0.0) / smallest.servers
    most = max(c.servers for c in cells)
    return [
        {"load": "ideal", "servers": m, "tps": m * per_server, "label": "linear ideal" if m == most else ""}
        for m in range(smallest.servers, most + 1)
    ]


def _gain_tables(gains: list[Gain], cells: list[CellSummary]) -> list[tuple[str, Table]]:
    verdicts = {(c.servers, answer.load_name(c.others)): c.verdict for c in cells}
    found: dict[str, list[Row]] = {}
    for gain in gains:
        load = answer.load_name(gain.others)
        sides = [verdicts.get((n, load), text.NOTHING) for n in (gain.from_servers, gain.to_servers)]
        efficiency = text.percent(gain.efficiency)
        word = gain.word + (f": {gain.reason}" if gain.reason else "")
        found.setdefault(load, []).append(
            [
                f"{gain.from_servers} → {gain.to_servers}",
                text.ratio(gain.ratio.value if gain.ratio else None),
                text.ratio_interval(gain.ratio),
                text.ratio(gain.step_ideal),
                f"≥ {efficiency}" if gain.kind == "floor" and gain.efficiency is not None else efficiency,
                text.ratio(gain.peak_ratio),
                str(gain.k),
                " → ".join(sides),
                word,
            ]
        )
    columns = [
        "servers",
        "gain",
        "95 % interval",
        "ideal",
        "efficiency",
        "peak gain",
        "k",
        "limited by",
        "what may be said",
    ]
    return [(f"At {load}", Table(columns, rows, (1, 2, 3, 4, 5, 6))) for load, rows in found.items()]


def _gain_plot(gains: list[Gain]) -> Chart | None:
    rows = [
        {
            "step": f"{answer.load_name(gain.others)}, {gain.from_servers} → {gain.to_servers}",
            "gain": gain.ratio.value,
            "low": gain.ratio.low,
            "high": gain.ratio.high,
            "ideal": gain.step_ideal,
            "speaks": gain.kind == "gain",
        }
        for gain in gains
        if gain.ratio is not None
    ]
    if not rows:
        return None
    said = "; ".join(f"{row['step']}: {text.ratio(row['gain'])}" for row in rows)
    return Chart(
        "gains", {"rows": rows}, f"Gains: {said}",
        "Gains with their 95 % intervals; the tick is the step's ideal, the line marks no gain. Grey ones say "
        "nothing about the servers alone.",
    )  # fmt: skip


def _series(
    cells: list[CellSummary], trials: dict[str, TrialData], from_s: float, to_s: float
) -> Chart | None:
    rows = []
    for where, data in trials.items():
        place = {
            "load": _record_load(data),
            "topology": text.count(int(data.record.cell["servers"]), "server"),
            "trial": where,
        }
        rows += [
            {**place, "t": s.t_s, "tps": s.completed, "failed": -s.failed if s.failed else None}
            for s in data.samples
        ]
    if not rows:
        return None
    order = {(_label(c), text.count(c.servers, "server")): i for i, c in enumerate(cells)}
    rows.sort(key=lambda row: (order.get((row["load"], row["topology"]), 0), row["trial"], row["t"]))
    rows.sort(key=lambda row: int(row["load"].split()[0]) if row["load"][0].isdigit() else 0)
    return Chart(
        "series", {"rows": rows, "window": (from_s, to_s)},
        "Requests per second over time, one panel for each cell, one line for each trial",
        "Successful requests per second, every trial a line; failures are drawn below the axis. Shaded: the steady "
        "window that means are taken from.",
    )  # fmt: skip


def _cell_table(cells: list[CellSummary]) -> Table:
    columns = [
        "cell",
        "TPS",
        "peak TPS",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "errors",
        "usable",
        "outcome",
        "limited by",
        "because",
    ]
    rows = [
        [
            answer.cell_name(cell),
            text.rate_interval(cell.tps),
            text.rate(cell.tps_peak),
            *(text.milliseconds(cell.latency_ms.get(p)) for p in ("p50", "p95", "p99")),
            text.percent(cell.error_rate, 1),
            f"{cell.usable} of {cell.trials}",
            cell.outcome.replace("_", " "),
            cell.verdict if cell.usable else text.NOTHING,
            cell.verdict_why if cell.usable else cell.cause,
        ]
        for cell in cells
    ]
    return Table(columns, rows, (1, 2, 3, 4, 5, 6, 7))


def _trial_table(study: dict[str, Any], trials: dict[str, TrialData]) -> Table:
    columns = [
        "#",
        "trial",
        "TPS",
        "peak",
        "errors",
        "p95 ms",
        "h",
        "outcome",
        "limited by",
        "what was noticed",
    ]
    rows = []
    known = [where for where in study["plan"] if where in trials]
    for where in [*known, *(w for w in trials if w not in study["plan"])]:
        record = trials[where].record
        noticed = "; ".join(f"{f['rule']} {f['cause']}" for f in record.findings) or record.cause
        rows.append(
            [
                str(record.block_position),
                where,
                text.rate(record.tps_mean, 0.5),
                text.rate(record.tps_peak, 0.5),
                text.percent(record.error_rate, 1),
                text.milliseconds(record.latency_ms.get("p95")),
                text.percent(record.figures.get("little_gap"), 1),
                record.outcome.replace("_", " "),
                record.verdict.get("limit", text.NOTHING),
                noticed,
            ]
        )
    return Table(columns, rows, (0, 2, 3, 4, 5, 6))


def _facts(study: dict[str, Any], summary: Summary, trials: dict[str, TrialData]) -> list[tuple[str, str]]:
    grid, environment = summary.grid, study.get("environment", {})
    machine, sizing = environment.get("machine", {}), study.get("sizing")
    overheads = sorted(d.record.overhead_s for d in trials.values() if d.record.overhead_s is not None)
    load = grid.load
    facts = [
        ("Load", f"closed loop: think time {load.think_time:g} s ± 50 %, ramp-up {load.ramp_up:g} s, trial {load.duration:g} s, "
                 f"timeout {load.timeout:g} s; steady window {load.window_from_s:g}–{load.duration:g} s; one kept-alive connection a user"),
        ("Order", f"{grid.repeats} randomised complete blocks, seed {study['seed']}; gains are paired by block"),
        ("Engine", f"Locust {environment.get('locust', '')}, latencies from merged HDR histograms (closed model)"),
        ("Balancer", environment.get("nginx", "").replace("nginx version: ", "")),
        ("Machine", f"{machine.get('cpu', '')}, {machine.get('cores', '')} cores, {machine.get('memory_gb', '')} GB, "
                    f"{machine.get('system', '')} {machine.get('kernel', '')}" if machine else ""),
        ("Versions", ", ".join(f"{n} {v}" for n, v in environment.get("packages", {}).items())
                     + (f", Docker {environment['docker']}, Python {environment['python']}" if environment else "")),
        ("Images", ", ".join(sorted(set(environment.get("images", {}).values())))),
        ("Lab", f"a server is sized to {sizing['capacity_per_s']:g}/s: {sizing['cpus']:.3f} CPU gave {sizing['measured_per_s']:g}/s "
                "in the probe" if sizing else ""),
        ("Program", environment.get("git", "")),
        ("Time", f"{text.duration(sum(r['duration_s'] for r in study['runs']))} in {text.count(len(study['runs']), 'run')}; "
                 f"between two loads {overheads[len(overheads) // 2]:.1f} s (median)" if overheads and study["runs"] else ""),
    ]  # fmt: skip
    return [(name, said) for name, said in facts if said.strip(" ,")]


def _threshold_table(limits: Thresholds) -> Table:
    changed = overridden(limits)
    rows = []
    for name, declared in Thresholds.model_fields.items():
        rule, _, words = (declared.description or "").partition(": ")
        value = f"{getattr(limits, name):g}"
        rows.append([rule, name, words, f"{value} (set in the grid)" if name in changed else value])
    return Table(["rule", "name", "what it bounds", "value"], rows, (3,))


def _notes() -> list[str]:
    return [
        "Throughput counts successful requests only: the expected status and a right body. Failed requests never do.",
        "A gain is exp(mean ln(larger / smaller)) over pairs of the same block; its interval is that of a paired t on "
        "the logs. Repeats are the unit, never seconds, which depend on each other. Each interval is 95 % by itself.",
        "Peak TPS is the largest mean of 10 consecutive seconds anywhere in a trial; a ratio of peaks is noisier "
        "than a ratio of means and stands in the table for comparison only.",
        "h is the share of users that Little's law cannot place: (N − L − X·Z) / N. A generator that keeps up has "
        "an h near 0.",
    ]  # fmt: skip

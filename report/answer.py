"""The answer in words that a manager understands, made from the data."""

from __future__ import annotations

from collections.abc import Sequence

from harness.findings import Finding
from harness.gains import Gain
from harness.summary import CellSummary
from harness.words import load_name
from report import format as text

STATEMENT_REPEATS = 5


def answer(gains: list[Gain], cells: list[CellSummary]) -> list[str]:
    """One sentence for each load, the largest load first; what is known when there is no gain at all."""
    loads: dict[str, list[Gain]] = {}
    for gain in gains:
        loads.setdefault(load_name(gain.others), []).append(gain)
    if not loads:
        return [_without_gains(cells)]
    ordered = sorted(loads.items(), key=lambda item: -int(item[1][0].others.get("vusers", 0)))
    return [_sentence(name, steps) for name, steps in ordered]


def _without_gains(cells: list[CellSummary]) -> str:
    usable = [cell for cell in cells if cell.tps is not None]
    if not cells or not usable:
        return "Nothing that was measured may be counted; the findings below say why."
    if len({cell.servers for cell in cells}) == 1:
        best = max(usable, key=lambda cell: cell.tps.value if cell.tps else 0.0)
        return (
            f"{text.count(best.servers, 'server')} answered {text.rate_interval(best.tps)} requests per second at "
            f"{load_name(best.others)}; with one topology there is no gain to tell."
        )
    return "No two topologies were measured at the same load, so there is no gain to tell."


def _sentence(load: str, steps: list[Gain]) -> str:
    clauses = [_clause(step, first=index == 0) for index, step in enumerate(steps)]
    few = min(step.k for step in steps)
    note = ""
    if any(step.kind in ("gain", "floor") for step in steps) and few < STATEMENT_REPEATS:
        note = f" (indicative: {text.count(few, 'repeat')} only)"
    return f"At {load} {'; '.join(clauses)}{note}."


def _who(step: Gain) -> str:
    if step.to_servers == step.from_servers + 1:
        return f"a {text.ordinal(step.to_servers)} server"
    return f"going from {step.from_servers} to {step.to_servers} servers"


def _clause(step: Gain, first: bool) -> str:
    who, gain, interval = _who(step), step.ratio, text.ratio_interval(step.ratio)
    shown = text.ratio(gain) + ("" if interval == text.NOTHING else f" {interval}")
    if step.kind == "none" or gain is None:
        return f"{who} could not be judged: {step.reason}"
    if step.kind == "not_measurable":
        if step.reason.startswith("no more load"):
            return f"{who} found no more load to serve"
        return f"what {who} brings is not measurable: {step.reason}"
    if gain.low is not None and gain.high is not None:
        if gain.high < 1:
            return f"{who} lowered throughput to {shown}"
        if gain.low <= 1:
            return f"{who} made no difference that could be told ({shown})"
    if step.kind == "floor":
        least = text.ratio(gain.low if gain.low is not None else gain.value)
        return f"{who} gave at least {least} the throughput: {step.reason.split(': ')[0]}"
    if step.word.endswith("baseline suspect"):
        return f"{who} gave {shown}, more than it ideally could: the smaller topology did worse than it should"
    of_ideal = text.percent(step.efficiency)
    if first:
        return f"{who} gave {shown} the throughput, {of_ideal} of ideal"
    return f"{who} gave {shown} more, {of_ideal} of its ideal {step.step_ideal:.4g}×"


def findings(gains: list[Gain], cells: list[CellSummary], think_s: float, whole: Sequence[Finding] = ()) -> list[str]:
    """At most five findings, ordered by weight, each with what to do; `whole` are those of the whole study."""
    found = [
        *_lost_cells(cells),
        *(f"{_capital(finding.cause)}. {_capital(finding.next_step)}." for finding in whole),
        *_too_little_load(gains, cells, think_s),
        *_next_limits(cells),
        *_noise(gains),
    ]
    return found[:5] or ["Every cell was measured and limited by what it should be."]


def cell_name(cell: CellSummary) -> str:
    """As in "2 servers at 1000 users"."""
    return f"{text.count(cell.servers, 'server')} at {load_name(cell.others)}"


def _lost_cells(cells: list[CellSummary]) -> list[str]:
    found = []
    for cell in cells:
        if cell.outcome == "missing":
            found.append(f"{cell_name(cell)}: not measured yet. Run the same command again.")
        elif not cell.usable:
            found.append(f"{cell_name(cell)}: {cell.outcome.replace('_', ' ')}. {_capital(cell.cause)}.")
        elif cell.outcome == "degraded":
            found.append(f"{cell_name(cell)} counts with a mark: {cell.cause}.")
    return found


def _too_little_load(gains: list[Gain], cells: list[CellSummary], think_s: float) -> list[str]:
    """How many users a step would need that found no load (asymptotic bound, 20 % above saturation)."""
    saturated = [c.tps.value / c.servers for c in cells if c.tps and c.usable and c.verdict == "server"]
    found = []
    for gain in gains:
        if gain.kind != "not_measurable" or not gain.reason.startswith("no more load"):
            continue
        advice = "Use more users or less think time to load it."
        if saturated:
            users = text.round_up(1.2 * gain.to_servers * max(saturated) * think_s, 100)
            advice = f"From about {users} users on it would be loaded."
        found.append(
            f"At {load_name(gain.others)} the step from {gain.from_servers} to {gain.to_servers} servers says nothing "
            f"about the servers: {gain.reason.split(': ', 1)[-1]}. {advice}"
        )
    return found


def _next_limits(cells: list[CellSummary]) -> list[str]:
    return [
        f"{cell_name(cell)} was limited by {cell.verdict}; the next limit is {cell.next_limit}: another server "
        "would find little more to do there."
        for cell in cells
        if cell.usable and cell.next_limit
    ]


def _noise(gains: list[Gain]) -> list[str]:
    wide = [g for g in gains if g.ratio and g.ratio.low and g.ratio.high and g.kind == "gain"]
    if not wide:
        return []
    worst = max(
        wide,
        key=lambda g: (g.ratio.high - g.ratio.low) / g.ratio.value if g.ratio and g.ratio.high and g.ratio.low else 0,
    )
    assert worst.ratio is not None  # noqa: S101 - filtered above
    half = ((worst.ratio.high or 0) - (worst.ratio.low or 0)) / 2 / worst.ratio.value
    if half < 0.1:
        return []
    return [f"The intervals are up to ±{text.percent(half)} wide. More repeats or longer trials make them narrower."]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]

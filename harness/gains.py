"""Cells and the gains between them, with the words they have earned. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import stats, verdict
from harness.results import TrialRecord
from harness.stats import Interval
from harness.thresholds import Thresholds
from harness.words import percent, servers


@dataclass(frozen=True)
class CellSummary:
    """One cell over its trials; `by_block` maps repeat → mean TPS of the usable ones."""

    cell: dict[str, Any]
    trials: int
    usable: int
    tps: Interval | None
    tps_peak: float | None
    latency_ms: dict[str, float | None]
    error_rate: float | None
    outcome: str
    cause: str
    verdict: str
    verdict_why: str
    next_limit: str
    of_users_bound: float | None
    by_block: dict[int, float]
    peaks: dict[int, float]

    @property
    def servers(self) -> int:
        return int(self.cell["servers"])

    @property
    def others(self) -> dict[str, Any]:
        """Levels of every factor but `servers`."""
        return {name: level for name, level in self.cell.items() if name != "servers"}


@dataclass(frozen=True)
class Gain:
    """From one topology to the next larger one at the same load. `ratio` is None when there is none.

    `kind` is "gain" (a statement about servers), "floor" (at least the interval's low end),
    "not_measurable" or "none"; `word` is what rule E17 allows to say.
    """

    others: dict[str, Any]
    from_servers: int
    to_servers: int
    ratio: Interval | None
    peak_ratio: float | None
    k: int
    kind: str
    word: str
    reason: str

    @property
    def step_ideal(self) -> float:
        return self.to_servers / self.from_servers

    @property
    def efficiency(self) -> float | None:
        """Gain / step ideal; of a floor its low end."""
        if self.ratio is None or self.kind not in ("gain", "floor"):
            return None
        value = self.ratio.low if self.kind == "floor" and self.ratio.low else self.ratio.value
        return value / self.step_ideal


def summarise(
    cell: Mapping[str, Any], records: Sequence[TrialRecord], histograms: Sequence[str], limits: Thresholds
) -> CellSummary:
    """Sum up one cell; `histograms` are those of the usable trials."""
    usable = [r for r in records if r.usable]
    by_block = {r.repeat: float(r.tps_mean) for r in usable if r.tps_mean}
    limit, why = verdict.of_cell([r.verdict.get("limit", "unknown") for r in usable])
    same = [r for r in usable if r.verdict.get("limit") == limit]
    bounds = [
        r.verdict["figures"]["of_users_bound"] for r in usable if r.verdict.get("figures", {}).get("of_users_bound")
    ]
    outcome, cause = _outcome(records)
    return CellSummary(
        cell=dict(cell),
        trials=len(records),
        usable=len(usable),
        tps=stats.mean_interval(list(by_block.values())) if by_block else None,
        tps_peak=max((r.tps_peak for r in usable if r.tps_peak), default=None),
        latency_ms=stats.percentiles_ms(stats.merged(histograms), limits.percentile_p99_samples),
        error_rate=_mean([r.error_rate for r in usable if r.error_rate is not None]),
        outcome=outcome,
        cause=cause,
        verdict=limit if usable else "unknown",
        verdict_why=why or (same[0].verdict.get("why", "") if same else ""),
        next_limit=next((r.verdict["next_limit"] for r in same if r.verdict.get("next_limit")), ""),
        of_users_bound=_mean(bounds),
        by_block=by_block,
        peaks={r.repeat: float(r.tps_peak) for r in usable if r.tps_peak},
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _outcome(records: Sequence[TrialRecord]) -> tuple[str, str]:
    """A cell is ok or degraded while trials are usable, else what most of its trials became."""
    if not records:
        return "missing", "no trial yet"
    usable = [r for r in records if r.usable]
    if usable:
        degraded = [r for r in usable if r.outcome == "degraded"]
        return ("degraded", degraded[0].cause) if degraded else ("ok", "")
    most = Counter(r.outcome for r in records).most_common(1)[0][0]
    return most, next(r.cause for r in records if r.outcome == most)


def all_gains(cells: Sequence[CellSummary], limits: Thresholds) -> list[Gain]:
    """Every step between neighbouring topologies at the same load, in the cells' order."""
    loads: dict[tuple[tuple[str, Any], ...], list[CellSummary]] = {}
    for cell in cells:
        loads.setdefault(tuple(cell.others.items()), []).append(cell)
    found = []
    for alike in loads.values():
        steps = sorted(alike, key=lambda cell: cell.servers)
        found += [between(a, b, limits) for a, b in itertools.pairwise(steps)]
    return found


def between(smaller: CellSummary, larger: CellSummary, limits: Thresholds) -> Gain:
    """The gain of one step, and what may be said of it (rules E15, E17, E18)."""
    blocks = sorted(smaller.by_block.keys() & larger.by_block.keys())
    ratio = None
    peak = None
    if blocks:
        pairs = [smaller.by_block[b] for b in blocks], [larger.by_block[b] for b in blocks]
        ratio = stats.gain(*pairs, needs=limits.interval_repeats)
        peaks = [b for b in blocks if b in smaller.peaks and b in larger.peaks]
        if peaks:
            peak = max(larger.peaks[b] for b in peaks) / max(smaller.peaks[b] for b in peaks)
    kind, reason = _attribution(smaller, larger, ratio)
    ideal = larger.servers / smaller.servers
    word = _word(kind, ratio, len(blocks), ideal, limits)
    return Gain(smaller.others, smaller.servers, larger.servers, ratio, peak, len(blocks), kind, word, reason)


def _attribution(smaller: CellSummary, larger: CellSummary, ratio: Interval | None) -> tuple[str, str]:
    """Whether the ratio speaks about servers (rule E18), and why not."""
    if smaller.outcome == "server_down" and larger.usable:
        return "none", f"{servers(smaller.servers)} went down, {larger.servers} carried it ({smaller.cause})"
    for cell in (smaller, larger):
        if not cell.usable:
            return "none", f"{servers(cell.servers)}: {cell.outcome.replace('_', ' ')} ({cell.cause})"
    if ratio is None:
        return "none", "no block holds a usable trial of both"
    if smaller.verdict == "users":
        share = f" ({percent(smaller.of_users_bound)} of what they can ask for)" if smaller.of_users_bound else ""
        return "not_measurable", (
            f"no more load to serve: {servers(smaller.servers)} already answered all that these users asked for{share}"
        )
    if smaller.verdict != "server":
        return (
            "not_measurable",
            f"{servers(smaller.servers)} was limited by {smaller.verdict}: {smaller.verdict_why}",
        )
    if larger.verdict == "users":
        share = f", to {percent(larger.of_users_bound)} of what they can ask for" if larger.of_users_bound else ""
        return (
            "floor",
            f"{servers(larger.servers)} served all that these users asked for{share}: this load cannot show more",
        )
    if larger.verdict != "server":
        return "floor", f"{servers(larger.servers)} were limited by {larger.verdict}, not by the servers"
    return "gain", f"next limit: {larger.next_limit}" if larger.next_limit else ""


def _word(kind: str, ratio: Interval | None, k: int, ideal: float, limits: Thresholds) -> str:
    """The word that rule E17 allows; below five repeats it is indicative."""
    if kind == "none" or ratio is None:
        return "no gain"
    if kind == "not_measurable":
        return "not measurable at this load"
    if ratio.low is None or ratio.high is None:
        return "too few repeats"
    if ratio.high < 1:
        word = "slower"
    elif ratio.low <= 1:
        word = "not told apart from 1"
    elif kind == "floor":
        word = "at least"
    elif ratio.high < ideal:
        word = "sub-linear"
    elif ratio.low > ideal:
        word = "baseline suspect"
    elif (ratio.high - ratio.low) / 2 <= limits.linear_width * ratio.value:
        word = "linear"
    else:
        word = "faster"
    return f"indicative: {word}" if k < limits.statement_repeats else word

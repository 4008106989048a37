"""The result of a search for one topology, and the sentence that reports it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.grid.load import RATE, VUSERS
from harness.grid.types import Levels
from harness.language import messages, tr
from harness.summarise.search.bracketing import Bracket
from harness.summarise.search.falling import FallingCurve
from harness.summarise.search.knee import LEAST, Estimate, Knee
from harness.words import grouped


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """One topology's saturation, and the largest load that meets the objectives; a `rate` has no knee.

    `saturation` are the probed loads around the knee. Blocks are measured at `users`, at most `most`. No probe from
    `invalid_from` on is usable; of a `rate` it is the smallest one that does not count for the objectives. `knee` and
    `users` are None without a usable probe. `objectives.low` is the largest load that met the objectives,
    `objectives.high` the smallest that missed them; `evidence` is that of the requests of these two probes. `loads` are
    those of blocks around the crossing of the objectives, as far as they are settled. `missed_below` are loads that
    missed the objectives below `objectives.low`. `falling` is None where throughput does not fall beyond its peak.
    """

    others: Levels
    saturation: Bracket
    knee: Knee | None
    users: int | None
    most: int
    invalid_from: int | None
    objectives: Bracket | None
    factor: str = VUSERS
    loads: tuple[float, ...] = ()
    evidence: tuple[str, str] = ("", "")
    missed_below: tuple[float, ...] = ()
    falling: FallingCurve | None = None

    @property
    def sentence(self) -> str:
        """What was found, without a full stop."""
        who = ", ".join(f"{name} {level}" for name, level in self.others.items())
        clauses = [_knee(self)] if self.factor == VUSERS else []
        if self.objectives is not None and (self.knee is not None or self.factor == RATE):
            clauses.append(_objectives(self, self.objectives))
        return f"{who}: {'; '.join(clauses)}"


def _objectives(result: SearchResult, bracket: Bracket) -> str:
    """The loads at which single probes met and missed the objectives, their evidence, and the loads of blocks."""
    met, missed = bracket.low, bracket.high
    evidence = [f" ({text})" if text else "" for text in result.evidence]
    text = (
        tr("objectives are met up to {load}{evidence}", load=_load(result, met), evidence=evidence[0])
        if met is not None
        else tr(_NEVER_MET)
    )
    text += (
        tr(", missed at {load}{evidence}", load=_load(result, missed), evidence=evidence[1])
        if missed is not None
        else ""
    )
    if result.factor == RATE and result.invalid_from is not None:
        text += tr(", unknown at {load}, whose probe does not count", load=_load(result, result.invalid_from))
    if result.missed_below:
        below = ", ".join(_load(result, load) for load in result.missed_below)
        text += tr("; probes at {below} missed them, below loads that met them", below=below)
    if result.loads:
        text += tr(
            "; their crossing is measured in blocks at {listed}",
            listed=", ".join(_load(result, load) for load in result.loads),
        )
    return text


_NEVER_MET = messages("no probed load meets the objectives")


def _load(result: SearchResult, load: float) -> str:
    return f"{grouped(load)}/s" if result.factor == RATE else tr("{number} users", number=round(load))


def _knee(result: SearchResult) -> str:
    """The knee of throughput, and the load of the blocks."""
    knee = result.knee
    if knee is None or result.users is None:
        return tr("no probe is usable")
    limit = (
        tr("the largest load of the search")
        if result.invalid_from is None
        else tr(
            "the largest load with a usable probe, as none is usable from {load} on",
            load=_load(result, result.invalid_from),
        )
    )
    if not knee.level:
        return tr(
            "throughput still grows at {load} ({per_s}/s), {limit}; blocks are measured there, perhaps "
            "below saturation",
            load=_load(result, result.users),
            per_s=_per_s(knee.rate),
            limit=limit,
        )
    rate = knee.rate_estimate
    level = f"{_per_s(rate.value)}/s{_interval(rate, _per_s)}"
    if not knee.rising:
        text = tr(
            "throughput does not grow from {load} on, where the search began ({level})",
            load=_load(result, knee.users),
            level=level,
        )
        bounded = f", {limit}" if result.users == result.most else ""
        return tr(
            "{text}; blocks are measured at {load}{bounded}",
            text=text,
            load=_load(result, result.users),
            bounded=bounded,
        )
    if result.falling is not None:
        return _falling(result, knee, result.users, result.falling)
    return _bracketed(result, knee, result.users, level, limit)


def _falling(result: SearchResult, knee: Knee, block_users: int, curve: FallingCurve) -> str:
    """The sentence for throughput that falls beyond its peak."""
    text = tr(
        "throughput peaks at {per_s}/s near {load} and falls to {per_s_2}/s at {last_users} "
        "({probes} probes); blocks are measured at {load}",
        per_s=_per_s(curve.rate),
        load=_load(result, curve.users),
        per_s_2=_per_s(curve.last_rate),
        last_users=curve.last_users,
        probes=knee.probes,
    )
    more = tr(" and at {load}, as the peak may be load-limited", load=_load(result, block_users))
    return text + (more if block_users != curve.users else "")


def _bracketed(result: SearchResult, knee: Knee, block_users: int, level: str, limit: str) -> str:
    """The sentence for a knee with probes on both sides."""
    users, times = knee.users_estimate, block_users / knee.users
    text = tr(
        "throughput grows up to {load}{interval} and stays at {level} above ({probes} probes",
        load=_load(result, users.value),
        interval=_interval(users, "{:,.0f}".format),
        level=level,
        probes=knee.probes,
    )
    if users.low is None:
        text += tr(
            ", {rising} of them below and {level} above: too few for an interval",
            rising=len(knee.rising),
            level=len(knee.level),
        )
    text += tr(
        "); blocks are measured at {load}, {times:.2f} times as many", load=_load(result, block_users), times=times
    )
    if block_users < knee.saturating_users and times < LEAST:
        text += tr(" and {limit}: perhaps below saturation", limit=limit)
    return text


def _interval(found: Estimate, written: Callable[[float], str]) -> str:
    return "" if found.low is None or found.high is None else f" [{written(found.low)}, {written(found.high)}]"


def _per_s(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"

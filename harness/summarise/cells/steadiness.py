"""Steadiness of a cell: drift of throughput and of latency over all trials (rule E10). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.records.trial import Figures, TrialRecord
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval
from harness.words import percent


def drift(usable: Sequence[TrialRecord]) -> Interval | None:
    """Throughput of the window's second half relative to its first, over trials; None without trials."""
    return _over_trials(usable, lambda figures: figures.drift)


def latency_drift(usable: Sequence[TrialRecord]) -> Interval | None:
    """The same of the mean latency: throughput at its maximum is steady while the queue still grows."""
    return _over_trials(usable, lambda figures: figures.latency_drift)


def _over_trials(usable: Sequence[TrialRecord], figure: Callable[[Figures], float | None]) -> Interval | None:
    logs = [value for r in usable if r.figures and (value := figure(r.figures)) is not None]
    if not logs:
        return None
    over = intervals.mean_interval(logs)
    ends = [None if end is None else math.exp(end) for end in (over.low, over.high)]
    return Interval(math.exp(over.value), *ends)


def beyond(change: Interval | None, limit: float) -> bool:
    """Whether the whole interval of a change lies outside 1 ± `limit`; never without an interval."""
    if change is None or change.low is None or change.high is None:
        return False
    return change.high < 1 - limit or change.low > 1 + limit


def unsteady(change: Interval | None, usable: Sequence[TrialRecord], limits: Thresholds) -> str:
    """E10: the cause that makes a cell invalid as it is not steady; empty for a steady one."""
    if change is None or change.low is None or change.high is None or not beyond(change, limits.drift):
        return ""
    return tr(
        "not steady: from the first to the second half of the window throughput changed by {percent} "
        "[{low}, {high}]; {settles}",
        percent=percent(change.value - 1, 1),
        low=percent(change.low - 1, 1),
        high=percent(change.high - 1, 1),
        settles=_settles(usable),
    )


def unsteady_latency(change: Interval | None, limits: Thresholds) -> str:
    """E10: how latencies that are not steady changed, as a predicate; empty for steady ones.

    Two trials have no interval: their mean counts instead.
    """
    if change is None:
        return ""
    whole = change if change.low is not None else Interval(change.value, change.value, change.value)
    if not beyond(whole, limits.latency_drift):
        return ""
    how = tr("rose") if change.value > 1 else tr("fell")
    return tr(
        "{how} by {abs} from the first to the second half of the window", how=how, abs=percent(abs(change.value - 1))
    )


def _settles(usable: Sequence[TrialRecord]) -> str:
    """The fix: by how much the window should begin later, by the trials' own truncation points (MSER) where known."""
    cuts = sorted(r.figures.steady_from_s for r in usable if r.figures and r.figures.steady_from_s is not None)
    late = [
        r.figures.steady_from_s - r.window.from_s for r in usable if r.figures and r.figures.steady_from_s and r.window
    ]
    more = max(late, default=0)
    if not cuts or more <= 0:
        return tr("make ramp_up and duration longer")
    return tr(
        "its trials are steady from second {cuts} on: make ramp_up and duration {more:.0f} s longer",
        cuts=cuts[-1],
        more=more,
    )

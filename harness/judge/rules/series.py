"""Verify that the series are complete and the window is steady: rules E3 and E10."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.grid.thresholds import Thresholds
from harness.judge import figures
from harness.judge.observation import Observation
from harness.language import Sentence, sentence
from harness.records.findings import Finding, Severity
from harness.words import percent


def whole(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E3: the series has each second exactly once, and no generator process was lost."""
    seconds = [s.t_s for s in seen.samples]
    last = max(seconds, default=-1)
    gaps = sorted(set(range(last + 1)) - set(seconds))
    if not seconds or gaps or len(set(seconds)) < len(seconds) or last + 1 < seen.window_to_s - 1:
        yield Finding.of(
            rule="E3",
            severity=Severity.INVALID,
            cause=_incomplete(seconds, gaps),
            next_step=sentence("repeat the trial"),
            figure=len(gaps),
            threshold=0,
        )
    if seen.lost_workers:
        yield Finding.of(
            rule="E3",
            severity=Severity.INVALID,
            cause=sentence("{count} generator processes were lost", count=seen.lost_workers),
            next_step=sentence("check the generator's log"),
            figure=seen.lost_workers,
            threshold=0,
        )


def _incomplete(seconds: Sequence[int], gaps: Sequence[int]) -> Sentence:
    if not seconds:
        return sentence("the series is incomplete: it is empty")
    if gaps:
        missing = [str(second) for second in gaps[:5]]
        return sentence("the series is incomplete: seconds [{seconds}] are missing", seconds=missing)
    return sentence(
        "the series is incomplete: the series has {rows} rows up to second {last}", rows=len(seconds), last=max(seconds)
    )


def readings(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E3 for hosts: without CPU readings the bottleneck is unknown."""
    begin, end = seen.window_from_s, seen.window_to_s
    counts = Counter(h.host for h in seen.hosts if begin <= h.t_s <= end)
    # A server that fails by plan is read until then; its last second may have no reading.
    spans = {host: (seen.calm_to_s - 1 if host in seen.stopped else end) - begin for host in seen.caps}
    poorest = min((counts[host] / max(spans[host], 1) for host in seen.caps), default=1.0)
    silent = [host for host in seen.caps if counts[host] < limits.readings * spans[host]]
    if silent and not seen.died:
        yield Finding.of(
            rule="E3",
            severity=Severity.WARNING,
            cause=sentence(
                "the CPU usage of {hosts} was read in fewer than {share} of the seconds",
                hosts=silent,
                share=percent(limits.readings),
            ),
            next_step=sentence(
                "check `docker stats` on that host; study.py doctor finds problems of the container engine"
            ),
            figure=poorest,
            threshold=limits.readings,
        )


def steady(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E10 for one trial: a note only, because healthy short trials drift too. Cells are judged over their trials."""
    drift = figures.drift(seen)
    change = None if drift is None else math.expm1(drift)  # a share, as a cell's is
    if change is not None and abs(change) > limits.drift:
        yield Finding.of(
            rule="E10",
            severity=Severity.NOTE,
            cause=sentence(
                "throughput changed by {change} from the first to the second half of the window",
                change=percent(change, 1),
            ),
            next_step=sentence(
                "none, unless the cell's other trials change the same way; then use a longer ramp_up or duration"
            ),
            figure=change,
            threshold=limits.drift,
        )

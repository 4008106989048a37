"""Verify that the series are complete and the window is steady: rules E3 and E10."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import figures
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity
from harness.words import percent


def whole(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E3: the series has each second exactly once, and no generator process was lost."""
    seconds = [s.t_s for s in seen.samples]
    last = max(seconds, default=-1)
    gaps = sorted(set(range(last + 1)) - set(seconds))
    if not seconds or gaps or len(set(seconds)) < len(seconds) or last + 1 < seen.window_to_s - 1:
        what = f"seconds {gaps[:5]} are missing" if gaps else f"the series has {len(seconds)} rows up to second {last}"
        if not seconds:
            what = "it is empty"
        yield Finding(
            rule="E3",
            severity=Severity.INVALID,
            cause=f"the series is incomplete: {what}",
            next_step="repeat the trial",
            figure=len(gaps),
            threshold=0,
        )
    if seen.lost_workers:
        yield Finding(
            rule="E3",
            severity=Severity.INVALID,
            cause=f"{seen.lost_workers} generator processes were lost",
            next_step="check the generator's log",
            figure=seen.lost_workers,
            threshold=0,
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
        yield Finding(
            rule="E3",
            severity=Severity.WARNING,
            cause=f"the CPU usage of {', '.join(silent)} was read in fewer than {percent(limits.readings)} of the "
            "seconds",
            next_step="check `docker stats` on that host; study.py doctor finds problems of the container engine",
            figure=poorest,
            threshold=limits.readings,
        )


def steady(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E10 for one trial: a note only, because healthy short trials drift too. Cells are judged over their trials."""
    drift = figures.drift(seen)
    change = None if drift is None else math.expm1(drift)  # a share, as a cell's is
    if change is not None and abs(change) > limits.drift:
        yield Finding(
            rule="E10",
            severity=Severity.NOTE,
            cause=f"throughput changed by {percent(change, 1)} from the first to the second half of the window",
            next_step="none, unless the cell's other trials change the same way; then use a longer ramp_up or duration",
            figure=change,
            threshold=limits.drift,
        )

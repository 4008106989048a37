"""Whether the windows of equal trials show a steady state: a warm-up within the window hides the capacity. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.summarise.capacity.counts import Count, grouped
from harness.summarise.statistics.intervals import t_quantile

LEAST_TRIALS = 3  # of a load: the spread of others is no measure of one that is nearer to saturation
LEAST_NEAR = 6  # trials with requests over the objective: fewer fall by chance alone
LEAST_CHANGE = math.log(0.8)  # of the mean response time, from the window's first half to its second


def still_falling(counts: Sequence[Count]) -> float | None:
    """The change of the mean response time at the load where it falls most, as a ratio; None where it does not fall.

    It falls where the mean of ln(second half / first half) over the trials of one load is below zero by more than its
    interval, and by more than a fifth. The interval has the common spread of all loads, and is simultaneous over them.
    A window that begins before the queue is full does the opposite, which is no warm-up.

    Where loads move from block to block, none has enough trials. So the trials with some requests late are also one
    group, with the spread of their own: near the objective a steady queue grows as often as it falls.
    """
    known = [count for count in grouped(counts) if count.latency_drift is not None]
    loads = np.array([count.load for count in known])
    drifts = np.array([count.latency_drift for count in known], dtype=float)
    names = sorted(set(loads.tolist()))
    freedom = len(known) - len(names)
    if freedom < 2:
        return None
    means = {load: float(drifts[loads == load].mean()) for load in names}
    squares = sum(float(((drifts[loads == load] - mean) ** 2).sum()) for load, mean in means.items())
    falling = []
    for load, mean in means.items():
        trials = int((loads == load).sum())
        if trials < LEAST_TRIALS:
            continue
        half = t_quantile(freedom, len(names)) * math.sqrt(squares / freedom / trials)
        falling += [mean] if mean < LEAST_CHANGE and mean + half < 0 else []
    some = np.array([0 < count.late < count.requests for count in known])
    if some.sum() >= LEAST_NEAR:
        mean, error = float(drifts[some].mean()), float(drifts[some].std(ddof=1)) / math.sqrt(some.sum())
        falling += [mean] if mean < LEAST_CHANGE and mean + t_quantile(some.sum() - 1) * error < 0 else []
    return math.exp(min(falling)) if falling else None

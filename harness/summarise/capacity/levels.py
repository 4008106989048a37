"""The loads whose trials alone show that an objective is met or missed: the pooled share of requests over. Pure.

Two intervals must agree, because each alone fails somewhere. The first takes requests as independent: C. J. Clopper and
E. S. Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial", Biometrika 26 (1934).
It decides where nothing is over, as for errors. The second follows from the spread between equal trials, as requests of
one window depend on each other: a t interval of the ratio of two sums over trials: W. G. Cochran, "Sampling Techniques"
(1977), chapter 6. Loads with comparable shares pool their spread. Both are simultaneous over the loads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.summarise.capacity import by_objective
from harness.summarise.capacity import counts as counting
from harness.summarise.capacity.counts import Count
from harness.summarise.statistics.intervals import Array, t_quantile

CLEARLY = 0.8  # of the allowed share: where more are over, more requests may never decide
LEAST_TRIALS = 3  # of a load, where the study has as many blocks: fewer near the objective may lie there by chance
OVERLOAD = 10  # multiples of the allowed share, with which a single trial is evidence if no larger load has fewer
COMPARABLE = 3  # multiples of the allowed share: loads below have comparable spreads


@dataclass(frozen=True, kw_only=True)
class Level:
    """The trials of one load: `share` over the objective in all their requests, with the interval `low` to `high`.

    `most` is the largest of the nearly equal loads, of which `load` is the least (`counts.grouped`). `decides`: whether
    it has enough trials for its distance from the objective.
    """

    load: float
    most: float
    requests: int
    over: int
    low: float
    high: float
    decides: bool = True

    @property
    def share(self) -> float:
        """The share of requests over the objective."""
        return self.over / self.requests


@dataclass(frozen=True)
class Levels:
    """The levels of one topology, by load; `allowed` is the share that may be over."""

    by_load: Sequence[Level]
    allowed: float

    @property
    def far(self) -> Levels:
        """The same, of which only loads far from the objective decide: on a flat curve others may differ by chance."""
        least, most = self.allowed / COMPARABLE, self.allowed * COMPARABLE
        return Levels(
            [replace(each, decides=each.decides and not least < each.share < most) for each in self.by_load],
            self.allowed,
        )

    @property
    def met(self) -> list[float]:
        """The loads whose whole interval meets the objective."""
        return [level.load for level in self.by_load if level.decides and level.high <= self.allowed]

    @property
    def missed(self) -> list[float]:
        """The loads whose whole interval misses it."""
        return [level.most for level in self.by_load if level.decides and level.low > self.allowed]

    @property
    def too_few(self) -> tuple[int, int] | None:
        """Requests of the load nearest to a decision, and how many it needs with no more over; None if others decide.

        Only where a load has clearly fewer over than allowed: otherwise more requests show nothing by themselves.
        """
        if self.met or self.missed:
            return None
        open_ = [level for level in self.by_load if level.share <= CLEARLY * self.allowed]
        needed = [counting.requests_needed(level.over, self.allowed, _confidence(len(self.by_load))) for level in open_]
        pairs = [(level.requests, most) for level, most in zip(open_, needed, strict=True) if most is not None]
        short = [(requests, most) for requests, most in pairs if requests < most]
        return max(short, key=lambda pair: pair[0] / pair[1]) if short else None


def levels(counts: Sequence[Count], objective: str, allowed: float) -> Levels:
    """The levels of these trials, which all have requests."""
    grouped = counting.grouped(counts)
    loads, written = np.array([count.load for count in grouped]), np.array([count.load for count in counts])
    requests = np.array([count.requests for count in counts], dtype=float)
    over = np.array([by_objective.over(count, objective) for count in counts], dtype=float)
    names = sorted(set(loads.tolist()))
    share = {load: float(over[loads == load].sum() / requests[loads == load].sum()) for load in names}
    # Of each trial: how far its requests over are from its load's share, in requests of a mean trial.
    residual = {
        load: (over[loads == load] - share[load] * requests[loads == load]) / requests[loads == load].mean()
        for load in names
    }
    repeats = len({count.block for count in counts})
    found = []
    for load in names:
        alike = [other for other in names if other == load or max(share[other], share[load]) <= COMPARABLE * allowed]
        total, late = int(requests[loads == load].sum()), int(over[loads == load].sum())
        low, high = _exact(total, late, len(names))
        half = _half_width([residual[other] for other in alike], len(residual[load]), len(names))
        found.append(
            Level(
                load=load,
                most=float(written[loads == load].max()),
                requests=total,
                over=late,
                low=min(low, share[load] - half),
                high=max(high, share[load] + half),
                decides=repeats < LEAST_TRIALS
                or len(residual[load]) >= LEAST_TRIALS
                or share[load] <= allowed / COMPARABLE
                or all(share[other] >= allowed * OVERLOAD for other in names if other >= load),
            )
        )
    return Levels(found, allowed)


def _confidence(statements: int) -> float:
    """One-sided level of one of simultaneous two-sided 95 % intervals (Bonferroni)."""
    return 1 - 0.025 / statements


def _exact(requests: int, over: int, statements: int) -> tuple[float, float]:
    """The interval for independent requests."""
    from scipy import special  # here, because loading it takes a second that a start should not

    tail = 1 - _confidence(statements)
    low = float(special.betaincinv(over, requests - over + 1, tail)) if over else 0.0
    high = float(special.betaincinv(over + 1, requests - over, 1 - tail)) if over < requests else 1.0
    return low, high


def _half_width(residuals: Sequence[Array], trials: int, statements: int) -> float:
    """Half width by the spread of comparable trials; 0 where there are too few of them."""
    everything = np.concatenate(residuals)
    freedom = len(everything) - len(residuals)
    if freedom < 2:
        return 0.0
    variance = float((everything**2).sum()) / freedom
    return t_quantile(freedom, statements) * math.sqrt(variance / trials)

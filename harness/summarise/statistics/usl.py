"""Scalability: the growth of throughput with the number of servers (rule E19). Pure.

The Universal Scalability Law X(m) = λ·m / (1 + σ(m − 1) + κ·m(m − 1)) has contention σ and coherency
κ: Gunther, "Guerrilla Capacity Planning" (2007), chapters 4 to 6. With three parameters it fits any
three topologies, so it is fitted to six or more only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.summarise.statistics.intervals import Interval

TOPOLOGIES = 6
MOST_SIGMA, MOST_KAPPA = 1.0, 1.0
PINNED = 1e-6
MOST_STEPS, LEAST_PART = 200, 1e-10  # of Newton's method, and of one of its steps
LEAST_GAIN = 1e-16  # of one step, as a share of the squares
LEAST_CURVATURE, TINY = 1e-9, 1e-300  # the first is relative to the diagonal

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class UslFit:
    """λ in requests per second, σ and κ without unit, each with its profile interval.

    `not_identifiable` names the parameters that lie on a bound. `next` predicts the throughput of `next_servers`
    servers. Throughput is largest at `peak_servers`; None where it has no peak.
    """

    rate: Interval
    sigma: Interval
    kappa: Interval
    not_identifiable: tuple[str, ...]
    next_servers: int
    next: Interval
    peak_servers: float | None


def efficiency(rate: float, servers: int, smallest_rate: float, smallest: int) -> float:
    """E(m) = X(m) / (m · X(1)), relative to the smallest topology."""
    return rate / servers / (smallest_rate / smallest)


def karp_flatt(speedup: float, servers: float) -> float | None:
    """Serial fraction e = (1/S − 1/m) / (1 − 1/m); None for one server.

    Karp and Flatt, "Measuring Parallel Processor Performance", CACM 33 (1990). A fraction that grows
    with m indicates overhead, a constant one a serial part.
    """
    return None if servers <= 1 or speedup <= 0 else (1 / speedup - 1 / servers) / (1 - 1 / servers)


@dataclass(frozen=True)
class EfficiencyProfile:
    """Scalability without a fit: efficiency E(m) and serial fraction by number of servers.

    An efficiency has no `low` and `high` where its interval is unknown. `baseline_suspect` is set where the serial
    fraction falls: neither contention nor coherency explains that, so the smallest topology was measured too high, or
    all is noise.
    """

    efficiency: dict[int, Interval]
    serial_fraction: dict[int, float]
    baseline_suspect: bool


def efficiency_profile(
    rates: Mapping[int, float], intervals: Mapping[int, tuple[float, float]] | None = None
) -> EfficiencyProfile | None:
    """E(m) and Karp–Flatt of mean rates by number of servers; None below two topologies.

    With the `intervals` of the rates the fraction falls only if it does so for all rates within them.
    """
    if len(rates) < 2:
        return None
    smallest = min(rates)
    of = {m: efficiency(rate, m, rates[smallest], smallest) for m, rate in sorted(rates.items()) if m > smallest}
    fractions = {m: karp_flatt(e * m / smallest, m / smallest) for m, e in of.items()}
    serial = {m: fraction for m, fraction in fractions.items() if fraction is not None}
    falls = _falls(serial) if intervals is None else _falls_for_all(intervals)
    return EfficiencyProfile({m: Interval(e) for m, e in of.items()}, serial, falls)


def _falls(serial: Mapping[int, float]) -> bool:
    return any(b < a - 0.01 for a, b in itertools.pairwise(serial.values()))


def _falls_for_all(spans: Mapping[int, tuple[float, float]]) -> bool:
    """Whether the serial fraction falls for all rates within their intervals."""
    if not spans:
        return False
    smallest = min(spans)
    low, high = spans[smallest]
    ends = []
    for m, (least, most) in sorted(spans.items()):
        if m > smallest:
            size = m / smallest
            ends.append((karp_flatt(most / low, size), karp_flatt(least / high, size)))
    pairs = itertools.pairwise(ends)
    return any(a is not None and b is not None and b < a for (a, _), (_, b) in pairs)


def fit(rates: Mapping[int, Sequence[float]]) -> UslFit | None:
    """Fit the law to the trials' rates by number of servers, on logarithms.

    None below six topologies or without degrees of freedom for the noise. Intervals are profile intervals:
    all values of a parameter for which the best fit of the others is not significantly worse
    (F test, 95 %): Bates and Watts, "Nonlinear Regression Analysis" (1988), chapter 6.
    """
    m = np.array([servers for servers, values in rates.items() for _ in values], dtype=float)
    y = np.log([rate for values in rates.values() for rate in values])
    if len(rates) < TOPOLOGIES or len(y) <= 3:
        return None
    following = max(rates) + 1
    profile = _Profile(m, y, float(following))
    best, least = profile.minimise({})
    from scipy import special  # not scipy.stats, which takes a second more to load

    allowed = least * (1 + float(special.fdtri(1, len(y) - 3, 0.95)) / (len(y) - 3))
    at_next, sigma, kappa = (profile.interval(i, best, allowed) for i in range(3))
    # λ is the throughput of one server, so the same profile with one server as its reference.
    one = _Profile(m, y, 1.0)
    start, _ = one.minimise({})
    rate = one.interval(0, start, allowed)
    bounds = {"σ": (best[1], MOST_SIGMA), "κ": (best[2], MOST_KAPPA)}
    not_identifiable = tuple(name for name, (value, most) in bounds.items() if value < PINNED or value > most - PINNED)
    # Only where κ is significant: a κ that may be 0 has no peak.
    peak = math.sqrt((1 - best[1]) / best[2]) if kappa[0] >= PINNED and best[1] < 1 else None
    return UslFit(
        rate=_exp(rate, start[0]),
        sigma=Interval(best[1], *sigma),
        kappa=Interval(best[2], *kappa),
        not_identifiable=not_identifiable,
        next_servers=following,
        next=_exp(at_next, best[0]),
        peak_servers=peak,
    )


def _exp(ends: tuple[float, float], value: float) -> Interval:
    return Interval(math.exp(value), math.exp(ends[0]), math.exp(ends[1]))


class _Profile:
    """Sum of squares of ln X over (ln X at the reference, σ, κ)."""

    def __init__(self, m: Array, y: Array, reference: float) -> None:
        servers, group, self._count = np.unique(m, return_inverse=True, return_counts=True)
        self._mean = np.bincount(group, y) / self._count
        self._within = float(((y - self._mean[group]) ** 2).sum())
        self._trials = len(y)
        # ln D = ln(1 + σ(m − 1) + κ·m(m − 1)) has the gradient (m − 1, m(m − 1)) / D.
        self._terms = np.stack([servers - 1, servers * (servers - 1)])
        self._at = np.array([reference - 1, reference * (reference - 1)])
        self._linear = self._mean - np.log(servers / reference)
        self._low = np.array([-np.inf, 0.0, 0.0])
        self._high = np.array([np.inf, MOST_SIGMA, MOST_KAPPA])

    def minimise(self, fixed: Mapping[int, float]) -> tuple[list[float], float]:
        """Return the best parameters with some of them `fixed` (index → value), and their sum of squares."""
        # Several starting points: with κ at 0 the surface is flat in σ, and a single one may stay there.
        found = [self._from(np.array(start), fixed) for start in ((0.02, 0.0005), (0.2, 0.01), (0.0, 0.0))]
        best, least = min(found, key=lambda each: each[1])
        return best, self._within + least

    def _from(self, shape: Array, fixed: Mapping[int, float]) -> tuple[list[float], float]:
        """A local minimum over σ and κ from a start, and its squares; ln X at the reference follows from them.

        Projected Newton steps: D. P. Bertsekas, "Projected Newton Methods for Optimization Problems with Simple
        Constraints", SIAM Journal on Control and Optimization 20 (1982). Parameters on a bound that the gradient
        points across are fixed for one step, and steps that do not reduce the squares are halved.
        """
        shape = np.array([fixed.get(i, value) for i, value in enumerate(shape, 1)])
        at = fixed.get(0)
        squares = self._squares(shape, at)
        for _ in range(MOST_STEPS):
            gradient, hessian, gauss = self._derivatives(shape, at)
            free = [
                i
                for i in (0, 1)
                if i + 1 not in fixed
                and not (shape[i] <= 0 < gradient[i] or (shape[i] >= self._high[i + 1] and gradient[i] < 0))
            ]
            if not free:
                break
            rows = np.ix_(free, free)
            step = _newton_step(gradient[free], hessian[rows], gauss[rows])
            if -float(gradient[free] @ step) <= LEAST_GAIN * squares:
                break
            part, before = 1.0, squares
            while part > LEAST_PART:
                tried = shape.copy()
                tried[free] = np.minimum(np.maximum(shape[free] + part * step, 0.0), self._high[1:][free])
                squares = self._squares(tried, at)
                if squares < before:
                    break
                part /= 2
            if not squares < before:
                squares = before
                break
            shape = tried
        log_at = self._offset(shape) if at is None else at
        return [log_at, float(shape[0]), float(shape[1])], squares

    def _offset(self, shape: Array) -> float:
        """The best ln X at the reference."""
        return float((self._count * self._from_reference(shape)).sum()) / self._trials

    def _from_reference(self, shape: Array) -> Array:
        """Ln X at the reference by each topology's mean alone."""
        logs: Array = self._linear + np.log1p(shape @ self._terms) - math.log1p(float(shape @ self._at))
        return logs

    def _squares(self, shape: Array, at: float | None) -> float:
        """The weighted sum of squares of the means' residuals, with the best ln X at the reference if `at` is None."""
        rest = self._from_reference(shape)
        middle = float((self._count * rest).sum()) / self._trials if at is None else at
        return float((self._count * (rest - middle) ** 2).sum())

    def _derivatives(self, shape: Array, at: float | None) -> tuple[Array, Array, Array]:
        """Gradient and Hessian of half the squares, and the part of the Hessian without second derivatives."""
        slopes = self._terms / (1 + shape @ self._terms)
        slope_at = self._at / (1 + shape @ self._at)
        rest = self._from_reference(shape)
        rest = rest - (float((self._count * rest).sum()) / self._trials if at is None else at)
        weighted = self._count * rest
        rising = slopes - slope_at[:, None]
        if at is None:
            rising = rising - ((self._count * rising).sum(axis=1) / self._trials)[:, None]
        bent = -(weighted * slopes) @ slopes.T + weighted.sum() * np.outer(slope_at, slope_at)
        gauss = (rising * self._count) @ rising.T
        return rising @ weighted, gauss + bent, gauss

    def interval(self, index: int, best: Sequence[float], allowed: float) -> tuple[float, float]:
        """Ends of one parameter's profile interval, truncated at its bounds."""

        def worse(value: float) -> float:
            return self.minimise({index: value})[1] - allowed

        return (
            self._end(worse, best[index], float(self._low[index]), -1, index),
            self._end(worse, best[index], float(self._high[index]), 1, index),
        )

    @staticmethod
    def _end(worse: Callable[[float], float], start: float, bound: float, side: int, index: int) -> float:
        from scipy import optimize

        step = (0.02, 0.01, 0.0005)[index]
        inside = start
        while True:
            outside = inside + side * step
            if (outside - bound) * side >= 0:
                if worse(bound) <= 0:
                    return bound
                outside = bound
            if worse(outside) > 0:
                return float(optimize.brentq(worse, inside, outside, xtol=1e-7))
            inside, step = outside, step * 2


def _newton_step(gradient: Array, hessian: Array, gauss: Array) -> Array:
    """The step to the minimum of the quadratic; by Gauss and Newton's matrix where the Hessian has none."""
    for matrix in (hessian, gauss):
        scale = matrix.diagonal()
        if scale.min(initial=1.0) <= 0:
            continue
        if len(scale) < 2:
            single: Array = -gradient / scale
            return single
        (a, b), (_, d) = matrix.tolist()
        determinant = a * d - b * b
        if determinant > LEAST_CURVATURE * a * d:
            x, y = gradient.tolist()
            return np.array([b * y - d * x, b * x - a * y]) / float(determinant)
    careful: Array = -gradient / (np.abs(gauss.diagonal()) + TINY)
    return careful

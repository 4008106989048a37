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
    from scipy import stats

    allowed = least * (1 + float(stats.f.ppf(0.95, 1, len(y) - 3)) / (len(y) - 3))
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
        self._m, self._y, self._reference = m, y, reference
        self._low = np.array([-np.inf, 0.0, 0.0])
        self._high = np.array([np.inf, MOST_SIGMA, MOST_KAPPA])

    def _residuals(self, parameters: Array) -> Array:
        at, sigma, kappa = parameters
        grown = _log_growth(self._m, sigma, kappa) - _log_growth(np.array([self._reference]), sigma, kappa)
        residuals: Array = self._y - at - grown
        return residuals

    def minimise(self, fixed: Mapping[int, float]) -> tuple[list[float], float]:
        """Return the best parameters with some of them `fixed` (index → value), and their sum of squares."""
        from scipy import optimize

        free = [i for i in range(3) if i not in fixed]

        def complete(values: Array) -> Array:
            parameters = np.zeros(3)
            parameters[free] = values
            for index, value in fixed.items():
                parameters[index] = value
            return parameters

        def residuals(values: Array) -> Array:
            return self._residuals(complete(values))

        found: tuple[list[float], float] | None = None
        # Several starting points: with κ at 0 the surface is flat in σ, and a single one may stay there.
        for sigma, kappa in ((0.02, 0.0005), (0.2, 0.01), (0.0, 0.0)):
            at = float(np.mean(self._residuals(np.array([0.0, sigma, kappa]))))
            begin = np.clip(np.array([at, sigma, kappa]), self._low + 1e-12, self._high - 1e-12)[free]
            solved = optimize.least_squares(
                residuals,
                begin,
                bounds=(self._low[free], self._high[free]),
                x_scale=np.array([0.1, 0.05, 0.005])[free],
                xtol=1e-12,
                ftol=1e-12,
            )
            if found is None or 2 * solved.cost < found[1]:
                found = [float(v) for v in complete(solved.x)], float(2 * solved.cost)
        assert found is not None  # noqa: S101 - there is always a first start
        return found

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


def _log_growth(m: Array, sigma: float, kappa: float) -> Array:
    """Ln of X(m) / λ."""
    return np.asarray(np.log(m) - np.log1p(sigma * (m - 1) + kappa * m * (m - 1)), dtype=float)

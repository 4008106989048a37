"""Ratio of the means of two independent sets of trials, and its minimum detectable effect (rule E21). Pure.

Blocks of two studies are independent, so they are not paired: B. L. Welch, "The Generalization of 'Student's' Problem
when Several Different Population Variances are Involved", Biometrika 34 (1947).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.summarise.statistics import autocorrelation, intervals
from harness.summarise.statistics.intervals import Interval

# The largest share of all degrees of freedom that the minimum detectable effect relies on. Another comparison has other
# degrees of freedom, by its own noise. With this comparison's alone 66 to 77 % of comparisons of 3 to 10 repeats find
# the effect; with this bound 76 to 81 % do.
RELIABLE_FREEDOM = 0.6


@dataclass(frozen=True)
class Difference:
    """A sum or difference of independent means of logarithms.

    `parts` has the variance and the degrees of freedom of each mean: trials − 1, or fewer if the trials correlate.
    `planned` has the same for another comparison, whose correlation is estimated again; empty for `parts`.
    """

    value: float
    parts: tuple[tuple[float, float], ...]
    planned: tuple[tuple[float, float], ...] = ()

    @property
    def error(self) -> float:
        """Its standard error."""
        return math.sqrt(sum(variance for variance, _ in self.parts))

    @property
    def freedom(self) -> float:
        """Welch's degrees of freedom (Welch–Satterthwaite)."""
        below = sum(variance**2 / freedom for variance, freedom in self.parts)
        return self.error**4 / below if below else float(sum(freedom for _, freedom in self.parts))

    def minus(self, other: Difference) -> Difference:
        """Subtract an independent difference."""
        planned = (*(self.planned or self.parts), *(other.planned or other.parts))
        return Difference(self.value - other.value, (*self.parts, *other.parts), planned)

    def ratio(self, statements: int = 1) -> Interval:
        """The ratio with its simultaneous 95 % interval, as one of `statements`."""
        half = intervals.t_quantile(self.freedom, statements) * self.error
        value, low, high = (math.exp(self.value + way * half) for way in (0, -1, 1))
        return Interval(value, low, high, self.freedom)

    def minimum_detectable_effect(self, statements: int = 1) -> float:
        """The smallest change, as a share, that comparisons with this noise find with 80 % power."""
        next_one = Difference(self.value, self.planned or self.parts)
        freedom = min(next_one.freedom, RELIABLE_FREEDOM * sum(each for _, each in next_one.parts))
        return intervals.minimum_detectable_effect(next_one.error, freedom, statements)


def difference(before: Sequence[float], after: Sequence[float], *, correlation: float | None = None) -> Difference:
    """ln(after / before) of the means of two sets of at least two trials each, in the order of their blocks.

    `correlation` is that of neighbouring blocks (`autocorrelation.lag_one`), None for independent trials.
    """
    logs = [np.log(np.asarray(side, dtype=float)) for side in (before, after)]
    value = float(logs[1].mean() - logs[0].mean())
    found, planned = [], []
    for side in logs:
        variance, count = float(side.var(ddof=1)), len(side)
        found.append(autocorrelation.of_mean(variance, count, correlation or 0.0))
        if correlation is not None:
            likely = max(correlation, autocorrelation.likely(count))
            planned.append(autocorrelation.of_mean(variance, count, likely))
    return Difference(value, tuple(found), tuple(planned))

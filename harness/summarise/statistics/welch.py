"""Means of two independent sets of trials, and what their comparison could have found (rule E21). Pure.

Blocks of two studies have nothing to do with each other, so nothing is paired: B. L. Welch, "The Generalization of
'Student's' Problem when Several Different Population Variances are Involved", Biometrika 34 (1947).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval

# Of all degrees of freedom, what `visible` counts on at most. Another comparison will have others, by its own noise:
# with Welch's of this one alone the change it tells would be found in 66 to 77 % of comparisons of 3 to 10 repeats; so
# it is found in 76 to 81 %.
COUNTED_ON = 0.6


@dataclass(frozen=True)
class Difference:
    """A sum or difference of independent means of logarithms.

    `parts` holds of each mean its variance and its degrees of freedom (trials − 1).
    """

    value: float
    parts: tuple[tuple[float, int], ...]

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
        """Less another one that is independent of it."""
        return Difference(self.value - other.value, (*self.parts, *other.parts))

    def ratio(self, statements: int = 1) -> Interval:
        """The ratio, with the interval that holds together with `statements` − 1 others in 95 %."""
        half = intervals.t_quantile(self.freedom, statements) * self.error
        value, low, high = (math.exp(self.value + way * half) for way in (0, -1, 1))
        return Interval(value, low, high, self.freedom)

    def visible(self, statements: int = 1) -> float:
        """The change, as a share, that 80 % of comparisons like this one tell apart from none.

        That is, with this one's noise: the change at which a noncentral t passes the joint interval's quantile in 80 %
        of cases.
        """
        freedom = min(self.freedom, COUNTED_ON * sum(each for _, each in self.parts))
        return intervals.mostly_found(self.error, freedom, statements)


def difference(before: Sequence[float], after: Sequence[float]) -> Difference:
    """ln(after / before) of the means of two sets of at least two trials each."""
    logs = [np.log(np.asarray(side, dtype=float)) for side in (before, after)]
    parts = tuple((float(side.var(ddof=1)) / len(side), len(side) - 1) for side in logs)
    return Difference(float(logs[1].mean() - logs[0].mean()), parts)

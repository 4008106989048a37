"""How fast the share of requests over an objective rises with the load, by the trials of one topology. Pure.

A capacity is worth a statement only where the share depends on the load. Pauses, or a few expensive requests, make
nearly the same share late at any load: then a small error of the share is a large one of the load, and a line that is
steep by chance has a short interval in the wrong place. So its steepness is tested, by a least-squares line through the
probits of the trials within blocks: J. Neter and others, "Applied Linear Statistical Models" (1996), chapters 2 and 22.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.summarise.capacity.binomial_line import LEAST_RANGE, Trials, shares

LEVEL = 0.90  # one-sided, of the lower confidence limit
WIDTH_LEVEL = 0.95  # one-sided, of the lower limit by which a crossing may be less certain; by simulation
MOST_UNCERTAIN = 4.0  # the largest factor for an uncertain slope
FARTHEST = 2.0  # probits from the objective: shares beyond count as if there, as those of trials that fell behind


@dataclass(frozen=True, kw_only=True)
class Rise:
    """The slope in probits over ln(load), its standard error and its degrees of freedom (0: no error is known)."""

    slope: float
    error: float
    freedom: int

    @property
    def low(self) -> float:
        """The lower confidence limit of the slope, -inf where no error is known."""
        return self.slope - self._quantile(LEVEL) * self.error if self.freedom else -math.inf

    @property
    def careful(self) -> float:
        """The slope that places the trials around a crossing: its lower limit, or itself where no error is known.

        A slope that is steep by chance would leave out the trials that contradict it.
        """
        return self.low if self.freedom else self.slope

    @property
    def uncertainty(self) -> float:
        """The factor by which a crossing may be less certain than this slope suggests, by the slope's lower limit."""
        if not self.freedom or not self.error:
            return 1.0
        errors = self._quantile(WIDTH_LEVEL)
        return 1 / max(1 - errors * self.error / max(self.slope, self.error), 1 / MOST_UNCERTAIN)

    def longer(self, least: float) -> float | None:
        """How many times as many requests show a slope above `least`; None where more of them may never do."""
        if not self.freedom or self.slope <= least:
            return None
        return (self._quantile(LEVEL) * self.error / (self.slope - least)) ** 2

    def _quantile(self, level: float) -> float:
        from scipy import special  # here, because loading it takes a second that a start should not

        return float(special.stdtrit(self.freedom, level))


def of(trials: Trials, share: float) -> Rise | None:
    """The rise by these trials, of which `share` may be over; None where no block has two loads."""
    from scipy import special

    got, _ = shares(trials, share)
    aim = float(special.ndtri(share))
    x, z = trials.log_load.copy(), np.clip(special.ndtri(got), aim - FARTHEST, aim + FARTHEST)
    names = set(trials.block.tolist())
    for name in names:
        mine = trials.block == name
        x[mine] -= x[mine].mean()
        z[mine] -= z[mine].mean()
    squares = float((x**2).sum())
    if squares < LEAST_RANGE**2:
        return None
    slope, freedom = float((x * z).sum()) / squares, max(len(x) - len(names) - 1, 0)
    rest = float(((z - slope * x) ** 2).sum())
    return Rise(slope=slope, error=math.sqrt(rest / freedom / squares) if freedom else math.inf, freedom=freedom)

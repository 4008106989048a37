"""Whether two sides of a ratio did the same work: the shares of their requests by name (rule E25). Pure.

A difference is allowed up to a threshold, or up to what chance explains: the two-sided test of two binomial shares at
99 %, simultaneous over the names (Bonferroni). Requests that are chosen by weight are binomial; with common random
numbers they differ less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from harness.language import tr
from harness.words import percent

CHANCE = 0.01  # in which equal mixes differ by more, in any of their names


@dataclass(frozen=True)
class MixShift:
    """The request whose share changed most, beyond what is allowed; shares of all requests (0–1)."""

    name: str
    before: float
    after: float
    allowed: float

    def in_words(self, first: str, second: str) -> str:
        """The shift as a clause; `first` and `second` name both sides, as in "with 1 server"."""
        return tr(
            "compares different work: {name} was {before} of the requests {first} and {after} {second} (rule E25)",
            name=self.name,
            before=percent(self.before, 1),
            first=first,
            after=percent(self.after, 1),
            second=second,
        )


def shift(first: Mapping[str, int], second: Mapping[str, int], least: float) -> MixShift | None:
    """Return the largest shift between two mixes of name → requests; None if the mix held or a side has no requests.

    `least` is the difference of shares that is always allowed.
    """
    totals = sum(first.values()), sum(second.values())
    names = sorted(first.keys() | second.keys())
    if len(names) < 2 or not all(totals):
        return None
    z = NormalDist().inv_cdf(1 - CHANCE / 2 / len(names))
    found = []
    for name in names:
        counts = first.get(name, 0), second.get(name, 0)
        pooled = sum(counts) / sum(totals)
        chance = z * math.sqrt(pooled * (1 - pooled) * (1 / totals[0] + 1 / totals[1]))
        found.append(MixShift(name, counts[0] / totals[0], counts[1] / totals[1], max(least, chance)))
    # Of equal shifts, as of two names, the one of the rarer request: it is the larger change. Nothing is allowed only
    # for a name with no request, or with all of them, on both sides.
    worst = max(found, key=lambda each: (round(abs(each.after - each.before) / (each.allowed or 1), 9), -each.before))
    return worst if abs(worst.after - worst.before) > worst.allowed else None

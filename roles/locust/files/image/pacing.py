"""When the users of a closed loop act, and by which clock. No Locust in here.

A user's draws follow from the load's seed and the user's number alone: every topology that is measured with this seed
meets users with the same think times, whatever it makes of their requests.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator

from recorder import LONGEST, SHORTEST, residual_s


class Clock:
    """Seconds since a Unix time, by a clock that nobody sets: no second passes twice, or never."""

    def __init__(self, t0: float) -> None:
        self._ahead_s = time.time() - t0 - time.monotonic()

    def now(self) -> float:
        """Seconds since t0; below 0 before it."""
        return time.monotonic() + self._ahead_s


def numbers(worker: int, workers: int) -> Iterator[int]:
    """The numbers of one worker's users, in the order in which they start: no two workers share one."""
    return itertools.count(worker, workers)


class Draws:
    """What one user draws: its place in the ramp-up, the rest of the think time it is met in, then think times."""

    def __init__(self, seed: str, user: int) -> None:
        self._draw = random.Random(f"{seed}/{user}")  # noqa: S311 - reproducible users, no secret

    def begin_s(self, ramp_up_s: float) -> float:
        """Its place in the ramp-up: uniform, so that no two seconds are alike."""
        return self._draw.uniform(0, ramp_up_s)

    def rest_s(self, think_time_s: float) -> float:
        """What is left of the think time in which it is met."""
        return residual_s(think_time_s, self._draw.random(), self._draw.random())

    def think_s(self, think_time_s: float) -> float:
        """A think time: uniform from the mean ± 50 %."""
        return self._draw.uniform(SHORTEST, LONGEST) * think_time_s

"""When the users of a closed loop act, and by which clock. No Locust here.

A user's draws follow from the load's seed and the user's number alone. So every topology that is measured with one seed
has users with the same think times, however it serves their requests.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence

from recorder import LONGEST, SHORTEST, residual_s

UNSENT_WAIT_S = 1.0  # the shortest wait of a user after a request that was not sent


def wait_s(drawn_s: float, *, was_sent: bool) -> float:
    """The wait after a request: as drawn, and longer if nothing was sent.

    Users without think times would otherwise fail thousands of times a second, and use the load generator's CPU.
    """
    return drawn_s if was_sent else max(drawn_s, UNSENT_WAIT_S)


class Clock:
    """Seconds since a Unix time by the monotonic clock, which no adjustment of the time of day affects."""

    def __init__(self, t0: float) -> None:
        self._ahead_s = time.time() - t0 - time.monotonic()

    def now(self) -> float:
        """Seconds since t0; negative before it."""
        return time.monotonic() + self._ahead_s


def numbers(worker: int, workers: int) -> Iterator[int]:
    """The numbers of one worker's users, in the order in which they start; no two workers share a number."""
    return itertools.count(worker, workers)


class Draws:
    """Random draws of one user: its start in the ramp-up, the residual of its first think time, then think times."""

    def __init__(self, seed: str, user: int) -> None:
        self._draw = random.Random(f"{seed}/{user}")  # noqa: S311 - reproducible users, no secret

    def start_s(self, ramp_up_s: float) -> float:
        """The user's start in the ramp-up, uniformly distributed."""
        return self._draw.uniform(0, ramp_up_s)

    def residual_s(self, think_time_s: float, pauses_s: Sequence[float] = ()) -> float:
        """The time until the user's first transaction, as if it had sent transactions for long.

        `pauses_s` are the mean pauses after the steps of a transaction. One of its waits is in progress, with a
        probability proportional to its mean, and the later ones follow.
        """
        waits = [*pauses_s, think_time_s]
        at, place = self._draw.random() * sum(waits) if pauses_s else 0.0, 0
        while place < len(waits) - 1 and at >= waits[place]:
            at -= waits[place]
            place += 1
        rest_s = residual_s(waits[place], self._draw.random(), self._draw.random())
        return rest_s + sum(self.think_s(each) for each in waits[place + 1 :])

    def think_s(self, think_time_s: float) -> float:
        """A think time: uniform within the mean ± 50 %."""
        return self._draw.uniform(SHORTEST, LONGEST) * think_time_s


class LoginWaits:
    """The wait of one user after a failed login: a think time, or about 1 s if the load has none.

    They are drawn apart from think times, which thus stay the same however often a login fails.
    """

    def __init__(self, seed: str, user: int, think_time_s: float) -> None:
        self._label = f"{seed}/{user}/login"
        self._mean_s = think_time_s or 1.0
        self._draw: random.Random | None = None

    def next_s(self) -> float:
        """The next wait in seconds: uniform within the mean ± 50 %."""
        if self._draw is None:
            self._draw = random.Random(self._label)  # noqa: S311 - reproducible users, no secret
        return self._draw.uniform(SHORTEST, LONGEST) * self._mean_s

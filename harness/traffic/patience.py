"""The time that a changed topology has until its servers answer, and the pauses between the attempts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

WITHIN_S = 10.0
MORE_ROUNDS = 4  # additional rounds of slow responses that there is time for
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 1.0


@dataclass(kw_only=True)
class Patience:
    """Attempts with growing pauses, as each one may be a login that the service counts; 20 of fast responses at most.

    A new configuration of the balancer is used within milliseconds, so the first pauses are short.
    """

    wait: Callable[[float], None]
    slowest_s: float = 0.0  # round of requests
    _began: float = field(default_factory=time.monotonic)
    _paused_s: float = 0.0
    _next_s: float = FIRST_PAUSE_S

    def is_over(self) -> bool:
        """Return whether the time for more attempts is over."""
        elapsed = max(time.monotonic() - self._began, self._paused_s)
        return elapsed > WITHIN_S + MORE_ROUNDS * self.slowest_s

    def took(self, seconds: float) -> None:
        """Allow more time if a round took longer than all before."""
        self.slowest_s = max(self.slowest_s, seconds)

    def pause(self) -> None:
        """Wait before the next attempt; raises what `wait` raises."""
        self.wait(self._next_s)
        self._paused_s += self._next_s
        self._next_s = min(LONGEST_PAUSE_S, 2 * self._next_s)

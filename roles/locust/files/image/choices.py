"""Which request of a mix and which row a transaction uses. No Locust here.

Choices follow from the load's seed, the number of the user and of its transaction (or of the arrival) alone. They are
equal in every topology that is measured with one seed, for any number of workers, and drawn apart from think times and
due times.
"""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

NONE, EXHAUSTED = -1, -2  # no row: the load has none, or all of them were used


class Choice(NamedTuple):
    """The index of the request, and the index of the row or NONE or EXHAUSTED."""

    request: int
    row: int


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How rows are picked."""

    count: int = 0
    pick: str = "cycle"
    zipf_s: float = 0.0
    per_user: bool = False


class Choices:
    """The choices of one load. `users` are those of a closed loop, over all workers; `sessions` are of an open loop."""

    def __init__(self, weights: list[float], rows: Rows, seed: str, users: int, sessions: int = 0) -> None:
        self._key = hashlib.blake2b(seed.encode(), digest_size=32).digest()
        self._weights = list(itertools.accumulate(weights))
        self._rows = rows
        self._users = max(1, users)
        self._sessions = sessions
        self._ranks: list[float] = []
        if rows.pick == "zipf":
            self._ranks = list(itertools.accumulate((rank + 1) ** -rows.zipf_s for rank in range(rows.count)))
        self._draws = len(weights) > 1 or (rows.count > 0 and rows.pick in ("random", "zipf"))
        self._only = Choice(0, NONE) if not self._draws and not rows.count else None

    def of_user(self, user: int, number: int) -> Choice:
        """The choice of a user's transaction in a closed loop; both count from 0."""
        if self._only:
            return self._only
        which, where = self._drawn(b"%d/%d" % (user, number))
        if self._rows.per_user:
            return Choice(self._request(which), self._row_of_user(user))
        return Choice(self._request(which), self._row(user + number * self._users, where))

    def of_arrival(self, number: int) -> Choice:
        """The choice of an arrival in an open loop, counted from 0."""
        if self._only:
            return self._only
        which, where = self._drawn(b"arrival/%d" % number)
        if self._rows.per_user and self._sessions:
            return Choice(self._request(which), self._row_of_user(number % self._sessions))
        return Choice(self._request(which), self._row(number, where))

    def row_of_login(self, user: int) -> int:
        """The row of a user's first transaction, or of an open loop's session."""
        if self._rows.per_user:
            return self._row_of_user(user)
        return self._row(user, self._drawn(b"%d/0" % user)[1])

    def _row_of_user(self, user: int) -> int:
        return self._row(user, self._drawn(b"%d/row" % user)[1])

    def _row(self, turn: int, where: float) -> int:
        rows = self._rows
        if not rows.count:
            return NONE
        if rows.pick == "once":
            return turn if turn < rows.count else EXHAUSTED
        if rows.pick == "random":
            return int(where * rows.count)
        if rows.pick == "zipf":
            return bisect_right(self._ranks, where * self._ranks[-1], hi=rows.count - 1)
        return turn % rows.count

    def _request(self, which: float) -> int:
        if len(self._weights) == 1:
            return 0
        return bisect_right(self._weights, which * self._weights[-1], hi=len(self._weights) - 1)

    def _drawn(self, label: bytes) -> tuple[float, float]:
        """Two independent numbers from 0 to below 1."""
        if not self._draws:
            return 0.0, 0.0
        drawn = hashlib.blake2b(label, digest_size=16, key=self._key).digest()
        return (int.from_bytes(drawn[:8], "big") >> 11) * 2.0**-53, (int.from_bytes(drawn[8:], "big") >> 11) * 2.0**-53

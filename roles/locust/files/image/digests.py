"""Digests of the requests that were sent, by which the study compares topologies. No Locust here.

A closed loop has a sum for each number j = 1, 2, 4, 8 … of transactions: over all users, the digest of the first j
transactions of the user. An open loop has a sum over the arrivals j to 2j − 1, counted from 1. Sums are modulo 2^128.
They do not depend on the order of users and arrivals, so the sums of all workers can be added.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

_MODULUS = 2**128


def line(name: str, row: int, time_s: float) -> bytes:
    """The line of one request: its name, the index of its row, and its think time or when it was due, in µs."""
    return f"{name}/{row}/{time_s * 1e6:.0f}\n".encode()


class SentDigests:
    """Sums of one worker."""

    def __init__(self) -> None:
        self._sums: Counter[int] = Counter()
        self._counts: Counter[int] = Counter()

    def add(self, group: int, digest: bytes) -> None:
        self._counts[group] += 1
        self._sums[group] = (self._sums[group] + int.from_bytes(digest, "big")) % _MODULUS

    def arrival(self, number: int, sent: bytes) -> None:
        """Add an arrival that is sent now; `number` counts from 0."""
        self.add(1 << (number + 1).bit_length() - 1, hashlib.blake2b(sent, digest_size=16).digest())

    def wire(self) -> dict[str, Any]:
        """Group → [number of users or arrivals, sum], as JSON."""
        return {str(group): [count, f"{self._sums[group]:032x}"] for group, count in self._counts.items()}


class Chain:
    """The digest of one user's transactions."""

    __slots__ = ("_digests", "_hash", "_next", "_number")

    def __init__(self, digests: SentDigests) -> None:
        self._digests = digests
        self._hash = hashlib.blake2b(digest_size=16)
        self._number = 0
        self._next = 1

    def transaction(self, sent: bytes) -> None:
        """Add the lines of a transaction that begins now."""
        self._hash.update(sent)
        self._number += 1
        if self._number == self._next:
            self._next *= 2
            self._digests.add(self._number, self._hash.digest())


def merged(reports: list[dict[str, Any]], users: int | None) -> dict[str, str]:
    """The sums over all workers of the groups that are complete; `users` is None for an open loop."""
    counts: Counter[int] = Counter()
    sums: Counter[int] = Counter()
    for report in reports:
        for key, (count, digest) in report.items():
            counts[int(key)] += count
            sums[int(key)] += int(digest, 16)
    complete = (group for group in sorted(counts) if counts[group] == (group if users is None else users))
    return {str(group): f"{sums[group] % _MODULUS:032x}" for group in complete}

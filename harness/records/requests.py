"""Statistics of requests by name and of transactions, logins, and the files of their histograms."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from pydantic import Field

from harness.records.part import Counts, Part

SUFFIX = ".hgrm"
TRANSACTIONS = "transactions"
MOST_OF_NAME = 40  # characters of a request's name in the name of a file


class RequestStats(Part):
    """Requests of one name, or transactions, in the steady window; counts as `RequestCounts` of the load generator.

    `share` is that of all requests, None of transactions. `late` are failures and successes above the name's own
    objective p95, None without one.
    """

    requests: int = 0
    failed: int = 0
    completed: int = 0
    slow: int = 0
    errors: Counts = Field(default_factory=dict)  # kind of failure → requests
    share: float | None = None
    tps: float | None = None
    error_rate: float | None = None
    latency_ms: dict[str, float | None] = Field(default_factory=dict)  # of successes: mean, p50, p90, p95, p99, max
    latency_with_failures_ms: dict[str, float | None] = Field(default_factory=dict)  # each failure at the timeout
    late: int | None = None


class Logins(Part):
    """Logins of the whole load. A login that fails is repeated."""

    completed: int = 0
    errors: Counts = Field(default_factory=dict)  # kind of failure → logins

    @property
    def failed(self) -> int:
        """Number of failed logins."""
        return sum(self.errors.values())


@dataclass(frozen=True)
class Histograms:
    """Encoded histograms of successes and of failures, each at the timeout or its time, if that is longer."""

    latencies: str = ""
    failures: str = ""


def histogram_files(name: str | None) -> tuple[str, str]:
    """Return the names of the two histogram files of a request's name; of transactions for None.

    A request's name may be any text, so the file has its letters and digits, and a part of its SHA-256.
    """
    part = TRANSACTIONS
    if name is not None:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower())[:MOST_OF_NAME].strip("-")
        part = f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
    return f"latency.{part}{SUFFIX}", f"failures.{part}{SUFFIX}"

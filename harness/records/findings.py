"""Findings of the evidence rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Effect of a finding on its trial."""

    INVALID = "invalid"  # the trial does not count
    WARNING = "warning"  # the trial counts with a caveat
    NOTE = "note"  # for information only


class Kind(StrEnum):
    """Topic of a finding, for code that needs more than its rule."""

    OTHER = ""
    UNEVEN_SHARES = "uneven shares"  # E12: the servers' shares of the requests differ
    COLLAPSE = "collapse"  # E8: the load was stopped because of failed requests, and no server died
    NO_ROWS = "no rows"  # E8: the rows of `pick: once` ran out
    SLOW_SERVER = "slow server"  # E12: a request costs one server more CPU than another
    TREND = "trend"  # E20: throughput depends on the position in a block
    OUTLIER = "outlier"  # E20: a block differs from the others
    LATENESS = "lateness"  # E6: the generator is too late to judge the objective p95


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that fired. `figure` and `threshold` are in the rule's own unit, which `cause` names."""

    rule: str
    severity: Severity
    cause: str
    next_step: str = ""
    figure: float | None = None
    threshold: float | None = None
    kind: Kind = Kind.OTHER

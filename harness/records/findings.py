"""What an evidence rule says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding does to its trial."""

    INVALID = "invalid"  # it counts for nothing
    WARNING = "warning"  # it counts and is marked
    NOTE = "note"  # it is said


class Kind(StrEnum):
    """What a finding is about, where somebody must know more than its rule."""

    OTHER = ""
    UNEVEN_SHARES = "uneven shares"  # E12: the balancer gave its servers unlike numbers of requests
    COLLAPSE = "collapse"  # E8: so many requests failed that the load was stopped, though no server died
    SLOW_SERVER = "slow server"  # E12: a request costs one server more than another
    TREND = "trend"  # E20: throughput depends on the position in a block
    OUTLIER = "outlier"  # E20: a block differs from the others


@dataclass(frozen=True)
class Finding:
    """A rule that spoke. `figure` and `threshold` are in the rule's own unit, told by `cause`."""

    rule: str
    severity: Severity
    cause: str
    next_step: str = ""
    figure: float | None = None
    threshold: float | None = None
    kind: Kind = Kind.OTHER

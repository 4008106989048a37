"""What an evidence rule says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refuse", "degrade", "note"]


@dataclass(frozen=True)
class Finding:
    """A rule that spoke. `figure` and `threshold` are in the rule's own unit, told by `cause`."""

    rule: str
    severity: Severity
    cause: str
    next_step: str
    figure: float | None = None
    threshold: float | None = None

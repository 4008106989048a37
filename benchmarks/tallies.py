"""Counts over simulated studies."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(kw_only=True)
class Addable:
    """Counts and lists of figures that can be added up; its subclasses have the fields."""

    def add(self, other: Self) -> None:
        """Add the counts of another tally."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

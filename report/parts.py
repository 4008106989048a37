"""What a page is made of: tables of finished text, and charts with the words that stand in for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = list[str]


@dataclass(frozen=True)
class Table:
    """Columns, rows of finished text, and which columns align right."""

    columns: Row
    rows: list[Row]
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart's data by name, with the words that stand in for it."""

    name: str
    arguments: dict[str, Any]
    alternative: str
    caption: str

"""Figures and tables for scripts of the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
FEWEST_ROWS = 20  # of a table that is written by columns


def number(value: float, digits: int = 7) -> float:
    """A figure with few digits: the last ones of an estimate depend on the processor and on where a solver stops."""
    return float(f"{value:.{digits}g}")


def by_columns(rows: Sequence[Row]) -> Sequence[Row] | dict[str, Any]:
    """A long table without its repeated names and texts, which a script of the page unfolds (`charts.rows`).

    `columns` has each column's values. For texts: `texts`, the different ones, and `at`, each row's index in them.
    Short tables, and tables whose rows have different columns, stay as they are.
    """
    names = list(rows[0]) if rows else []
    if len(rows) < FEWEST_ROWS or any(list(row) != names for row in rows):
        return rows
    return {"columns": {name: _column([row[name] for row in rows]) for name in names}}


def _column(values: list[Any]) -> list[Any] | dict[str, Any]:
    if not all(isinstance(value, str) for value in values):
        return values
    index = {text: at for at, text in enumerate(dict.fromkeys(values))}
    return {"texts": list(index), "at": [index[text] for text in values]}

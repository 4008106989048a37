"""Figures and tables for scripts of the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

Row = Mapping[str, Any]
FEWEST_ROWS = 20  # of a table that is written by columns
ABSENT = -1  # index of a text in a row without the column


def number(value: float, digits: int = 7) -> float:
    """A figure with few digits: the last ones of an estimate depend on the processor and on where a solver stops.

    A whole number is an `int`, which is shorter in JSON.
    """
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def by_columns(rows: Sequence[Row]) -> Sequence[Row] | dict[str, Any]:
    """A long table without its repeated names and texts, which a script of the page unfolds (`charts.rows`).

    `length` is the number of rows, `columns` has each column's values. For texts: `texts`, the different ones, and
    `runs`, an index in them and the number of rows that have it, run after run; the index is -1 for rows without the
    column. Other columns that some rows do not have: `rows`, the indices of rows that have it, and `values`. Short
    tables stay as they are.
    """
    if len(rows) < FEWEST_ROWS:
        return rows
    names = dict.fromkeys(name for row in rows for name in row)
    return {"length": len(rows), "columns": {name: _column(name, rows) for name in names}}


def _column(name: str, rows: Sequence[Row]) -> list[Any] | dict[str, Any]:
    there = [at for at, row in enumerate(rows) if name in row]
    values = [rows[at][name] for at in there]
    if all(isinstance(value, str) for value in values):
        index = {text: at for at, text in enumerate(dict.fromkeys(values))}
        places = groupby(index[row[name]] if name in row else ABSENT for row in rows)
        return {"texts": list(index), "runs": [part for at, run in places for part in (at, len(list(run)))]}
    return values if len(values) == len(rows) else {"rows": there, "values": values}

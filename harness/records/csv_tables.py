"""The tables next to a report, as text in CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.schema import Grid
from harness.records import columns
from harness.records.columns import Kinds
from harness.records.frames import frame_of
from harness.words import cell

Row = Mapping[str, object]


def cells_csv(rows: Sequence[Row]) -> str:
    """Return the text of cells.csv; floats have six digits, missing values are empty."""
    return _text(rows, {name: columns.CELLS.get(name, "") for name in (rows[0] if rows else ())})


def failover_csv(rows: Sequence[Row]) -> str:
    """Return the text of failover.csv; floats have six digits, missing values are empty."""
    return _text(rows, {name: columns.FAILOVER.get(name, "") for name in (rows[0] if rows else ())})


def requests_csv(rows: Sequence[Row]) -> str:
    """Return the text of requests.csv; floats have six digits, missing values are empty."""
    return _text(rows, {name: columns.REQUESTS.get(name, "") for name in (rows[0] if rows else ())})


def gains_csv(rows: Sequence[Row], grid: Grid) -> str:
    """Return the text of gains.csv; floats have six digits, missing values are empty."""
    return _text(rows, columns.of_gains(grid, dict.fromkeys(grid.factors, "")))


def capacity_csv(rows: Sequence[Row], grid: Grid) -> str:
    """Return the text of capacity.csv; floats have six digits, missing values are empty."""
    return _text(rows, columns.of_capacity(grid, dict.fromkeys(grid.factors, "")))


def _written(value: object, kind: str) -> object:
    """Return a value for a CSV file: text is made safe for spreadsheets."""
    if isinstance(value, str):
        return cell(value)
    return value if kind else columns.printed(value)


def _text(rows: Sequence[Row], kinds: Kinds) -> str:
    """Return a table as CSV; a column without a type holds a factor's levels."""
    values = {name: [_written(row.get(name), kind) for row in rows] for name, kind in kinds.items()}
    frame = frame_of(values, {name: kind or "string" for name, kind in kinds.items()})
    return str(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))

"""Tables for the page's scripts are small, and scripts read the same rows as paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from report.script_data import FEWEST_ROWS, Row, by_columns

LONG = [
    {"cell": f"{at % 3} servers", "t": at, "tps": None if at == 5 else at / 4, "kind": "a" if at else None}
    for at in range(FEWEST_ROWS)
]


def unfolded(table: Any) -> list[dict[str, Any]]:
    """The rows of a table by columns, as its docstring describes it."""
    rows: list[dict[str, Any]] = [{} for _ in range(table["length"])]
    for name, column in table["columns"].items():
        if isinstance(column, list):
            values = dict(enumerate(column))
        elif "texts" in column:
            runs = zip(column["runs"][::2], column["runs"][1::2], strict=True)
            places = [at for at, count in runs for _ in range(count)]
            values = {row: column["texts"][at] for row, at in enumerate(places) if at >= 0}
        else:
            values = dict(zip(column["rows"], column["values"], strict=True))
        for row, value in values.items():
            rows[row][name] = value
    return rows


def test_a_long_table_has_the_same_rows_by_columns() -> None:
    table = by_columns(LONG)
    assert isinstance(table, dict)
    assert unfolded(table) == LONG
    assert table["columns"]["cell"]["texts"] == ["0 servers", "1 servers", "2 servers"]


def test_a_row_without_a_column_stays_without_it() -> None:
    """A text and a figure that some rows do not have, and one that is None in a row."""
    rows: list[Row] = [*LONG, {"cell": "3 servers", "t": 1, "trial": "r1"}, {"cell": "3 servers", "t": 2, "failed": 7}]
    table = by_columns(rows)
    assert isinstance(table, dict)
    assert unfolded(table) == rows
    assert table["columns"]["failed"] == {"rows": [len(rows) - 1], "values": [7]}


@pytest.mark.parametrize("rows", [[], LONG[:5]], ids=["empty", "short"])
def test_other_tables_stay_as_they_are(rows: Sequence[Row]) -> None:
    assert by_columns(rows) is rows

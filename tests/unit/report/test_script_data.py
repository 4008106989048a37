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
    columns = {
        name: column if isinstance(column, list) else [column["texts"][at] for at in column["at"]]
        for name, column in table["columns"].items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_long_table_has_the_same_rows_by_columns() -> None:
    table = by_columns(LONG)
    assert isinstance(table, dict)
    assert unfolded(table) == LONG
    assert table["columns"]["cell"]["texts"] == ["0 servers", "1 servers", "2 servers"]


@pytest.mark.parametrize("rows", [[], LONG[:5], [*LONG, {"t": 1}]], ids=["empty", "short", "different columns"])
def test_other_tables_stay_as_they_are(rows: Sequence[Row]) -> None:
    assert by_columns(rows) is rows

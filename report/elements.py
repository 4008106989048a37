"""What a page is made of: tables of finished text, and charts with the words that stand in for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.grid.cell import Cell
from harness.grid.types import Levels
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from harness.words import load_name
from report import format as text

Row = list[str]


@dataclass(frozen=True)
class Table:
    """Columns, rows of finished text, and which columns align right.

    `ids` are the rows' anchors, `links` where each row's first field leads, `belongs` the anchor of the
    cell that a row is about; each is as long as `rows`, or empty.
    """

    columns: Row
    rows: list[Row]
    right: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    belongs: tuple[str, ...] = ()
    note: str = ""  # what stands below it

    def of(self, kept: Sequence[int], note: str) -> Table:
        """The same table with these rows alone."""

        def some(things: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(things[i] for i in kept) if things else ()

        rows = [self.rows[i] for i in kept]
        return Table(self.columns, rows, self.right, some(self.ids), some(self.links), some(self.belongs), note)


@dataclass(frozen=True)
class Chart:
    """A chart's data by name, with the words that stand in for it."""

    name: str
    arguments: dict[str, Any]
    alternative: str
    caption: str


def cell_name(cell: CellSummary) -> str:
    """As in "2 servers at 1000 users"."""
    return f"{text.count(cell.servers, 'server')} at {load_name(cell.others)}"


def anchor(levels: Levels) -> str:
    """A cell's anchor on the page, by its factors' levels."""
    return f"cell-{Cell(tuple(levels.items())).slug}"


def anchor_of(where: str) -> str:
    """The anchor of the cell that a trial, "<cell>/r<k>", is of."""
    return f"cell-{where.split('/')[0]}"


def by_cell(trials: Mapping[str, TrialData]) -> dict[str, list[TrialData]]:
    """A cell's anchor → its trials; `trials` are by "<cell>/r<k>"."""
    found: dict[str, list[TrialData]] = {}
    for where, data in trials.items():
        found.setdefault(anchor_of(where), []).append(data)
    return found


def link(levels: Levels) -> str:
    """What leads to a cell's row."""
    return f"#{anchor(levels)}"

"""Elements of a page: tables of finished text, charts with their text alternative, and links between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from harness.grid.cell import Cell
from harness.grid.types import Levels
from harness.language import tr
from harness.records.trial import TrialData
from harness.records.trial_path import TrialPath
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain
from harness.words import load_name
from report import phrases
from report.format import NOTHING

Row = list[str]
Item = TypeVar("Item")
MOST_LISTED = 8  # figures of steps in a sentence; more of them are in gains.csv alone
MOST_WORDS = 20  # of a table cell; the rest of a longer one becomes a footnote
MOST_LOADS, MOST_TOPOLOGIES = 6, 10  # of a chart
EMPTY = ("", NOTHING)  # fields without content
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
DIGITS = str.maketrans("0123456789", SUPERSCRIPTS)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of finished text under `columns`; `right` has the indices of right-aligned columns.

    `ids` are the anchors of the rows, `links` the targets of each row's first field; each is as long as `rows`, or
    empty. A field of more than 20 words is cut at a clause and its whole text becomes one of the `footnotes`.
    """

    columns: Row
    rows: list[Row]
    right: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    note: str = ""  # below the table
    footnotes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        notes: dict[str, str] = {}
        rows = [[_cut(field, notes) for field in row] for row in self.rows]
        if notes:
            object.__setattr__(self, "rows", rows)
            object.__setattr__(self, "footnotes", tuple(f"{mark} {field}" for field, mark in notes.items()))

    @property
    def alignment(self) -> tuple[str, ...]:
        """The classes of the table that align its columns, numbered from 1 (`report.output.html.css`)."""
        return tuple(f"right-{at + 1}" for at in self.right)

    def trimmed(self) -> Table:
        """The table without the columns that are empty in every row; the first one stays."""
        kept = [
            at
            for at in range(len(self.columns))
            if not at or not self.rows or any(row[at] not in EMPTY for row in self.rows)
        ]
        return replace(
            self,
            columns=[self.columns[at] for at in kept],
            rows=[[row[at] for at in kept] for row in self.rows],
            right=tuple(new for new, at in enumerate(kept) if at in self.right),
        )

    def only(self, kept: Sequence[int], note: str) -> Table:
        """The table with these rows alone, and with `note` below it."""

        def some(items: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(items[i] for i in kept) if items else ()

        rows = [self.rows[i] for i in kept]
        marks = {mark[1] for row in rows for field in row if (mark := re.search(f"…([{SUPERSCRIPTS}]+)$", field))}
        footnotes = tuple(footnote for footnote in self.footnotes if footnote.split(" ", 1)[0] in marks)
        return replace(
            self,
            rows=rows,
            ids=some(self.ids),
            links=some(self.links),
            note=note,
            footnotes=footnotes,
        )


@dataclass(frozen=True)
class Chart:
    """The data of a chart by the name of the function that draws it, its text alternative and its caption."""

    name: str
    arguments: dict[str, Any]
    alternative: str
    caption: str


def _cut(field: str, notes: dict[str, str]) -> str:
    """A field of at most 20 words; `notes` maps whole texts to their footnote marks."""
    if len(field.split()) <= MOST_WORDS:
        return field
    mark = notes.setdefault(field, str(len(notes) + 1).translate(DIGITS))
    begin = " ".join(field.split()[: MOST_WORDS - 1])
    clauses = [found.start() for found in re.finditer(r"[;:,] ", begin)]
    shown = begin[: clauses[-1]] if clauses and clauses[-1] > len(begin) / 3 else begin
    return f"{shown}\u00a0…{mark}"


def cell_name(cell: CellSummary) -> str:
    """The name of a cell: "2 servers at 1,000 users"."""
    return tr("{servers} at {load}", servers=phrases.topology(cell.cell), load=load_name(cell.others))


def anchor(levels: Levels) -> str:
    """The anchor of a cell on the page, by its levels."""
    return f"cell-{Cell(tuple(levels.items())).slug}"


def anchor_of(path: str) -> str:
    """The anchor of the cell of a trial; `path` is "<cell>/r<k>"."""
    return f"cell-{TrialPath.parse(path).cell}"


def link(levels: Levels) -> str:
    """The link to a cell's row."""
    return f"#{anchor(levels)}"


def by_cell(trials: Mapping[str, TrialData]) -> dict[str, list[TrialData]]:
    """Trials by the anchor of their cell; `trials` are by "<cell>/r<k>"."""
    found: dict[str, list[TrialData]] = {}
    for path, data in trials.items():
        found.setdefault(anchor_of(path), []).append(data)
    return found


def listed(figures: list[tuple[Gain, str]]) -> str:
    """Figures of steps, grouped by load: "1,000 users 1 → 2 [1.9, 2.1], 2 → 3 [1.4, 1.5]"."""
    loads: dict[str, list[str]] = {}
    for gain, figure in figures:
        step = f"{gain.step} {figure}".replace(" ", "\u00a0")
        loads.setdefault(load_name(gain.others), []).append(step)
    return "; ".join(f"{load} {', '.join(steps)}" for load, steps in loads.items())


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the items at even distances, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def drawn(cells: Sequence[CellSummary]) -> list[CellSummary]:
    """The cells that charts show: all, or some loads and topologies at even distances where there are many."""
    loads = evenly(list(dict.fromkeys(load_name(cell.others) for cell in cells)), MOST_LOADS)
    ordered = sorted(cells, key=lambda cell: cell.servers)
    topologies = evenly(list(dict.fromkeys(cell.topology for cell in ordered)), MOST_TOPOLOGIES)
    return [cell for cell in cells if load_name(cell.others) in loads and cell.topology in topologies]

"""A large share of rejected or failed requests, which comes first in every report. Pure."""

from __future__ import annotations

from harness.judge.failure_share import Failing
from harness.language import tr
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import Summary
from report import estimates, phrases
from report import format as text
from report.elements import cell_name

MOST_CELLS = 3  # named one by one


def sentences(summary: Summary) -> list[str]:
    """One sentence for the worst cell and those like it; empty where nearly everything succeeded.

    The sentences on capacities and gains cover requests that failed without a rejection.
    """
    found = _hiding(summary)
    return [_sentence(found, len(summary.cells))] if found else []


def worst(summary: Summary) -> tuple[Failing, str] | None:
    """The largest of these shares, with the name of its cell."""
    return next(iter(_hiding(summary)), None)


def _hiding(summary: Summary) -> list[tuple[Failing, str]]:
    """The shares that hide a capacity, the largest first, with the names of their cells."""
    covered = {
        tuple(gain.cells[0].items()) for gain in summary.gains if gain.kind == GainKind.ONLY_LARGER and gain.cells
    }
    known = estimates.has_capacities(summary)
    found = [
        (cell.failing, cell_name(cell))
        for cell in summary.cells
        if cell.failing and (cell.rejections or not (known or tuple(cell.cell.items()) in covered))
    ]
    return sorted(found, key=lambda one: -one[0].share)


def of_cell(cell: CellSummary) -> str:
    """The share of one cell, as the beginning of a line; empty where nearly everything succeeded."""
    return f"{cell.failing.words}; " if cell.failing else ""


def _sentence(cells: list[tuple[Failing, str]], of: int) -> str:
    """`cells` are the worst first, with their names; `of` is the number of all cells."""
    (worst, name), *others = cells
    begin = f"{worst.words} ({name})"
    if not others:
        return f"{begin}."
    if len(cells) <= MOST_CELLS:
        rest = [f"{text.percent(failing.share)} ({name})" for failing, name in others]
        return tr("{begin}; also rejected or failed: {rest}.", begin=begin, rest=phrases.joined(rest))
    where = tr("in every cell") if len(cells) == of else tr("in {cells} of {of} cells", cells=len(cells), of=of)
    return tr(
        "{begin}; {share} or more were rejected or failed {where}.",
        begin=begin,
        share=text.percent(cells[-1][0].share),
        where=where,
    )

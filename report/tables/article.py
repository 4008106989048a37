"""The results next to the readings of the origin study that grids/article.yaml reproduces. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.language import messages, tr
from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain
from report import format as text
from report.elements import Table

GRID = "article"  # the name of the grid that reproduces it
SOURCE = messages(
    "Source: the origin study of this project, an article about a manual AWS measurement with FastAPI, nginx and "
    "nGrinder (author, title and date unknown). grids/article.yaml reproduces it."
)
LIMITS = messages(
    "The article has single peaks, read once from graphs. A ratio of two peaks is about twice as noisy as a ratio of "
    "means, and a peak grows with the length of a trial. Its gains of 1.8 and 1.46 have a higher efficiency in the "
    "second step than in the first, which neither contention nor coherency explains. With a reading error of 2 % this "
    "may be noise, or the throughput of the first server was read too high before it failed. Think time, connections "
    "and hosts of the article are unknown. The missing gain of the third server at 1,000 users is expected: the load "
    "is too low for it."
)
READINGS = messages(
    (
        (2000, 1, 2, "about 1.8×"),
        (2000, 2, 3, "about 1.46×"),
        (1000, 2, 3, "no gain"),
    )
)
MISSING = messages("not measured")


def table(grid: str, gains: Sequence[Gain], cells: Sequence[CellSummary]) -> Table | None:
    """The article's figures with those of this study; None for a grid of another name than the article's."""
    if grid != GRID:
        return None
    ours = {(g.others.get("vusers"), g.from_servers, g.to_servers): g for g in gains if set(g.others) == {"vusers"}}
    rows = []
    for users, a, b, reading in READINGS:
        gain = ours.get((users, a, b))
        shown = (
            [text.NOTHING, tr(MISSING)]
            if gain is None
            else [text.ratio_with_interval(gain.ratio), gain.conclusion_text]
        )
        rows.append([tr("{users} users, {a} → {b} servers", users=users, a=a, b=b), tr(reading), *shown])
    alone = next((cell for cell in cells if cell.cell == {"servers": 1, "vusers": 2000}), None)
    shown = [text.rate_interval(alone.tps), tr(alone.outcome)] if alone else [text.NOTHING, tr(MISSING)]
    rows.append([tr("2,000 users, 1 server"), tr("server failed"), *shown])
    columns = messages(["load and servers", "article", "this study", "conclusion"])
    return Table(columns=columns, rows=rows, right=(2,), note=f"{tr(SOURCE)} {tr(LIMITS)}")

"""The Altair specification of throughput over time: interactive in the HTML, SVG in the PDF."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from harness.language import tr
from report.charts import theme
from report.charts.theme import NUMBERS, PAPER_WIDTH, SIDES, SMALL, Rows, Spec, finish, named

LETTER = 0.55  # mean width of a letter, as a share of the type size
PANELS, LOWEST = 345, 55  # height of all panels together, and of one at least, pixels
HIGHEST = 105  # of a panel, pixels
MOST_COLUMNS = 4  # without a line break; panels of more topologies are in lines of five
TO_CELL = "'#cell-' + split(datum.trial, '/')[0]"


def series(rows: Rows, marks: Rows, window: tuple[float, float]) -> Spec:
    """TPS over time, a panel for each cell on shared axes: a row for each load, a column for each topology.

    Rows: load, topology, trial ("<cell>/r<k>"), t (s), tps, and `failed` where there are failures (negative, drawn
    below the axis); of `marks`: load, topology, t, what. More than four topologies are set in lines of five, and so are
    cells of which not every topology has every load.
    """
    loads = list(dict.fromkeys(row["load"] for row in rows))
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    cells = {(row["load"], row["topology"]) for row in rows}
    # Vega misplaces panels of incomplete combinations, as in a search, where each topology has its own loads.
    wrapped = len(topologies) > MOST_COLUMNS or len(cells) < len(loads) * len(topologies)
    columns = len(topologies)
    if wrapped:
        columns = 5 if len(topologies) > MOST_COLUMNS else max(3, len(topologies))
    width = max(80, PAPER_WIDTH // columns - 12)
    lines = math.ceil(len(cells) / columns) if wrapped else len(loads)
    placed = _placed(marks, rows, width)
    has_failures = any("failed" in row for row in rows)
    layers = [_window(window, wrapped=wrapped), *_lines(has_failures=has_failures), *_events(placed, width)]
    panel = alt.layer(*layers, data=named("rows")).properties(
        width=width, height=min(HIGHEST, max(LOWEST, PANELS // lines))
    )
    if wrapped:
        faceted, data = _wrapped(panel, [*rows, *placed], loads, topologies, columns)
    else:
        by_load = alt.Row("load:N", sort=loads, title=None)
        faceted = panel.facet(row=by_load, column=alt.Column("topology:N", sort=topologies, title=None))
        data = [*rows, *placed]
    return {**finish(faceted.resolve_scale(y="shared"), rows=data), **theme.panels(columns, wrapped=wrapped)}


def _window(window: tuple[float, float], *, wrapped: bool) -> Any:
    """The shade of the steady window, in every panel."""
    one = alt.Chart().transform_aggregate(n="count()", groupby=["cell"] if wrapped else ["load", "topology"])
    shade = one.mark_rect(color=theme.FAINT, opacity=0.5, aria=False)
    return shade.encode(x=alt.datum(window[0]), x2=alt.datum(window[1]))


def _time() -> alt.X:
    return alt.X("t:Q", axis=alt.Axis(title=tr("seconds since the first request"), grid=False, tickCount=4))


def _lines(*, has_failures: bool) -> list[Any]:
    """A line for each trial, and a bar for each second with failures."""
    seconds = alt.Chart().transform_filter("!datum.what").transform_calculate(to=TO_CELL)
    layers = [
        seconds.mark_line(strokeWidth=0.8, opacity=0.75, color=theme.ACCENTS[0]).encode(
            x=_time(),
            y=alt.Y("tps:Q", axis=alt.Axis(title=tr("requests per second"), tickCount=4, labelExpr=NUMBERS)),
            detail="trial:N",
            href="to:N",
            tooltip=["trial:N", "t:Q", "tps:Q"],
        )
    ]
    if has_failures:  # Vega warns of a layer without data
        failed = seconds.transform_filter("datum.failed").mark_bar(color=theme.BAD, width=2)
        layers.append(failed.encode(x=_time(), y="failed:Q", tooltip=["trial:N", "t:Q", "failed:Q"]))
    return layers


def _events(placed: Rows, width: float) -> list[Any]:
    """A rule and a label for each event."""
    if not placed:
        return []
    events = alt.Chart().transform_filter("datum.what")
    layers = [events.mark_rule(color=theme.BAD, strokeWidth=1).encode(x=_time(), tooltip=["what:N", "t:Q"])]
    for side, dx in SIDES:
        if side in (mark["align"] for mark in placed):  # Vega warns of a layer without data
            labels = events.transform_filter(f"datum.align == '{side}'").mark_text(
                align=side, baseline="top", dx=dx, fontSize=SMALL, limit=width - 6, color=theme.INK
            )
            layers.append(labels.encode(x=alt.X("from:Q"), y=alt.Y("line:Q", scale=None), text="what:N"))
    return layers


def _wrapped(panel: Any, rows: Rows, loads: list[str], topologies: list[str], columns: int) -> tuple[Any, Rows]:
    """Panels in lines, each named by its topology and load; and their data, by cell."""
    named_rows = [{**row, "cell": f"{row['topology']} · {row['load']}"} for row in rows]
    data = [{k: v for k, v in row.items() if k not in ("load", "topology")} for row in named_rows]
    order = [f"{topology} · {load}" for load in loads for topology in topologies]
    header = alt.Header(labelExpr="split(datum.label, ' · ')")
    facet = alt.Facet("cell:N", sort=order, title=None, header=header)
    return panel.facet(facet=facet, columns=columns), data


def _placed(marks: Rows, rows: Rows, width: float) -> Rows:
    """Marks with the position of their labels: second, side and height in pixels.

    To the right of the mark where there is room, else to its left, else from the left edge on; one below the other in
    a panel.
    """
    last = max(row["t"] for row in rows)
    lines: dict[tuple[str, str], int] = {}
    found = []
    for mark in marks:
        panel = (mark["load"], mark["topology"])
        lines[panel] = lines.get(panel, -1) + 1
        place = width * mark["t"] / last
        wide = LETTER * SMALL * len(mark["what"])
        right, left = place + wide < width or mark["t"] < 0.4 * last, wide < place
        begin, align = (mark["t"], "left") if right else (mark["t"], "right") if left else (0, "left")
        found.append({**mark, "from": begin, "align": align, "line": 2 + 10 * lines[panel]})
    return found

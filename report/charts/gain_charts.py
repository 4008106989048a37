"""Altair specifications, one for both outputs: interactive in the HTML, SVG in the PDF."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import altair as alt

from report.charts import theme

FONTS = Path(__file__).resolve().parents[1] / "fonts"
Spec = dict[str, Any]
Rows = list[dict[str, Any]]
TPS = "successful requests per second"
NUMBERS = r"replace(format(datum.value, ','), /,/g, '\u202f')"  # as the text writes thousands
SMALL = 9  # of words inside a panel, pixels
LETTER = 0.55  # mean width of a letter, of the size of the type
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 3), ("right", -3))
PANELS, LOWEST = 345, 55  # height of all panels of a series together, and of one at least, pixels
PAPER_WIDTH = 590  # what fits beside the axes of a page, in pixels of 0.75 pt


def finish(chart: Any, **datasets: Rows) -> Spec:
    """The specification with its data, which a chart names and does not hold: Altair would walk through every row."""
    # Checking a specification against its schema takes longer than making it; a test does.
    spec: Spec = chart.configure(**theme.CONFIG).to_dict(validate=False)
    return {**spec, "datasets": datasets}


def named(name: str) -> Any:
    """Data that `finish` adds under this name."""
    return alt.NamedData(name=name)


def _colour(names: list[str], field: str = "load") -> alt.Color:
    colours = [theme.ACCENTS[i % len(theme.ACCENTS)] for i in range(len(names))]
    scale = alt.Scale(domain=[*names, "ideal"], range=[*colours, theme.QUIET])
    return alt.Color(f"{field}:N", scale=scale, legend=None)


def headline(cells: Rows, trials: Rows, ideals: Rows, labels: Rows, ceiling: float | None = None) -> Spec:
    """Mean successful TPS by number of servers, a line for each load.

    Rows of `cells`: load, servers, tps, low, high, to (the cell's anchor); of `trials`: load, servers, tps,
    trial; of `ideals`: load, servers, tps; of `labels`: load, servers, at, label. `ceiling` is what the
    generator reaches.
    """
    loads = list(dict.fromkeys(row["load"] for row in cells))
    servers = sorted({row["servers"] for row in cells})
    # Room on the right for the labels on the lines.
    scale = alt.Scale(domain=[servers[0] - 0.15, servers[-1] + max(0.45, 0.2 * (servers[-1] - servers[0]))])
    x = alt.X("servers:Q", scale=scale, axis=alt.Axis(values=servers, format="d", grid=False, title="servers"))
    y = alt.Y("tps:Q", scale=alt.Scale(zero=True, nice=True), axis=alt.Axis(title=TPS, tickCount=5, labelExpr=NUMBERS))
    data = named("cells")
    colour = _colour(loads)
    ideal = alt.Chart(named("ideals")).mark_line(strokeDash=[2, 3], strokeWidth=1, color=theme.QUIET)
    numbers = [alt.Tooltip(f"{name}:Q", format=".1f") for name in ("tps", "low", "high")]
    layers = [
        ideal.encode(x=x, y=y, detail="load:N"),
        alt.Chart(named("trials"))
        .mark_point(filled=True, size=14, opacity=0.45)
        .encode(x=x, y=y, color=colour, tooltip=["trial:N", alt.Tooltip("tps:Q", format=".1f")]),
        alt.Chart(data).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour),
        alt.Chart(data).mark_rule(strokeWidth=2.2).encode(x=x, y=alt.Y("low:Q", title=TPS), y2="high:Q", color=colour),
        alt.Chart(data)
        .mark_point(filled=True, size=34, opacity=1)
        .encode(x=x, y=y, color=colour, href="to:N", tooltip=["load:N", "servers:Q", *numbers]),
        alt.Chart(named("labels"))
        .mark_text(align="left", dx=8, fontWeight=600)
        .encode(x=x, y=alt.Y("at:Q", title=TPS), text="label:N", color=colour),
    ]
    line: Rows = []
    if ceiling is not None:
        line = [{"tps": ceiling, "servers": servers[0] - 0.15, "label": "the generator’s ceiling"}]
        limit = alt.Chart(named("ceiling"))
        layers.append(limit.mark_rule(strokeWidth=0.8, color=theme.QUIET).encode(y=y))
        layers.append(limit.mark_text(align="left", dx=4, dy=-5, color=theme.QUIET).encode(x=x, y=y, text="label:N"))
    chart = alt.layer(*layers).properties(width=PAPER_WIDTH, height=165)
    return finish(
        chart, cells=cells, trials=trials, ideals=ideals, labels=labels, **({"ceiling": line} if line else {})
    )


def latency(rows: Rows, labels: Rows, span: tuple[float, float]) -> Spec:
    """Latency by percentile, a panel for each load: percentiles on an axis of what lies beyond, both logarithmic.

    Rows: load, topology, percentile, ms; of `labels` also `at`, the height in ms at which it stands. `span` is
    what the axis shows, ms.
    """
    loads = list(dict.fromkeys(row["load"] for row in rows))
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    ticks = [100 / (100 - q) for q in (50, 90, 99)]
    names = "datum.value < 5 ? 'p50' : datum.value < 50 ? 'p90' : 'p99'"
    beyond = {row["percentile"]: 100 / (100 - row["percentile"]) for row in rows}
    x = alt.X(
        "beyond:Q",
        scale=alt.Scale(type="log", domain=[1, max(beyond.values()) * 4]),
        axis=alt.Axis(title="percentile", values=ticks, labelExpr=names, grid=False),
    )
    title = "milliseconds"
    scale = alt.Scale(type="log", domain=list(span), nice=False)
    y = alt.Y("ms:Q", scale=scale, axis=alt.Axis(title=title, tickCount=4, labelExpr=NUMBERS))
    colour = _colour(topologies, "topology")
    columns = min(3, len(loads))
    width = max(120, PAPER_WIDTH // columns - 30)
    data = [{**row, "beyond": beyond[row["percentile"]]} for row in rows]
    data += [{**row, "beyond": beyond[row["percentile"]], "label": row["topology"]} for row in labels]
    base = alt.Chart()
    lines = (
        base.transform_filter("!datum.label")
        .mark_line(strokeWidth=1.4)
        .encode(x=x, y=y, color=colour, tooltip=["topology:N", "percentile:Q", alt.Tooltip("ms:Q", format=".1f")])
    )
    ends = (
        base.transform_filter("datum.label")
        .mark_text(align="left", dx=5)
        .encode(x=x, y=alt.Y("at:Q", scale=scale, title=title), text="label:N", color=colour)
    )
    panel = alt.layer(lines, ends, data=named("rows")).properties(width=width, height=130)
    if len(loads) <= columns:
        return finish(panel.facet(column=alt.Column("load:N", sort=loads, title=None)), rows=data)
    return finish(panel.facet(facet=alt.Facet("load:N", sort=loads, title=None), columns=columns), rows=data)


def series(rows: Rows, marks: Rows, window: tuple[float, float]) -> Spec:
    """TPS over time, a panel for each cell on shared axes: rows are loads, columns topologies.

    Rows: load, topology, trial ("<cell>/r<k>"), t (s), tps, and where there are any `failed` (negative,
    drawn below the axis); of `marks`: load, topology, t, what. More than four topologies are set in lines
    of five, and in lines of their own where not every topology has every load.
    """
    loads = list(dict.fromkeys(row["load"] for row in rows))
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    cells = {(row["load"], row["topology"]) for row in rows}
    # Vega puts panels in wrong rows where combinations are missing, as in a search: its loads are a topology's own.
    wrapped = len(topologies) > 4 or len(cells) < len(loads) * len(topologies)
    columns = 5 if len(topologies) > 4 else max(3, len(topologies)) if wrapped else len(topologies)
    width = max(80, PAPER_WIDTH // columns - 12)
    base = alt.Chart()
    seconds = base.transform_filter("!datum.what").transform_calculate(to="'#cell-' + split(datum.trial, '/')[0]")
    x = alt.X("t:Q", axis=alt.Axis(title="seconds since the first request", grid=False, tickCount=4))
    shade = (
        base.transform_aggregate(n="count()", groupby=["cell"] if wrapped else ["load", "topology"])
        .mark_rect(color=theme.FAINT, opacity=0.5, aria=False)
        .encode(x=alt.datum(window[0]), x2=alt.datum(window[1]))
    )
    line = seconds.mark_line(strokeWidth=0.8, opacity=0.75, color=theme.ACCENTS[0]).encode(
        x=x,
        y=alt.Y("tps:Q", axis=alt.Axis(title="requests per second", tickCount=4, labelExpr=NUMBERS)),
        detail="trial:N",
        href="to:N",
        tooltip=["trial:N", "t:Q", "tps:Q"],
    )
    layers = [shade, line]
    at = _placed(marks, rows, width)
    if any("failed" in row for row in rows):  # a layer without data makes Vega complain
        failed = seconds.transform_filter("datum.failed").mark_bar(color=theme.BAD, width=2)
        layers.append(failed.encode(x=x, y="failed:Q", tooltip=["trial:N", "t:Q", "failed:Q"]))
    if marks:
        happened = base.transform_filter("datum.what")
        layers.append(happened.mark_rule(color=theme.BAD, strokeWidth=1).encode(x=x, tooltip=["what:N", "t:Q"]))
        for side, dx in SIDES:
            if side in (mark["align"] for mark in at):  # a layer without data makes Vega complain
                words = happened.transform_filter(f"datum.align == '{side}'")
                written = words.mark_text(
                    align=side, baseline="top", dx=dx, fontSize=SMALL, limit=width - 6, color=theme.INK
                )
                layers.append(written.encode(x=alt.X("from:Q"), y=alt.Y("line:Q", scale=None), text="what:N"))
    placed = [*rows, *at]
    if wrapped:
        panel_of = [{**row, "cell": f"{row['topology']} · {row['load']}"} for row in placed]
        placed = [{k: v for k, v in row.items() if k not in ("load", "topology")} for row in panel_of]
    lines = math.ceil(len(cells) / columns) if wrapped else len(loads)
    height = min(105, max(LOWEST, PANELS // lines))
    panel = alt.layer(*layers, data=named("rows")).properties(width=width, height=height)
    if wrapped:
        order = [f"{topology} · {load}" for load in loads for topology in topologies]
        faceted = panel.facet(
            facet=alt.Facet("cell:N", sort=order, title=None, header=alt.Header(labelExpr="split(datum.label, ' · ')")),
            columns=columns,
        )
    else:
        faceted = panel.facet(
            row=alt.Row("load:N", sort=loads, title=None), column=alt.Column("topology:N", sort=topologies, title=None)
        )
    return finish(faceted.resolve_scale(y="shared"), rows=placed)


def _placed(marks: Rows, rows: Rows, width: float) -> Rows:
    """Marks with where their words stand: at which second, on which side of it, and at which height in pixels.

    To the right of the mark where there is room, else to its left, else from the left edge on; under one
    another in a panel.
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


def gains(rows: Rows) -> Spec:
    """Gains with their intervals against 1 and the step ideal.

    Rows: step (what it says), gain, low, high, ideal, speaks (about servers).
    """
    order = [row["step"] for row in rows]
    y = alt.Y("step:N", sort=order, axis=alt.Axis(title=None, labelLimit=260, ticks=False, domain=False))
    top = max([r["ideal"] for r in rows] + [r["high"] or r["gain"] or 1 for r in rows])
    scale = alt.Scale(domain=[min([0.8] + [r["low"] or 1 for r in rows]), top * 1.03], zero=False, nice=False)
    x = alt.X("gain:Q", scale=scale, axis=alt.Axis(title="gain (×)", tickCount=6))
    data = named("rows")
    colour = alt.condition("datum.speaks", alt.value(theme.ACCENTS[0]), alt.value(theme.ACCENTS[3]))
    one = alt.Chart(named("one")).mark_rule(color=theme.QUIET, strokeWidth=1)
    ticks = alt.Chart(data).mark_tick(color=theme.INK, thickness=1.4, height=13)
    layers = [
        one.encode(x=alt.X("one:Q", scale=scale)),
        ticks.encode(x=alt.X("ideal:Q", scale=scale), y=y),
        alt.Chart(data)
        .mark_rule(strokeWidth=2.2)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colour),
        alt.Chart(data)
        .mark_point(filled=True, size=42, opacity=1)
        .encode(x=x, y=y, color=colour, tooltip=["step:N", "gain:Q", "low:Q", "high:Q"]),
    ]
    return finish(alt.layer(*layers).properties(width=430, height=alt.Step(21)), rows=rows, one=[{"one": 1}])

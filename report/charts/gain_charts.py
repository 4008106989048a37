"""Altair specifications of throughput, gains and latency: interactive in the HTML, SVG in the PDF."""

from __future__ import annotations

import altair as alt

from harness.grid import server_types
from harness.language import tr
from report.charts import theme
from report.charts.theme import NUMBERS, PAPER_WIDTH, TPS, Rows, Spec, finish, named


def headline(
    cells: Rows,
    trials: Rows,
    ideals: Rows,
    labels: Rows,
    ceiling: float | None = None,
    paired: bool = False,
    height: int = theme.MAIN_HEIGHT,
) -> Spec:
    """Mean throughput by number of servers, a line for each load; on paper narrower where `paired` with the gains.

    Rows of `cells`: load, servers, tps, low, high, shown (tps with its interval), trials, to (the cell's anchor); of
    `trials`: load, servers, tps, trial; of `ideals`: load, servers, tps; of `labels`: load, servers, at, label.
    `ceiling` is that of the load generator, `height` is in pixels.
    """
    loads = list(dict.fromkeys(row["load"] for row in cells))
    servers = list({row["servers"]: None for row in sorted(cells, key=lambda row: server_types.count(row["servers"]))})
    is_typed = isinstance(servers[0], str)  # topologies of several types have names and no order that a line could join
    x = theme.topologies_axis(servers) if is_typed else theme.servers_axis(servers)
    y = alt.Y(
        "tps:Q", scale=alt.Scale(zero=True, nice=True), axis=alt.Axis(title=tr(TPS), tickCount=5, labelExpr=NUMBERS)
    )
    data = named("cells")
    colour = theme.colours(loads)
    ideal = alt.Chart(named("ideals")).mark_line(strokeDash=[2, 3], strokeWidth=1, color=theme.QUIET)
    if is_typed:
        ideal = alt.Chart(named("ideals")).mark_tick(thickness=1.4, width=34, color=theme.QUIET)
    numbers = [alt.Tooltip("shown:N", title="req/s"), alt.Tooltip("trials:N", title=tr("valid trials"))]
    layers = [
        ideal.encode(x=x, y=y, detail="load:N"),
        alt.Chart(named("trials"))
        .mark_point(filled=True, size=14, opacity=0.45)
        .encode(x=x, y=y, color=colour, tooltip=["trial:N", alt.Tooltip("tps:Q", format=",.1f")]),
        *([] if is_typed else [alt.Chart(data).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour)]),
        alt.Chart(data)
        .mark_rule(strokeWidth=2.2)
        .encode(x=x, y=alt.Y("low:Q", title=tr(TPS)), y2="high:Q", color=colour),
        alt.Chart(data)
        .mark_point(filled=True, size=34, opacity=1)
        .encode(
            x=x, y=y, color=colour, href="to:N", tooltip=["load:N", "servers:N" if is_typed else "servers:Q", *numbers]
        ),
        alt.Chart(named("labels"))
        .mark_text(align="left", dx=8, fontWeight=600)
        .encode(x=x, y=alt.Y("at:Q", title=tr(TPS)), text="label:N", color=colour),
    ]
    line: Rows = []
    if ceiling is not None:
        first = servers[0] if is_typed else servers[0] - 0.15
        line = [{"tps": ceiling, "servers": first, "label": tr("ceiling of the load generator")}]
        limit = alt.Chart(named("ceiling"))
        layers.append(limit.mark_rule(strokeWidth=0.8, color=theme.QUIET).encode(y=y))
        layers.append(limit.mark_text(align="left", dx=4, dy=-5, color=theme.QUIET).encode(x=x, y=y, text="label:N"))
    width = theme.PAIRED_WIDTH if paired else PAPER_WIDTH
    chart = alt.layer(*layers).properties(width=width, height=height)
    return finish(
        chart, cells=cells, trials=trials, ideals=ideals, labels=labels, **({"ceiling": line} if line else {})
    )


def latency(rows: Rows, labels: Rows, span: tuple[float, float]) -> Spec:
    """Latency by percentile, a panel for each load; both axes are logarithmic, that of percentiles by the share beyond.

    Rows: load, topology, percentile, ms; of `labels` also `at`, the height in ms. `span` is the range of the axis, ms.
    """
    loads = list(dict.fromkeys(row["load"] for row in rows))
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    ticks = [100 / (100 - q) for q in (50, 90, 99)]
    names = "datum.value < 5 ? 'p50' : datum.value < 50 ? 'p90' : 'p99'"
    beyond = {row["percentile"]: 100 / (100 - row["percentile"]) for row in rows}
    x = alt.X(
        "beyond:Q",
        scale=alt.Scale(type="log", domain=[1, max(beyond.values()) * 4]),
        axis=alt.Axis(title=tr("percentile"), values=ticks, labelExpr=names, grid=False),
    )
    title = tr("milliseconds")
    scale = alt.Scale(type="log", domain=list(span), nice=False)
    y = alt.Y("ms:Q", scale=scale, axis=alt.Axis(title=title, tickCount=4, labelExpr=NUMBERS))
    colour = theme.colours(topologies, "topology")
    columns = min(3, len(loads))
    width = max(120, PAPER_WIDTH // columns - 30)
    data = [{**row, "beyond": beyond[row["percentile"]]} for row in rows]
    data += [{**row, "beyond": beyond[row["percentile"]], "label": row["topology"]} for row in labels]
    base = alt.Chart()
    lines = (
        base.transform_filter("!datum.label")
        .mark_line(strokeWidth=1.4)
        .encode(x=x, y=y, color=colour, tooltip=["topology:N", "percentile:Q", alt.Tooltip("ms:Q", format=",.1f")])
    )
    ends = (
        base.transform_filter("datum.label")
        .mark_text(align="left", dx=5)
        .encode(x=x, y=alt.Y("at:Q", scale=scale, title=title), text="label:N", color=colour)
    )
    panel = alt.layer(lines, ends, data=named("rows")).properties(width=width, height=130)
    faceted = panel.facet(facet=alt.Facet("load:N", sort=loads, title=None), columns=columns)
    return {**finish(faceted, rows=data), **theme.panels(columns, wrapped=True)}


def gains(rows: Rows, heads: Rows) -> Spec:
    """Gains with their intervals, compared with 1 and with linear speedup, and each as text on the right.

    Rows: key ("<load>|<step>"), load, step, gain, low, high, ideal, speaks (whether it is about servers), shown (the
    text), blocks; of `heads`, which name the loads: key ("<load>|"), load.
    """
    order = [row["key"] for load in heads for row in [load, *(r for r in rows if r["load"] == load["load"])]]
    axis = alt.Axis(
        title=None, labelExpr="peek(split(datum.value, '|'))", ticks=False, domain=False, grid=False, minExtent=50
    )
    y = alt.Y("key:N", sort=order, scale=alt.Scale(domain=order), axis=axis)
    top = max([r["ideal"] for r in rows] + [r["high"] or r["gain"] or 1 for r in rows])
    scale = alt.Scale(domain=[min([0.8] + [r["low"] or 1 for r in rows]), top * 1.03], zero=False, nice=False)
    x = alt.X("gain:Q", scale=scale, axis=alt.Axis(title=tr("gain (×)"), tickCount=4))
    data = named("rows")
    colour = alt.condition("datum.speaks", alt.value(theme.ACCENTS[0]), alt.value(theme.ACCENTS[3]))
    tips = ["load:N", "step:N", alt.Tooltip("shown:N", title=tr("gain")), alt.Tooltip("blocks:Q", title=tr("blocks"))]
    one = alt.Chart(named("one")).mark_rule(color=theme.QUIET, strokeWidth=1)
    ticks = alt.Chart(data).mark_tick(color=theme.INK, thickness=1.4, height=11)
    names = alt.Chart(named("heads")).mark_text(align="left", fontWeight=600)
    layers = [
        one.encode(x=alt.X("one:Q", scale=scale)),
        ticks.encode(x=alt.X("ideal:Q", scale=scale), y=y),
        alt.Chart(data)
        .mark_rule(strokeWidth=2.2)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colour),
        alt.Chart(data).mark_point(filled=True, size=42, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips),
        alt.Chart(data)
        .mark_text(align="left", dx=8, color=theme.INK)
        .encode(x=alt.value("width"), y=y, text="shown:N"),
        names.encode(x=alt.value(-50), y=y, text="load:N"),
    ]
    chart = alt.layer(*layers).properties(width=108, height=20 * len(order))
    return finish(chart, rows=rows, heads=heads, one=[{"one": 1}])

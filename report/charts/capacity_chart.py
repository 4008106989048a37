"""The Altair specification of capacities by number of servers."""

from __future__ import annotations

import altair as alt

from harness.language import tr
from report.charts import theme
from report.charts.theme import NUMBERS, PAPER_WIDTH, Rows, Spec, finish, named


def capacity_by_servers(
    rows: Rows,
    ideals: Rows,
    known: Rows,
    labels: Rows,
    title: str,
    paired: bool = False,
    height: int = theme.MAIN_HEIGHT,
) -> Spec:
    """Capacities with their intervals, a line for each setting of the other factors; on paper narrower if `paired`.

    Rows: line, servers, load (in the unit of `title`), low, high, shown (with its interval), blocks; of `ideals` and
    `known` (by formula): line, servers, load; of `labels`: line, servers, at (the height),
    label. `height` is in pixels.
    """
    lines = list(dict.fromkeys(row["line"] for row in rows))
    servers = sorted({row["servers"] for row in rows})
    x = theme.servers_axis(servers)
    scale = alt.Scale(zero=True, nice=True)
    y = alt.Y("load:Q", scale=scale, axis=alt.Axis(title=title, tickCount=5, labelExpr=NUMBERS))
    colour = theme.colours(lines, "line")
    data = named("rows")
    tips = ["line:N", "servers:Q", alt.Tooltip("shown:N", title=tr("capacity")), "blocks:Q"]
    ideal = alt.Chart(named("ideals")).mark_line(strokeWidth=0.8, color=theme.QUIET)
    layers = [
        ideal.encode(x=x, y=y, detail="line:N"),
        alt.Chart(data).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour),
        alt.Chart(data)
        .transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2.2)
        .encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour),
        alt.Chart(data).mark_point(filled=True, size=34, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips),
    ]
    if known:  # a layer without data makes Vega complain
        hollow = alt.Chart(named("known")).mark_point(filled=False, size=90, strokeWidth=1.2, opacity=1)
        layers.append(hollow.encode(x=x, y=y, color=colour, tooltip=["servers:Q", "load:Q"]))
    names = alt.Chart(named("labels")).mark_text(align="left", dx=8, fontWeight=600)
    layers.append(names.encode(x=x, y=alt.Y("at:Q", title=title), text="label:N", color=colour))
    width = theme.PAIRED_WIDTH if paired else PAPER_WIDTH
    chart = alt.layer(*layers).properties(width=width, height=height)
    return finish(chart, rows=rows, ideals=ideals, labels=labels, **({"known": known} if known else {}))

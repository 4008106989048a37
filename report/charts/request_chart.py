"""The Altair specification of response times by request."""

from __future__ import annotations

import altair as alt

from harness.language import tr
from report.charts import theme
from report.charts.load_chart import COLOURS, ticks
from report.charts.theme import NUMBERS, PAPER_WIDTH, Rows, Spec, finish, named

HEIGHT, COLUMNS = 110, 3


def by_request(rows: Rows, labels: Rows, names: list[str], topologies: list[str], span: tuple[float, float]) -> Spec:
    """Percentiles by topology, a panel for each request on shared axes.

    Rows: name, topology, load, percentile, ms; of `labels` the same, with the height in ms. `span` is the range of the
    axis, in ms.
    """
    columns = min(COLUMNS, len(names))
    scale = alt.Scale(type="log", domain=list(span), nice=False)
    y = alt.Y("ms:Q", scale=scale, axis=alt.Axis(title=tr("milliseconds"), values=ticks(span), labelExpr=NUMBERS))
    x = alt.X(
        "topology:N",
        sort=topologies,
        scale=alt.Scale(type="point", padding=0.5),
        axis=alt.Axis(title=None, labelAngle=0, labelLimit=0),
    )
    colour = alt.Color("percentile:N", scale=alt.Scale(domain=[*COLOURS], range=[*COLOURS.values()]), legend=None)
    tips = ["name:N", "topology:N", "load:N", "percentile:N", alt.Tooltip("ms:Q", format=",.1f")]
    base = alt.Chart()
    layers = [
        base.transform_filter("!datum.label").mark_line(strokeWidth=1.4).encode(x=x, y=y, color=colour),
        base.transform_filter("!datum.label")
        .mark_point(filled=True, size=30, opacity=1)
        .encode(x=x, y=y, color=colour, tooltip=tips),
        base.transform_filter("datum.label")
        .mark_text(align="left", dx=6, fontSize=theme.SMALL)
        .encode(x=x, y=y, text="percentile:N", color=colour),
    ]
    width = min(PAPER_WIDTH // columns - 45, 240)
    panel = alt.layer(*layers, data=named("rows")).properties(width=width, height=HEIGHT)
    faceted = panel.facet(facet=alt.Facet("name:N", sort=names, title=None), columns=columns)
    spec = finish(faceted, rows=[*rows, *({**row, "label": True} for row in labels)])
    return {**spec, **theme.panels(columns, wrapped=True)}

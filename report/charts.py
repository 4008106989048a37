"""Altair specifications, one for both outputs: interactive in the HTML, SVG in the PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from report import theme

FONTS = Path(__file__).resolve().parent / "fonts"
Spec = dict[str, Any]


def _finish(chart: Any) -> Spec:
    spec: Spec = chart.configure(**theme.CONFIG).to_dict(validate=True)
    return spec


def _data(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call] # altair leaves its wrappers of the schema untyped


def _colour(loads: list[str]) -> alt.Color:
    colours = [theme.ACCENTS[i % len(theme.ACCENTS)] for i in range(len(loads))]
    scale = alt.Scale(domain=[*loads, "ideal"], range=[*colours, theme.QUIET])
    return alt.Color("load:N", scale=scale, legend=None)


Rows = list[dict[str, Any]]
TPS = "successful requests per second"


def headline(cells: Rows, trials: Rows, ideals: Rows, labels: Rows, ceiling: float | None = None) -> Spec:
    """Mean successful TPS by number of servers, a line for each load.

    Rows of `cells`: load, servers, tps, low, high; of `trials`: load, servers, tps, trial; of `ideals`:
    load, servers, tps; of `labels`: load, servers, at, label. `ceiling` is what the generator reaches.
    """
    loads = list(dict.fromkeys(row["load"] for row in cells))
    servers = sorted({row["servers"] for row in cells})
    # Room on the right for the labels on the lines.
    scale = alt.Scale(domain=[servers[0] - 0.15, servers[-1] + max(0.45, 0.2 * (servers[-1] - servers[0]))])
    x = alt.X("servers:Q", scale=scale, axis=alt.Axis(values=servers, format="d", grid=False, title="servers"))
    y = alt.Y(
        "tps:Q",
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(title=TPS, tickCount=5),
    )
    data = _data(cells)
    colour = _colour(loads)
    ideal = alt.Chart(_data(ideals)).mark_line(strokeDash=[2, 3], strokeWidth=1, color=theme.QUIET)
    layers = [
        ideal.encode(x=x, y=y, detail="load:N"),
        alt.Chart(_data(trials))
        .mark_point(filled=True, size=14, opacity=0.45)
        .encode(x=x, y=y, color=colour, tooltip=["trial:N", alt.Tooltip("tps:Q", format=".1f")]),
        alt.Chart(data).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour),
        alt.Chart(data).mark_rule(strokeWidth=2.2).encode(x=x, y=alt.Y("low:Q", title=TPS), y2="high:Q", color=colour),
        alt.Chart(data)
        .mark_point(filled=True, size=34, opacity=1)
        .encode(
            x=x,
            y=y,
            color=colour,
            tooltip=[
                "load:N",
                "servers:Q",
                alt.Tooltip("tps:Q", format=".1f"),
                alt.Tooltip("low:Q", format=".1f"),
                alt.Tooltip("high:Q", format=".1f"),
            ],
        ),
        alt.Chart(_data(labels))
        .mark_text(align="left", dx=8, fontWeight=600)
        .encode(x=x, y=alt.Y("at:Q", title=TPS), text="label:N", color=colour),
    ]
    if ceiling is not None:
        line = [{"tps": ceiling, "servers": servers[0] - 0.15, "label": "the generator’s ceiling"}]
        limit = alt.Chart(_data(line))
        layers.append(limit.mark_rule(strokeWidth=0.8, color=theme.QUIET).encode(y=y))
        layers.append(limit.mark_text(align="left", dx=4, dy=-5, color=theme.QUIET).encode(x=x, y=y, text="label:N"))
    return _finish(alt.layer(*layers).properties(width=430, height=230))


def latency(rows: list[dict[str, Any]]) -> Spec:
    """Latency by percentile, a panel for each load: percentiles on an axis of what lies beyond, both logarithmic.

    Rows: load, topology, percentile, ms.
    """
    loads = list(dict.fromkeys(row["load"] for row in rows))
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    placed = [{**row, "beyond": 100 / (100 - row["percentile"])} for row in rows]
    last = {(row["load"], row["topology"]): row for row in placed}
    ends = [{**row, "label": row["topology"]} for row in last.values()]
    ticks = [100 / (100 - q) for q in (1, 50, 90, 99)]
    names = "datum.value < 5 ? (datum.value < 1.5 ? 'p1' : 'p50') : datum.value < 50 ? 'p90' : 'p99'"
    x = alt.X(
        "beyond:Q",
        scale=alt.Scale(type="log", domain=[1, max(row["beyond"] for row in placed) * 3]),
        axis=alt.Axis(title="percentile", values=ticks, labelExpr=names, grid=False),
    )
    y = alt.Y("ms:Q", scale=alt.Scale(type="log"), axis=alt.Axis(title="milliseconds", tickCount=4))
    shades = [theme.ACCENTS[i % len(theme.ACCENTS)] for i in range(len(topologies))]
    colour = alt.Color("topology:N", scale=alt.Scale(domain=topologies, range=shades), legend=None)
    width = max(120, 470 // max(1, len(loads)) - 20)
    data = [{**row, "label": None} for row in placed] + [{**row, "end": True} for row in ends]
    base = alt.Chart()
    lines = (
        base.transform_filter("!datum.end")
        .mark_line(strokeWidth=1.4)
        .encode(x=x, y=y, color=colour, tooltip=["topology:N", "percentile:Q", alt.Tooltip("ms:Q", format=".1f")])
    )
    labels = (
        base.transform_filter("datum.end").mark_text(align="left", dx=5).encode(x=x, y=y, text="label:N", color=colour)
    )
    panel = alt.layer(lines, labels, data=_data(data)).properties(width=width, height=130)
    return _finish(panel.facet(column=alt.Column("load:N", sort=loads, title=None)))


def series(rows: list[dict[str, Any]], window: tuple[float, float]) -> Spec:
    """TPS over time, a panel for each cell on shared axes: rows are loads, columns topologies.

    Rows: load, topology, trial, t (s), tps, failed (negative, drawn below the axis).
    """
    loads = list(dict.fromkeys(row["load"] for row in rows))
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    base = alt.Chart()
    x = alt.X("t:Q", axis=alt.Axis(title="seconds since the first request", grid=False, tickCount=4))
    shade = (
        base.transform_aggregate(n="count()", groupby=["load", "topology"])
        .mark_rect(color=theme.FAINT, opacity=0.5)
        .encode(x=alt.datum(window[0]), x2=alt.datum(window[1]))
    )
    line = base.mark_line(strokeWidth=0.8, opacity=0.75, color=theme.ACCENTS[0]).encode(
        x=x,
        y=alt.Y("tps:Q", axis=alt.Axis(title="requests per second", tickCount=4)),
        detail="trial:N",
        tooltip=["trial:N", "t:Q", "tps:Q"],
    )
    layers = [shade, line]
    if any(row["failed"] is not None for row in rows):  # a layer without data makes Vega complain
        failed = base.transform_filter("datum.failed != null").mark_bar(color=theme.BAD, width=2)
        layers.append(failed.encode(x=x, y="failed:Q", tooltip=["trial:N", "t:Q", "failed:Q"]))
    width = max(90, 470 // max(1, len(topologies)) - 12)
    panel = alt.layer(*layers, data=_data(rows)).properties(width=width, height=105)
    return _finish(
        panel.facet(
            row=alt.Row("load:N", sort=loads, title=None),
            column=alt.Column("topology:N", sort=topologies, title=None),
        ).resolve_scale(y="shared")
    )


def gains(rows: list[dict[str, Any]]) -> Spec:
    """Gains with their intervals against 1 and the step ideal.

    Rows: step (what it says), gain, low, high, ideal, speaks (about servers).
    """
    order = [row["step"] for row in rows]
    y = alt.Y("step:N", sort=order, axis=alt.Axis(title=None, labelLimit=260, ticks=False, domain=False))
    top = max([r["ideal"] for r in rows] + [r["high"] or r["gain"] or 1 for r in rows])
    scale = alt.Scale(domain=[min([0.8] + [r["low"] or 1 for r in rows]), top * 1.03], zero=False, nice=False)
    x = alt.X("gain:Q", scale=scale, axis=alt.Axis(title="gain (×)", tickCount=6))
    data = _data(rows)
    colour = alt.condition("datum.speaks", alt.value(theme.ACCENTS[0]), alt.value(theme.ACCENTS[3]))
    layers = [
        alt.Chart(_data([{"one": 1}]))
        .mark_rule(color=theme.QUIET, strokeWidth=1)
        .encode(x=alt.X("one:Q", scale=scale)),
        alt.Chart(data)
        .mark_tick(color=theme.INK, thickness=1.4, height=13)
        .encode(x=alt.X("ideal:Q", scale=scale), y=y),
        alt.Chart(data)
        .mark_rule(strokeWidth=2.2)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colour),
        alt.Chart(data)
        .mark_point(filled=True, size=42, opacity=1)
        .encode(x=x, y=y, color=colour, tooltip=["step:N", "gain:Q", "low:Q", "high:Q"]),
    ]
    return _finish(alt.layer(*layers).properties(width=330, height=alt.Step(21)))


def svg(spec: Spec) -> str:
    """Draw a specification as SVG, with the bundled fonts."""
    vl_convert.register_font_directory(str(FONTS))
    return str(vl_convert.vegalite_to_svg(spec))

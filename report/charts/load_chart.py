"""The Altair specification of answer times by load: one for both outputs."""

from __future__ import annotations

import math
from typing import Any, Literal

import altair as alt

from report.charts import theme
from report.charts.gain_charts import NUMBERS, PAPER_WIDTH, SIDES, SMALL, Rows, Spec, finish, named

COLOURS = {"p50": theme.ACCENTS[0], "p95": theme.ACCENTS[1], "p99": theme.ACCENTS[2]}
WIDE = 12  # times the smallest load, from where on loads stand on a logarithmic axis
SEVERAL, FEW = 130, 90  # height of a panel, pixels; with two loads there is little to see
TICKS = 8  # loads that the axis may name one by one
LABELS = 0.16  # of a panel's width, for the lines' labels
ROOM = 26  # pixels for them, where each panel has its own axis


def latency_by_load(
    rows: Rows,
    labels: Rows,
    knees: Rows,
    objective: float | None,
    span: tuple[float, float],
    title: str,
    small: bool,
    own: bool = False,
) -> Spec:
    """Percentiles by load, a panel for each topology on shared axes; the loads' axis is each panel's `own` where asked.

    Rows: kind (cell, trial or probe), topology, load, percentile, ms, of trials and probes `trial`; of `labels`
    topology, load, percentile and ms, where it stands; of `knees` topology, load,
    what, align (on which side of it). `objective` is in ms, `span`
    what the axis shows, ms; `title` that of the loads' axis.
    """
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    columns = 2 if len(topologies) == 4 else min(3, len(topologies))
    width = min(PAPER_WIDTH // columns - 45, 170 if small else PAPER_WIDTH)
    x = _across(rows, title, own)
    scale = alt.Scale(type="log", domain=list(span), nice=False)
    y = alt.Y("ms:Q", scale=scale, axis=alt.Axis(title="milliseconds", values=_ticks(span), labelExpr=NUMBERS))
    colour = alt.Color("percentile:N", scale=alt.Scale(domain=[*COLOURS], range=[*COLOURS.values()]), legend=None)
    tips = ["topology:N", "load:Q", "percentile:N", alt.Tooltip("ms:Q", format=".1f")]

    def of(*kinds: str) -> Any:
        return alt.Chart().transform_filter(alt.FieldOneOfPredicate(field="kind", oneOf=list(kinds)))

    kinds = {row["kind"] for row in rows}
    layers = [of("cell", "probe").mark_line(strokeWidth=1.4).encode(x=x, y=y, color=colour)]
    if "trial" in kinds:  # a layer without data makes Vega complain
        dots = of("trial").mark_point(filled=True, size=12, opacity=0.35)
        layers.append(dots.encode(x=x, y=y, color=colour, tooltip=["trial:N", *tips]))
    if "probe" in kinds:
        hollow = of("probe").mark_point(filled=False, fill="white", size=22, strokeWidth=1, opacity=1)
        layers.append(hollow.encode(x=x, y=y, color=colour, tooltip=["trial:N", *tips]))
    if "cell" in kinds:
        layers.append(
            of("cell").mark_point(filled=True, size=30, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips)
        )
    layers.append(of("label").mark_text(align="left", dx=6).encode(x=x, y=y, text="percentile:N", color=colour))
    marks = [{**row, "kind": "label"} for row in labels]
    if objective is not None:
        # Of a panel with its own axis what is left of a knee is as free as what is right of it: away from the knee.
        early = {knee["topology"] for knee in knees if own and knee["align"] == "left"}
        marks += [
            {"kind": "objective", "topology": name, "ms": objective, "align": "right" if name in early else "left"}
            for name in topologies
        ]
        layers.append(of("objective").mark_rule(strokeWidth=0.8, color=theme.INK).encode(y=y))
        for side, at in (("left", 2), ("right", width - 2)):
            if side in (mark["align"] for mark in marks if mark["kind"] == "objective"):
                words = of("objective").transform_filter(f"datum.align == '{side}'")
                words = words.mark_text(align=side, dy=-5, fontSize=SMALL, text="p95 objective")
                layers.append(words.encode(x=alt.value(at), y=y))
    if knees:
        # Before a knee answers are fast, from it on slow: what is written stands above the lines, or below them.
        marks += [{**knee, "kind": "knee", "ms": span[knee["align"] == "right"]} for knee in knees]
        layers.append(of("knee").mark_rule(strokeDash=[3, 3], strokeWidth=1, color=theme.QUIET).encode(x=x))
        for side, dx in SIDES:
            if side in (knee["align"] for knee in knees):
                words = of("knee").transform_filter(f"datum.align == '{side}'")
                words = words.mark_text(align=side, dx=dx, dy=5 if side == "right" else -6, fontSize=SMALL)
                layers.append(words.encode(x=x, y=y, text="what:N"))
    panel = alt.layer(*layers, data=named("rows")).properties(width=width, height=FEW if small else SEVERAL)
    faceted = panel.facet(facet=alt.Facet("topology:N", sort=topologies, title=None), columns=columns)
    if own:
        faceted = faceted.resolve_scale(x="independent")
    return finish(faceted, rows=[*rows, *marks])


def _ticks(span: tuple[float, float]) -> list[float]:
    """Powers of ten within the span, with their doubles and fives where these are few."""
    decades = range(math.floor(math.log10(span[0])), math.ceil(math.log10(span[1])) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [
            step * 10.0**decade for decade in decades for step in steps if span[0] <= step * 10.0**decade <= span[1]
        ]
        if len(ticks) >= 3:
            break
    return ticks


def _across(rows: Rows, title: str, own: bool) -> alt.X:
    """The axis of the loads with room for labels at its end."""
    levels = sorted({row["load"] for row in rows})
    least, most = levels[0], levels[-1]
    few = {"values": levels} if len(levels) <= TICKS and not own else {"tickCount": 4}
    axis = alt.Axis(title=title, grid=False, labelExpr=NUMBERS, labelOverlap=True, **few)
    if own:
        # Of panels with ends of their own Vega knows no room at one side alone.
        shape: Literal["log", "linear"] = "log" if most > WIDE * least else "linear"
        return alt.X("load:Q", scale=alt.Scale(type=shape, zero=False, nice=False, padding=ROOM), axis=axis)
    if most > WIDE * least:
        begin, end = least / 1.15, most * (most / least) ** (LABELS / (1 - LABELS))
        return alt.X("load:Q", scale=alt.Scale(type="log", domain=[begin, end], nice=False), axis=axis)
    begin, room = least - 0.06 * (most - least), (most - least) * LABELS / (1 - LABELS)
    scale = alt.Scale(domain=[begin, most + max(room, 0.3 * (most - least))], zero=False, nice=False)
    return alt.X("load:Q", scale=scale, axis=axis)

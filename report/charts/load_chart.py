"""The Altair specification of response times by load."""

from __future__ import annotations

import math
from typing import Any, Literal

import altair as alt

from harness.language import tr
from report.charts import theme
from report.charts.theme import NUMBERS, PAPER_WIDTH, SIDES, SMALL, Rows, Spec, finish, named

COLOURS = {"p50": theme.ACCENTS[0], "p95": theme.ACCENTS[1], "p99": theme.ACCENTS[2]}
WIDE = 12  # times the smallest load, from which on the axis of loads is logarithmic
SEVERAL, FEW = 130, 90  # height of a panel, pixels: with several loads, and with two
TICKS = 8  # loads with a tick each
LABELS = 0.16  # of a panel's width, for the lines' labels
ROOM = 26  # pixels for them in a panel with its own axis


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
    """Percentiles by load, a panel for each topology on shared axes; with `own` each panel has its own axis of loads.

    Rows: kind (cell, trial or probe), topology, load, percentile, ms, of trials and probes `trial`; of `labels`:
    topology, load, percentile and ms, the height; of `knees`: topology, load, what, align (the side of its label).
    `objective` and `span`, the range of the axis, are in ms; `title` is that of the axis of loads.
    """
    topologies = list(dict.fromkeys(row["topology"] for row in rows))
    columns = 2 if len(topologies) == 4 else min(3, len(topologies))
    width = min(PAPER_WIDTH // columns - 45, 170 if small else PAPER_WIDTH)
    x = _loads_axis(rows, title, own)
    scale = alt.Scale(type="log", domain=list(span), nice=False)
    y = alt.Y("ms:Q", scale=scale, axis=alt.Axis(title=tr("milliseconds"), values=ticks(span), labelExpr=NUMBERS))
    layers = _percentiles(rows, x, y)
    marks = [{**row, "kind": "label"} for row in labels]
    if objective is not None:
        # In a panel with its own axis both sides of a knee are free: the label goes to the other side.
        early = {knee["topology"] for knee in knees if own and knee["align"] == "left"}
        sides = {name: "right" if name in early else "left" for name in topologies}
        marks += [
            {"kind": "objective", "topology": name, "ms": objective, "align": side} for name, side in sides.items()
        ]
        layers += _objective(set(sides.values()), y, width)
    if knees:
        # Responses are fast before a knee and slow after it: labels are above the lines, or below them.
        marks += [{**knee, "kind": "knee", "ms": span[knee["align"] == "right"]} for knee in knees]
        layers += _knees({knee["align"] for knee in knees}, x, y)
    panel = alt.layer(*layers, data=named("rows")).properties(width=width, height=FEW if small else SEVERAL)
    faceted = panel.facet(facet=alt.Facet("topology:N", sort=topologies, title=None), columns=columns)
    if own:
        faceted = faceted.resolve_scale(x="independent")
    return {**finish(faceted, rows=[*rows, *marks]), **theme.panels(columns, wrapped=True)}


def _of(*kinds: str) -> Any:
    return alt.Chart().transform_filter(alt.FieldOneOfPredicate(field="kind", oneOf=list(kinds)))


def _percentiles(rows: Rows, x: alt.X, y: alt.Y) -> list[Any]:
    """A line for each percentile with its label, and the points of cells, trials and probes."""
    colour = alt.Color("percentile:N", scale=alt.Scale(domain=[*COLOURS], range=[*COLOURS.values()]), legend=None)
    tips = ["topology:N", "load:Q", "percentile:N", alt.Tooltip("ms:Q", format=",.1f")]
    kinds = {row["kind"] for row in rows}
    layers = [_of("cell", "probe").mark_line(strokeWidth=1.4).encode(x=x, y=y, color=colour)]
    if "trial" in kinds:  # Vega warns of a layer without data
        dots = _of("trial").mark_point(filled=True, size=12, opacity=0.35)
        layers.append(dots.encode(x=x, y=y, color=colour, tooltip=["trial:N", *tips]))
    if "probe" in kinds:
        hollow = _of("probe").mark_point(filled=False, fill="white", size=22, strokeWidth=1, opacity=1)
        layers.append(hollow.encode(x=x, y=y, color=colour, tooltip=["trial:N", *tips]))
    if "cell" in kinds:
        dots = _of("cell").mark_point(filled=True, size=30, opacity=1)
        layers.append(dots.encode(x=x, y=y, color=colour, tooltip=tips))
    names = _of("label").mark_text(align="left", dx=6)
    return [*layers, names.encode(x=x, y=y, text="percentile:N", color=colour)]


def _objective(sides: set[str], y: alt.Y, width: float) -> list[Any]:
    """The line of the p95 objective, with its label on these sides."""
    layers = [_of("objective").mark_rule(strokeWidth=0.8, color=theme.INK).encode(y=y)]
    for side, at in (("left", 2), ("right", width - 2)):
        if side in sides:
            labels = _of("objective").transform_filter(f"datum.align == '{side}'")
            labels = labels.mark_text(align=side, dy=-5, fontSize=SMALL, text=tr("p95 objective"))
            layers.append(labels.encode(x=alt.value(at), y=y))
    return layers


def _knees(sides: set[str], x: alt.X, y: alt.Y) -> list[Any]:
    """A dashed rule for each knee or capacity, with its label on these sides."""
    layers = [_of("knee").mark_rule(strokeDash=[3, 3], strokeWidth=1, color=theme.QUIET).encode(x=x)]
    for side, dx in SIDES:
        if side in sides:
            labels = _of("knee").transform_filter(f"datum.align == '{side}'")
            labels = labels.mark_text(align=side, dx=dx, dy=5 if side == "right" else -6, fontSize=SMALL)
            layers.append(labels.encode(x=x, y=y, text="what:N"))
    return layers


def ticks(span: tuple[float, float]) -> list[float]:
    """Powers of ten within the span, with their doubles and fives where these are few."""
    decades = range(math.floor(math.log10(span[0])), math.ceil(math.log10(span[1])) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [
            step * 10.0**decade for decade in decades for step in steps if span[0] <= step * 10.0**decade <= span[1]
        ]
        if len(ticks) >= 3:
            break
    return ticks


def _loads_axis(rows: Rows, title: str, own: bool) -> alt.X:
    """The axis of the loads with room for labels at its end."""
    levels = sorted({row["load"] for row in rows})
    least, most = levels[0], levels[-1]
    few = {"values": levels} if len(levels) <= TICKS and not own else {"tickCount": 4}
    axis = alt.Axis(title=title, grid=False, labelExpr=NUMBERS, labelOverlap=True, **few)
    if own:
        # Vega cannot pad one side alone of panels with their own axes.
        shape: Literal["log", "linear"] = "log" if most > WIDE * least else "linear"
        return alt.X("load:Q", scale=alt.Scale(type=shape, zero=False, nice=False, padding=ROOM), axis=axis)
    if most > WIDE * least:
        begin, end = least / 1.15, most * (most / least) ** (LABELS / (1 - LABELS))
        return alt.X("load:Q", scale=alt.Scale(type="log", domain=[begin, end], nice=False), axis=axis)
    begin, room = least - 0.06 * (most - least), (most - least) * LABELS / (1 - LABELS)
    scale = alt.Scale(domain=[begin, most + max(room, 0.3 * (most - least))], zero=False, nice=False)
    return alt.X("load:Q", scale=scale, axis=axis)

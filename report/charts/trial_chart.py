"""The Altair specification of a cell's own page: its trials on one clock. The page's script adds the data."""

from __future__ import annotations

from typing import Any

import altair as alt

from harness.language import tr
from report.charts import theme
from report.charts.load_chart import COLOURS
from report.charts.theme import NUMBERS, PAPER_WIDTH, Spec, finish, named

HEIGHT = 110  # of a panel, pixels
# Of hosts: of medium lightness, so that they remain distinct on a dark page.
HOSTS = ["#0b6ca8", "#d9730d", "#2f8f4e", "#a8447a", "#7a5cc2", "#808080", "#a07d00", "#00878f"]
EXTENT = 52  # pixels of the vertical axes, so that the clocks of all panels are one below the other


def cell(cells: dict[str, Any]) -> Spec:
    """Panels of throughput, requests in flight, response times and utilization, on a common axis of seconds.

    The panels are named `panel_<data>`. `usermeta` has the cells: anchor → trials, as `trial_data` makes them.
    """
    panels = [
        _panel("tps", tr("requests per second"), *_failures()),
        _panel("in_flight", tr("requests in flight")),
        _panel("ms", tr("milliseconds"), *_percentiles()),
        _utilization(),
    ]
    chart = alt.vconcat(*panels, spacing=14).resolve_scale(x="shared", color="independent")
    return {**finish(chart), "usermeta": {"cells": cells}}


def _time(title: str | None = None) -> alt.X:
    return alt.X("t:Q", axis=alt.Axis(title=title, grid=False, tickCount=8))


def _axis(title: str, **more: Any) -> alt.Axis:
    return alt.Axis(title=title, tickCount=4, minExtent=EXTENT, **more)


def _panel(name: str, title: str, *more: Any) -> Any:
    """A line for each trial over the shaded window, with the events."""
    y = alt.Y("value:Q", scale=alt.Scale(zero=True), axis=_axis(title, labelExpr=NUMBERS))
    tips = ["trial:N", alt.Tooltip("t:Q", title=tr("seconds")), alt.Tooltip("value:Q", title=title)]
    line = alt.Chart(named(name)).mark_line(strokeWidth=1.1, opacity=0.8, color=theme.ACCENTS[0])
    layers = [_window(), line.encode(x=_time(), y=y, detail="trial:N", tooltip=tips), *more, _events()]
    return alt.layer(*layers).properties(width=PAPER_WIDTH, height=HEIGHT, name=f"panel_{name}")


def _window(title: str | None = None) -> Any:
    shade = alt.Chart(named("window")).mark_rect(color=theme.FAINT, opacity=0.5)
    return shade.encode(x=alt.X("from:Q", title=title), x2="to:Q")


def _events(title: str | None = None) -> Any:
    rule = alt.Chart(named("events")).mark_rule(color=theme.BAD, strokeWidth=1.5)
    return rule.encode(x=_time(title), tooltip=["trial:N", alt.Tooltip("t:Q", title=tr("seconds")), "what:N"])


def _failures() -> list[Any]:
    bars = alt.Chart(named("failed")).mark_bar(color=theme.BAD, width=2)
    return [bars.encode(x=_time(), y="value:Q", tooltip=["trial:N", "t:Q", alt.Tooltip("value:Q", title=tr("failed"))])]


def _percentiles() -> list[Any]:
    """Percentiles of each trial over its window."""
    colour = alt.Color(
        "percentile:N",
        scale=alt.Scale(domain=[*COLOURS], range=[*COLOURS.values()]),
        legend=alt.Legend(title=None, orient="top", symbolType="stroke", offset=2),
    )
    rules = alt.Chart(named("percentiles")).mark_rule(strokeWidth=1.4)
    tips = ["trial:N", "percentile:N", alt.Tooltip("value:Q", title="ms")]
    return [rules.encode(x=alt.X("from:Q", title=None), x2="to:Q", y="value:Q", color=colour, tooltip=tips)]


def _utilization() -> Any:
    """A line for each host and trial."""
    y = alt.Y("value:Q", scale=alt.Scale(zero=True), axis=_axis(tr("utilization"), format="%"))
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", offset=2, columns=3)
    colour = alt.Color("host:N", scale=alt.Scale(range=HOSTS), legend=legend)
    tips = [
        "host:N",
        "trial:N",
        alt.Tooltip("t:Q", title=tr("seconds")),
        alt.Tooltip("value:Q", format=".0%", title=tr("used")),
    ]
    lines = alt.Chart(named("hosts")).mark_line(strokeWidth=1.1, opacity=0.8)
    clock = tr("seconds since the first request")
    used = lines.encode(x=_time(clock), y=y, color=colour, detail=["trial:N", "host:N"], tooltip=tips)
    layers = [_window(clock), used, _events(clock)]
    return alt.layer(*layers).properties(width=PAPER_WIDTH, height=HEIGHT, name="panel_hosts")

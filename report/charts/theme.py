"""The appearance of charts: one typeface, two accents, and greys that remain distinct on a grey printer."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt

from harness.language import current, messages, tr

Spec = dict[str, Any]
Rows = list[dict[str, Any]]
INK, QUIET, FAINT = "#1a1a1a", "#6a6a6a", "#e4e4e4"
# Distinct in lightness too, and for the colour blind (blue against orange).
ACCENTS = ("#0b5c8c", "#d9730d", "#5f5f5f", "#9a9a9a", "#2f2f2f", "#b4b4b4")
BAD = ACCENTS[1]
AXIS = {"labelColor": QUIET, "titleColor": QUIET, "labelFontSize": 10, "titleFontSize": 10}
CONFIG: dict[str, Any] = {
    "font": "Inter",
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        **AXIS,
        "titleFontWeight": "normal",
        "domainColor": QUIET,
        "tickColor": QUIET,
        "gridColor": FAINT,
        "gridOpacity": 0.6,
        "tickSize": 3,
    },
    "header": {**AXIS, "labelFontWeight": "normal"},
    "text": {"fontSize": 10.5, "color": QUIET},
}
TPS = messages("successful requests per second")
NUMBERS = "format(datum.value, ',')"  # thousands as in the text
SMALL = 9  # type size inside a panel, pixels
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 3), ("right", -3))
PAPER_WIDTH = 590  # of a chart between the axes of a page, in pixels of 0.75 pt
PAIRED_WIDTH = 328  # of the first chart, with the gains on its right
MAIN_HEIGHT = 200  # of the first chart, pixels; larger where page 1 has room


def finish(chart: Any, **datasets: Rows) -> Spec:
    """The specification with its data, which the chart only names: Altair would walk through every row."""
    # Validating a specification against its schema takes longer than making it; a test does it.
    config = {**CONFIG, "font": ", ".join(filter(None, (CONFIG["font"], current().font)))}
    spec: Spec = chart.configure(**config).to_dict(validate=False)
    return {**spec, "datasets": datasets}


def panels(columns: int, *, wrapped: bool) -> Spec:
    """Facts for the script that fits panels into a page; of `wrapped` panels a narrow page has fewer columns."""
    return {"usermeta": {"columns": columns, "wrapped": wrapped}}


def named(name: str) -> Any:
    """The data that `finish` adds under this name."""
    return alt.NamedData(name=name)


def servers_axis(servers: list[int]) -> alt.X:
    """The axis of the number of servers, with room for labels on its right."""
    domain = [servers[0] - 0.15, servers[-1] + max(0.45, 0.2 * (servers[-1] - servers[0]))]
    axis = alt.Axis(values=servers, format="d", grid=False, title=tr("servers"))
    return alt.X("servers:Q", scale=alt.Scale(domain=domain), axis=axis)


def topologies_axis(topologies: list[str]) -> alt.X:
    """The axis of topologies of several types, in this order."""
    axis = alt.Axis(grid=False, title="servers", labelAngle=0, labelLimit=140)
    return alt.X("servers:N", sort=None, scale=alt.Scale(domain=topologies, padding=0.7), axis=axis)


def colours(names: list[str], field: str = "load") -> alt.Color:
    """A colour for each name, and grey for linear speedup."""
    accents = [ACCENTS[i % len(ACCENTS)] for i in range(len(names))]
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=[*names, "ideal"], range=[*accents, QUIET]), legend=None)

"""The view model as one PDF, complete on its own, offline."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace

import weasyprint
from markupsafe import Markup
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from report.charts import svg
from report.charts.gain_data import evenly
from report.elements import Chart, Table
from report.model import Report
from report.output import glyphs, html

MOST_ROWS = 100  # of a table on paper; nobody reads more of them there
MOST_LOADS = 12


def shortened(report: Report) -> Report:
    """What is printed of a very large study: of long tables some rows at even distances, which each one says."""
    return replace(
        report,
        gains=report.gains and _some_loads(report.gains),
        limits=_short(report.limits, "report.html holds all"),
        cells=_short(report.cells, "cells.csv and report.html hold all"),
        latency=_short(report.latency, "cells.csv and report.html hold all"),
        trials=_short(report.trials, "report.html holds all", first=OUTCOME),
    )


def _some_loads(gains: Table) -> Table:
    """Of very many loads some, each with all of its steps."""
    loads = list(dict.fromkeys(row[0] for row in gains.rows))
    shown = evenly(loads, MOST_LOADS)
    if len(shown) == len(loads):
        return gains
    told = f"{len(shown)} of {len(loads)} loads, at even distances; gains.csv and report.html hold all."
    return gains.of([i for i, row in enumerate(gains.rows) if row[0] in shown], f"{told} {gains.note}".strip())


OUTCOME = ("outcome", "ok")  # the column, and what needs no room in it


def _short(table: Table, rest: str, first: tuple[str, str] | None = None) -> Table:
    """At most so many rows, in their order; rows that are not `first` in its column are kept before others."""
    if len(table.rows) <= MOST_ROWS:
        return table
    every = range(len(table.rows))
    chosen: list[int] = []
    if first is not None:
        at = table.columns.index(first[0])
        chosen = [i for i in every if table.rows[i][at] != first[1]][:MOST_ROWS]
    others = [i for i in every if i not in set(chosen)]
    if room := MOST_ROWS - len(chosen):
        chosen += evenly(others, room)
    told = f"{len(chosen)} of {len(table.rows)} rows, at even distances; {rest}."
    return table.of(sorted(chosen), f"{told} {table.note}".strip())


def pdf(report: Report, paper: str = "A4", warn: Callable[[str], None] = lambda _: None) -> bytes:
    """The report for paper (A4 or Letter): vectors, embedded fonts, bookmarks; the same bytes for the same model.

    `warn` is told of characters that no font here has.
    """
    report = shortened(report)

    faces = FontConfiguration()
    # Only what the document itself carries; anything else is a mistake, and stops the rendering.
    fetcher = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    fonts = weasyprint.CSS(string=html.fonts(), font_config=faces, url_fetcher=fetcher)
    unknown: set[str] = set()

    def figure(chart: Chart) -> Markup:
        spec, strange = glyphs.drawable(html.specification(chart), faces)
        unknown.update(strange)
        if glyphs.joined(spec):
            picture = base64.b64encode(svg.png(spec)).decode("ascii")
            image = Markup('<img alt="{}" src="data:image/png;base64,{}">')
            return html.figure_of(chart, image.format(html.unbroken(chart.alternative), picture))
        # The drawing is our own and its texts were escaped when it was drawn. Its title becomes the alternative.
        head, end, rest = svg.svg(spec).partition(">")
        title = Markup("<title>{}</title>").format(html.unbroken(chart.alternative))
        return html.figure_of(chart, html.own(head + end) + title + html.own(rest))

    values = {"HASH": _css_text(report.hash), "PAPER": paper}
    style = html.css("common") + re.sub(r"\{\{(HASH|PAPER)\}\}", lambda at: values[at[1]], html.css("paper"))
    page = html.page_of(report, figure, style, [])
    unknown |= glyphs.missing(page, faces)
    if unknown:
        warn(glyphs.warning(unknown))
    document = weasyprint.HTML(string=glyphs.replaced(page, unknown), url_fetcher=fetcher)
    written = document.write_pdf(
        stylesheets=[fonts],
        font_config=faces,
        pdf_identifier=report.hash.encode(),
        pdf_variant="pdf/ua-1",
        uncompressed_pdf=False,
    )
    return bytes(written or b"")


def _css_text(text: str) -> str:
    """Text inside a string of a style sheet: its other characters by code points."""
    return re.sub(r"[^\w.-]", lambda found: f"\\{ord(found[0]):06x}", text)

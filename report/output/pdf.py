"""The view model as one PDF that needs no network."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from dataclasses import replace

import weasyprint
from markupsafe import Markup
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from harness.language import ENGLISH, tr, use
from harness.records.trial import Outcome
from report.charts import drawing
from report.elements import Chart, Table, evenly
from report.model import Report
from report.output import glyphs, hangul, html

GRID, POINTS = 3, 0.75  # points of the grid of lines, and of a pixel
FRAME = 178 / 25.4 * 72  # width of a page's text in points
MOST_ROWS, MOST_LOADS = 100, 12  # of a table on paper


def shortened(report: Report) -> Report:
    """The printed form of a large study: long tables have some rows at even distances, with a remark."""
    return replace(
        report,
        gains=report.gains and _some_loads(report.gains),
        bottlenecks=_short(report.bottlenecks, tr("report.html has all")),
        throughput=_short(report.throughput, tr("cells.csv and report.html have all")),
        latency=_short(report.latency, tr("cells.csv and report.html have all")),
        requests=report.requests and _short(report.requests, tr("requests.csv and report.html have all")),
        trials=_short(report.trials, tr("report.html has all"), first=OUTCOME),
    )


def _some_loads(gains: Table) -> Table:
    """Some loads of many, each with all of its steps."""
    loads = list(dict.fromkeys(row[0] for row in gains.rows))
    shown = evenly(loads, MOST_LOADS)
    if len(shown) == len(loads):
        return gains
    remark = tr(
        "{shown} of {loads} loads, at even distances; gains.csv and report.html have all.",
        shown=len(shown),
        loads=len(loads),
    )
    return gains.only([i for i, row in enumerate(gains.rows) if row[0] in shown], f"{remark} {gains.note}".strip())


OUTCOME = ("outcome", Outcome.OK)  # the column, and its value that a reader can miss


def _short(table: Table, rest: str, first: tuple[str, str] | None = None) -> Table:
    """At most `MOST_ROWS` rows; of a column `first[0]` rows with another value than `first[1]` are kept first."""
    if len(table.rows) <= MOST_ROWS:
        return table
    every = range(len(table.rows))
    chosen: list[int] = []
    if first is not None:
        at = table.columns.index(first[0])
        chosen = [i for i in every if table.rows[i][at] != tr(first[1])][:MOST_ROWS]
    others = [i for i in every if i not in set(chosen)]
    if room := MOST_ROWS - len(chosen):
        chosen += evenly(others, room)
    remark = tr(
        "{chosen} of {rows} rows, at even distances; {rest}.", chosen=len(chosen), rows=len(table.rows), rest=rest
    )
    return table.only(sorted(chosen), f"{remark} {table.note}".strip())


def pdf(report: Report, paper: str = "A4", warn: Callable[[str], None] = lambda _: None) -> bytes:
    """The report for paper (A4 or Letter): vectors, embedded fonts, bookmarks; the same bytes for the same model.

    `warn` is called with a message for characters that no installed font has.
    """
    with use(report.language):
        return _pdf(shortened(report), paper, warn)


def _pdf(report: Report, paper: str, warn: Callable[[str], None]) -> bytes:
    faces = FontConfiguration()
    # The document embeds all it needs; anything else is a mistake and stops the rendering.
    fetcher = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    more = "" if report.language is ENGLISH else hangul.faces()
    fonts = weasyprint.CSS(string=html.fonts() + more, font_config=faces, url_fetcher=fetcher)
    unknown: set[str] = set()

    def figure(chart: Chart) -> Markup:
        spec, strange = glyphs.drawable(drawing.specification(chart), faces)
        unknown.update(strange)
        if glyphs.joined(spec):
            picture = base64.b64encode(drawing.png(spec)).decode("ascii")
            image = Markup('<img alt="{}" src="data:image/png;base64,{}">')
            return html.figure_of(chart, image.format(html.unbroken(chart.alternative), picture))
        # The drawing is our own, with escaped texts. Its title becomes the text alternative.
        head, end, rest = drawing.svg(spec).partition(">")
        title = Markup("<title>{}</title>").format(html.unbroken(chart.alternative))
        place = Markup('<div class="drawing" style="height:{}pt">').format(_on_grid(head))
        return html.figure_of(chart, place + html.own(head + end) + title + html.own(rest) + html.own("</div>"))

    foot = _css_text(tr("configuration {hash}", hash=report.hash))
    values = {"FOOT": foot, "PAPER": paper, "PAGES": _css_pages(tr("page {page} of {pages}"))}
    style = html.css("common") + re.sub(r"\{\{(FOOT|PAGES|PAPER)\}\}", lambda at: values[at[1]], html.css("paper"))
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


def _on_grid(head: str) -> int:
    """The printed height of a drawing in points, rounded up to the grid of lines; `head` is its start tag."""
    width, height = (float(re.search(rf' {name}="([\d.]+)', head)[1]) for name in ("width", "height"))  # type: ignore[index] # Vega writes both
    return math.ceil(height * POINTS * min(1, FRAME / (width * POINTS)) / GRID) * GRID


def _css_pages(pattern: str) -> str:
    """The content of the foot with the number of a page, and of all pages."""
    parts = re.split(r"{(pages?)}", pattern)
    return " ".join(f"counter({part})" if at % 2 else f'"{_css_text(part)}"' for at, part in enumerate(parts))


def _css_text(text: str) -> str:
    """Text inside a string of a style sheet, with special characters as code points."""
    return re.sub(r"[^\w.-]", lambda found: f"\\{ord(found[0]):06x}", text)

"""The view model as one PDF, complete on its own, offline."""

from __future__ import annotations

import weasyprint
from markupsafe import Markup
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from report import charts, render
from report.model import Report
from report.parts import Chart


def pdf(report: Report, paper: str = "A4") -> bytes:
    """The report for paper (A4 or Letter): vectors, embedded fonts, bookmarks; the same bytes for the same model."""

    def figure(chart: Chart) -> Markup:
        # The drawing is our own and its texts were escaped when it was drawn. Its title becomes the alternative.
        head, end, rest = charts.svg(render.specification(chart)).partition(">")
        title = Markup("<title>{}</title>").format(chart.alternative)
        return render.figure_of(chart, render.own(head + end) + title + render.own(rest))

    style = render.css("common") + render.css("paper").replace("{{HASH}}", report.hash).replace("{{PAPER}}", paper)
    faces = FontConfiguration()
    # Only what the document itself carries; anything else is a mistake, and stops the rendering.
    fetcher = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    fonts = weasyprint.CSS(string=render.fonts(), font_config=faces, url_fetcher=fetcher)
    document = weasyprint.HTML(string=render.page_of(report, figure, style, []), url_fetcher=fetcher)
    written = document.write_pdf(
        stylesheets=[fonts],
        font_config=faces,
        pdf_identifier=report.hash.encode(),
        pdf_variant="pdf/ua-1",
        uncompressed_pdf=False,
    )
    return bytes(written or b"")

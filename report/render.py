"""The view model as one HTML file and one PDF; both complete on their own, offline."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import vl_convert
import weasyprint
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from report import charts
from report.charts import FONTS, Spec
from report.model import Report
from report.parts import Chart

TEMPLATES = Path(__file__).resolve().parent / "templates"
WEIGHTS = (("Regular", 400), ("SemiBold", 600))


def specification(chart: Chart) -> Spec:
    """The Altair specification of a chart of the model."""
    draw: dict[str, Callable[..., Spec]] = {
        "headline": charts.headline,
        "series": charts.series,
        "gains": charts.gains,
        "latency": charts.latency,
    }
    return draw[chart.name](**chart.arguments)


def html(report: Report) -> str:
    """The report for a screen, with interactive charts."""
    shown = [
        chart for chart in (report.headline, report.gain_plot, report.series, report.latency_chart) if chart is not None
    ]
    specs = {chart.name: specification(chart) for chart in shown}

    def figure(chart: Chart) -> Markup:
        place = Markup('<div class="chart" id="chart-{}" role="img" aria-label="{}"></div>')
        return _figure(chart, place.format(chart.name, chart.alternative))

    script = (TEMPLATES / "screen.js").read_text(encoding="utf-8")
    for name, value in (("SPECS", specs), ("LIVE", bool(report.progress))):
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).replace("</", "<\\/")
        script = script.replace(f"{{{{{name}}}}}", data)
    return _page(report, figure, _fonts() + _css("common") + _css("screen"), [*([_vega()] if specs else []), script])


def pdf(report: Report, paper: str = "A4") -> bytes:
    """The report for paper (A4 or Letter): vectors, embedded fonts, bookmarks; the same bytes for the same model."""

    def figure(chart: Chart) -> Markup:
        # The drawing is our own and its texts were escaped when it was drawn. Its title becomes the alternative.
        head, end, rest = charts.svg(specification(chart)).partition(">")
        return _figure(chart, _own(head + end) + Markup("<title>{}</title>").format(chart.alternative) + _own(rest))

    style = _css("common") + _css("paper").replace("{{HASH}}", report.hash).replace("{{PAPER}}", paper)
    fonts = FontConfiguration()
    # Only what the document itself carries; anything else is a mistake, and stops the rendering.
    fetcher = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    faces = weasyprint.CSS(string=_fonts(), font_config=fonts, url_fetcher=fetcher)
    document = weasyprint.HTML(string=_page(report, figure, style, []), url_fetcher=fetcher)
    written = document.write_pdf(
        stylesheets=[faces],
        font_config=fonts,
        pdf_identifier=report.hash.encode(),
        pdf_variant="pdf/ua-1",
        uncompressed_pdf=False,
    )
    return bytes(written or b"")


def _page(report: Report, figure: object, style: str, scripts: list[str]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = environment.get_template("parts.html.j2").module
    return environment.get_template("report.html.j2").render(
        report=report,
        figure=figure,
        table=parts.table,  # type: ignore[attr-defined] # a template's macros are attributes of its module
        style=_own(style),
        scripts=[_own(script) for script in scripts],
    )


def _own(trusted: str) -> Markup:
    """Text of this program that needs no escaping."""
    return Markup(trusted)  # noqa: S704 - called for our own files and drawings only


def _figure(chart: Chart, drawing: Markup) -> Markup:
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(drawing, escape(chart.caption))


def stylesheet() -> Markup:
    """What a page for a screen looks like, with its fonts."""
    return _own(_fonts() + _css("common") + _css("screen"))


def _css(name: str) -> str:
    return (TEMPLATES / f"{name}.css").read_text(encoding="utf-8")


@lru_cache
def _fonts() -> str:
    """@font-face rules that carry the fonts."""
    rules = []
    for name, weight in WEIGHTS:
        data = base64.b64encode((FONTS / f"Inter-{name}.otf").read_bytes()).decode("ascii")
        source = f"url(data:font/otf;base64,{data}) format('opentype')"
        rules.append(f"@font-face{{font-family:Inter;font-weight:{weight};src:{source}}}")
    return "\n".join(rules) + "\n"


@lru_cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    bundle = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    # A script ends at its own end tag; anything else that looks like a tag is code and must stay.
    return re.sub("</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE)

"""The view model as one HTML file, complete on its own, offline; and what it shares with the PDF."""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.files import replace
from report import charts
from report.charts import FONTS, Spec
from report.model import Report
from report.parts import Chart

TEMPLATES = Path(__file__).resolve().parent / "templates"
BUNDLES = TEMPLATES.parent.parent / ".state" / "scripts"
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
        return figure_of(chart, place.format(chart.name, chart.alternative))

    script = (TEMPLATES / "screen.js").read_text(encoding="utf-8")
    for name, value in (("SPECS", specs), ("LIVE", bool(report.progress))):
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).replace("</", "<\\/")
        script = script.replace(f"{{{{{name}}}}}", data)
    return page_of(report, figure, fonts() + css("common") + css("screen"), [*([_vega()] if specs else []), script])


def page_of(report: Report, figure: object, style: str, scripts: list[str]) -> str:
    """The document; `figure` draws a chart."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = environment.get_template("parts.html.j2").module
    return environment.get_template("report.html.j2").render(
        report=report,
        figure=figure,
        table=parts.table,  # type: ignore[attr-defined] # a template's macros are attributes of its module
        style=own(style),
        scripts=[own(script) for script in scripts],
    )


def unbroken(value: object) -> object:
    """The same with every number and its unit on one line; what is finished already stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return re.sub(r"(?<=\d) (?=(?:%|s|ms|MB|GB|CPU)(?!\w))", "\u00a0", value)


def own(trusted: str) -> Markup:
    """Text of this program that needs no escaping."""
    return Markup(trusted)  # noqa: S704 - called for our own files and drawings only


def figure_of(chart: Chart, drawing: Markup) -> Markup:
    """A drawing with its caption."""
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(drawing, escape(unbroken(chart.caption)))


def stylesheet() -> Markup:
    """What a page for a screen looks like, with its fonts."""
    return own(fonts() + css("common") + css("screen"))


def css(name: str) -> str:
    """One of the style sheets."""
    return (TEMPLATES / f"{name}.css").read_text(encoding="utf-8")


@lru_cache
def fonts() -> str:
    """@font-face rules that carry the fonts."""
    rules = []
    for name, weight in WEIGHTS:
        data = base64.b64encode((FONTS / f"Inter-{name}.otf").read_bytes()).decode("ascii")
        source = f"url(data:font/otf;base64,{data}) format('opentype')"
        rules.append(f"@font-face{{font-family:Inter;font-weight:{weight};src:{source}}}")
    return "\n".join(rules) + "\n"


@lru_cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script; kept, as making it takes as long as all the rest of a page."""
    kept = BUNDLES / f"vega-{importlib.metadata.version('vl-convert-python')}.js"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    bundle = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    # A script ends at its own end tag; anything else that looks like a tag is code and must stay.
    script = re.sub("</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE)
    with contextlib.suppress(OSError):  # a clone that may not be written to does without
        kept.parent.mkdir(parents=True, exist_ok=True)
        replace(kept, script.encode())
    return script

"""The view model as one HTML file, complete on its own, offline; and what it shares with the PDF."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.metadata
import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.records.files import replace
from harness.words import visible
from report.charts import capacity_chart, gain_charts, load_chart
from report.charts.gain_charts import FONTS, Spec
from report.elements import Chart
from report.model import Report

TEMPLATES = Path(__file__).resolve().parent / "templates"
BUNDLES = TEMPLATES.parents[2] / ".state" / "scripts"
WEIGHTS = (("Regular", 400), ("SemiBold", 600))


def specification(chart: Chart) -> Spec:
    """The Altair specification of a chart of the model: by the function of a module of charts that has its name."""
    module = next(module for module in (gain_charts, load_chart, capacity_chart) if hasattr(module, chart.name))
    draw: Callable[..., Spec] = getattr(module, chart.name)
    return {key: _visible(part) for key, part in draw(**chart.arguments).items()}


def _visible(part: Any) -> Any:
    """A part of a specification in which no text hides anything."""
    if isinstance(part, dict):
        return {key: _visible(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_visible(value) for value in part]
    return visible(part) if isinstance(part, str) else part


def html(report: Report, beside: str = "") -> str:
    """The report for a screen, with interactive charts; `beside` is the script that it takes news from, if any."""
    specs = _specifications(report)
    script = (TEMPLATES / "screen.js").read_text(encoding="utf-8")
    again = "" if beside or not report.progress else "reload"
    values = {"SPECS": specs, "LIVE": beside or again}
    # At once, so that a text which reads like the name of a value stays a text.
    script = re.sub(r"\{\{(SPECS|LIVE)\}\}", lambda found: in_script(values[found[1]]), script)
    vega = [_vega()] if specs or beside else []
    style = fonts() + css("common") + css("screen")
    if report.money is None and not beside:
        return page_of(report, _place, style, [*vega, script])
    asking = (TEMPLATES / "money.js").read_text(encoding="utf-8")
    return page_of(report, _place, style + css("money"), [*vega, script, asking])


def news(report: Report) -> str:
    """The same as a script for a page that is open: its text and charts, which cost it nothing while it knows them."""
    main, specs = str(_main(report, _place)), _specifications(report)
    stamp = hashlib.sha256(_json([main, specs]).encode()).hexdigest()[:12]
    return f"live({_json(stamp)}, () => ({_json({'main': main, 'specs': specs})}));\n"


def in_script(value: object) -> str:
    """A value as a script inside a page may hold it: without a character that could begin or end a tag or a comment."""
    return _json(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _specifications(report: Report) -> dict[str, Spec]:
    return {name: specification(chart) for name, chart in report.charts.items()}


def _place(chart: Chart) -> Markup:
    """Where a chart of the page for a screen is drawn."""
    place = Markup('<div class="chart" id="chart-{}" role="img" aria-label="{}"></div>')
    return figure_of(chart, place.format(chart.name, unbroken(chart.alternative)))


def page_of(report: Report, figure: object, style: str, scripts: list[str]) -> str:
    """The document; `figure` draws a chart."""
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            report=report,
            main=_main(report, figure),
            style=own(style),
            scripts=[own(script) for script in scripts],
        )
    )


def _main(report: Report, figure: object) -> Markup:
    """What a reader reads: the document without its head, style and scripts."""
    parts = _templates().get_template("parts.html.j2").module
    text = (
        _templates()
        .get_template("main.html.j2")
        .render(
            report=report,
            figure=figure,
            table=parts.table,  # type: ignore[attr-defined] # a template's macros are attributes of its module
        )
    )
    return own(text)


@lru_cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def unbroken(value: object) -> object:
    """The same with every number and its unit on one line, hiding nothing; what is finished stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return re.sub(r"(?<=\d) (?=(?:%|s|ms|MB|GB|CPU)(?!\w))", "\u00a0", visible(value))


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

"""The view model as one HTML file that needs no network, and the parts that the PDF shares."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.metadata
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.language import ENGLISH, current, tr, use
from harness.records.files import replace
from harness.words import visible
from report.charts.drawing import FONTS, specification
from report.elements import Chart
from report.model import Report
from report.script_data import by_columns

TEMPLATES = Path(__file__).resolve().parent / "templates"
BUNDLES = TEMPLATES.parents[2] / ".state" / "scripts"
IN_SCRIPT = re.compile(r'\btranslated\("(.*?)"')  # the messages of a script
MOST_COLUMNS = 20  # of a table
WEIGHTS = (("Regular", 400), ("SemiBold", 600))


def html(report: Report, updates: str = "") -> str:
    """The report for a screen, with interactive charts; `updates` is the file name of the script with updates."""
    with use(report.language):
        return _html(report, updates)


def _html(report: Report, updates: str) -> str:
    specs = _specifications(report)
    reload = "" if updates or not report.progress else "reload"
    values = {"SPECS": specs, "LIVE": updates or reload, "WORDS": _words()}
    # In one pass, so that a text that looks like the name of a value stays a text.
    own_script, first = (
        re.sub(r"\{\{(SPECS|LIVE|WORDS)\}\}", lambda found: _in_script(values[found[1]]), _script(name))
        for name in ("screen", "charts")
    )
    vega = [_vega()] if specs or updates else []
    scripts = [*vega, first, _script("explore"), own_script, _script("lookup")]
    style = stylesheet()
    if report.language is ENGLISH:
        return page_of(report, _place, style, scripts)
    from report.output import hangul  # its library is large

    # All words of the catalogue, since updates and the page's scripts bring others than those of this page.
    words = "".join(report.language.catalogue.values()) + page_of(report, _place, "", [own_script])
    return page_of(report, _place, hangul.faces(words) + style, scripts)


def _words() -> dict[str, str]:
    """The messages of the page's scripts, in the language of the report; empty in English."""
    catalogue = current().catalogue
    wanted = sorted(
        {message for file in TEMPLATES.glob("*.js") for message in IN_SCRIPT.findall(file.read_text("utf-8"))}
    )
    return {message: tr(message) for message in wanted} if catalogue else {}


def _script(name: str) -> str:
    return (TEMPLATES / f"{name}.js").read_text(encoding="utf-8")


def update(report: Report) -> str:
    """The contents as a script for an open page, which evaluates them only when they changed."""
    with use(report.language):
        text, specs = str(main(report)), _specifications(report)
    stamp = hashlib.sha256(_json([text, specs]).encode()).hexdigest()[:12]
    return f"live({_json(stamp)}, () => ({_json({'main': text, 'specs': specs})}));\n"


def _in_script(value: object) -> str:
    """A value as JSON without characters that could begin or end a tag or a comment."""
    return _json(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _specifications(report: Report) -> dict[str, dict[str, Any]]:
    specs = {name: specification(chart) for name, chart in report.charts.items()}
    return {name: {**spec, **_data(spec)} for name, spec in specs.items()}


def _data(spec: dict[str, Any]) -> dict[str, Any]:
    """The data of a chart as the page's script reads them."""
    found = spec.get("datasets")
    return {"datasets": {name: by_columns(rows) for name, rows in found.items()}} if found else {}


def _place(chart: Chart) -> Markup:
    """The place of a chart on the page, which the page's script fills."""
    place = Markup('<div class="chart" id="chart-{}" role="img" aria-label="{}"></div>')
    return figure_of(chart, place.format(chart.name, unbroken(chart.alternative)))


def page_of(report: Report, figure: object, style: str, scripts: list[str]) -> str:
    """The whole document; `figure` makes the HTML of a chart."""
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            report=report,
            main=main(report, figure),
            language=current().code,
            style=own(style),
            scripts=[own(script) for script in scripts],
        )
    )


def main(report: Report, figure: object = None) -> Markup:
    """The contents of the document, without head, style and scripts."""
    with use(report.language):
        return _main(report, figure or _place)


def _main(report: Report, figure: object) -> Markup:
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
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(tr=tr, words=_kept_words)
    return environment


def unbroken(value: object) -> object:
    """Text with every number and its unit on one line and hidden characters made visible; markup is left alone."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return re.sub(r"(?<=\d) (?=(?:%|s|ms|MB|GB|CPU)(?!\w))", "\u00a0", visible(value))


def _kept_words(text: str) -> str:
    """Text whose words are not broken: paper breaks Hangul after any syllable. English needs no markup for that."""
    if current() is ENGLISH:
        return text
    kept = Markup('<span style="white-space:nowrap">{}</span>')
    return Markup(" ").join(kept.format(unbroken(word)) for word in text.split(" "))


def own(trusted: str) -> Markup:
    """Text of this program, which needs no escaping."""
    return Markup(trusted)  # noqa: S704 - called for our own files and drawings only


def figure_of(chart: Chart, drawing: Markup) -> Markup:
    """A drawing with its caption."""
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(drawing, escape(unbroken(chart.caption)))


def stylesheet() -> Markup:
    """The style of a page for a screen, with its fonts."""
    return own(fonts() + css("common") + css("screen"))


def css(name: str) -> str:
    """One of the style sheets, with the font of the current language after Inter."""
    text = (TEMPLATES / f"{name}.css").read_text(encoding="utf-8")
    if name == "common":
        text += _alignment()
    more = current().font
    return re.sub(r"\bInter\b", f"Inter, {more}", text) if more else text


def _alignment() -> str:
    """Rules for the classes `right-1`, `right-2` and so on of a table: right-aligned columns, without a class a field.

    A column with text has more space on its left if a right-aligned one precedes it.
    """
    numbers = range(1, MOST_COLUMNS + 1)
    right = ", ".join(f"table.right-{at} td:nth-child({at})" for at in numbers)
    after = ", ".join(f"table.right-{at}:not(.right-{at + 1}) td:nth-child({at + 1})" for at in numbers)
    return f"{right} {{ text-align: right; white-space: nowrap; }}\n{after} {{ padding-left: .9em; }}\n"


@lru_cache
def fonts() -> str:
    """@font-face rules with the embedded fonts."""
    rules = []
    for name, weight in WEIGHTS:
        data = base64.b64encode((FONTS / f"Inter-{name}.otf").read_bytes()).decode("ascii")
        source = f"url(data:font/otf;base64,{data}) format('opentype')"
        rules.append(f"@font-face{{font-family:Inter;font-weight:{weight};src:{source}}}")
    return "\n".join(rules) + "\n"


@lru_cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script; cached, as making it takes as long as the rest of a page."""
    kept = BUNDLES / f"vega-{importlib.metadata.version('vl-convert-python')}.js"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    bundle = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    # Only an end tag ends a script; other text that looks like a tag is code.
    script = re.sub("</(?=script)", r"<\\/", bundle, flags=re.IGNORECASE)
    with contextlib.suppress(OSError):  # the clone may be read-only
        kept.parent.mkdir(parents=True, exist_ok=True)
        replace(kept, script.encode())
    return script

"""Charts of the report as specifications for a browser, and as drawings for paper by Vega on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import vl_convert

from harness.language import ENGLISH, current, messages, tr
from harness.words import visible
from report import script_data
from report.charts import capacity_chart, gain_charts, load_chart, request_chart, series_chart, trial_chart
from report.charts.theme import Spec
from report.elements import Chart

FONTS = Path(__file__).resolve().parents[1] / "fonts"
MODULES = (gain_charts, series_chart, load_chart, capacity_chart, request_chart, trial_chart)


def specification(chart: Chart) -> Spec:
    """The Altair specification of a chart, by the function of its name in one of `MODULES`."""
    module = next(module for module in MODULES if hasattr(module, chart.name))
    draw: Callable[..., Spec] = getattr(module, chart.name)
    drawn = draw(**chart.arguments)
    if current() is not ENGLISH:
        drawn = {key: part if key == "datasets" else _titled(part) for key, part in drawn.items()}
    return {key: _written(part) for key, part in drawn.items()}


# Fields whose names are the titles of tooltips in English.
FIELDS = messages(
    ("load", "servers", "trial", "topology", "percentile", "blocks", "step", "host", "name", "line", "failed", "tps")
)
OTHERS = messages({"t": "seconds", "what": "event"})


def _titled(part: Any) -> Any:
    """A part of a specification whose tooltips have the names of their fields in the current language."""
    if isinstance(part, list):
        return [_titled(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: _titled(value) for key, value in part.items()}
    for tip in found.get("tooltip", []) if isinstance(found.get("tooltip"), list) else []:
        name = tip.get("field", "")
        if "title" not in tip and (name in FIELDS or name in OTHERS):
            tip["title"] = tr(OTHERS.get(name, name))
    return found


def _written(part: Any) -> Any:
    """A part of a specification as it is written: hidden characters visible, figures the same on every processor."""
    if isinstance(part, dict):
        return {key: _written(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_written(value) for value in part]
    if isinstance(part, float):
        return script_data.number(part)
    return visible(part) if isinstance(part, str) else part


def svg(spec: Spec) -> str:
    """A specification drawn as SVG, with the bundled fonts and without links."""
    vl_convert.register_font_directory(str(FONTS))
    return str(vl_convert.vegalite_to_svg(_without_links(spec)))


def png(spec: Spec) -> bytes:
    """A specification drawn as PNG, with three times the density of a screen."""
    vl_convert.register_font_directory(str(FONTS))
    return bytes(vl_convert.vegalite_to_png(_without_links(spec), scale=3))


def _without_links(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without_links(value) for key, value in part.items() if key != "href"}
    return [_without_links(value) for value in part] if isinstance(part, list) else part

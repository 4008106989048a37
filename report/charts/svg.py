"""Charts drawn for paper: Vega on this machine, with the bundled fonts and those installed."""

from __future__ import annotations

from typing import Any

import vl_convert

from report.charts.gain_charts import FONTS, Spec


def svg(spec: Spec) -> str:
    """Draw a specification as SVG, with the bundled fonts and without the page's own links."""
    vl_convert.register_font_directory(str(FONTS))
    return str(vl_convert.vegalite_to_svg(_without_links(spec)))


def png(spec: Spec) -> bytes:
    """The same as a picture, of three times the density of a screen."""
    vl_convert.register_font_directory(str(FONTS))
    return bytes(vl_convert.vegalite_to_png(_without_links(spec), scale=3))


def _without_links(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without_links(value) for key, value in part.items() if key != "href"}
    return [_without_links(value) for value in part] if isinstance(part, list) else part

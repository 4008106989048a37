"""How charts look: one face, two accents and greys that survive a grey printer."""

from __future__ import annotations

from typing import Any

INK = "#1a1a1a"
QUIET = "#8a8a8a"
FAINT = "#e4e4e4"
# Distinct in lightness too, and for the colour blind (blue against orange).
ACCENTS = ("#0b5c8c", "#d9730d", "#5f5f5f", "#9a9a9a", "#2f2f2f", "#bdbdbd")
BAD = "#d9730d"
FONT = "Inter"

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": QUIET,
        "titleColor": QUIET,
        "labelFontSize": 9,
        "titleFontSize": 9,
        "titleFontWeight": "normal",
        "domainColor": QUIET,
        "tickColor": QUIET,
        "gridColor": FAINT,
        "gridOpacity": 0.6,
        "tickSize": 3,
    },
    "header": {
        "labelColor": QUIET,
        "labelFontSize": 9,
        "titleFontSize": 9,
        "titleColor": QUIET,
        "labelFontWeight": "normal",
    },
    "text": {"fontSize": 9.5, "color": QUIET},
}

"""How charts look: one face, two accents and greys that survive a grey printer."""

from __future__ import annotations

from typing import Any

INK, QUIET, FAINT = "#1a1a1a", "#6a6a6a", "#e4e4e4"
# Distinct in lightness too, and for the colour blind (blue against orange).
ACCENTS = ("#0b5c8c", "#d9730d", "#5f5f5f", "#9a9a9a", "#2f2f2f", "#b4b4b4")
BAD = ACCENTS[1]
SMALL = {"labelColor": QUIET, "titleColor": QUIET, "labelFontSize": 10, "titleFontSize": 10}
CONFIG: dict[str, Any] = {
    "font": "Inter",
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        **SMALL,
        "titleFontWeight": "normal",
        "domainColor": QUIET,
        "tickColor": QUIET,
        "gridColor": FAINT,
        "gridOpacity": 0.6,
        "tickSize": 3,
    },
    "header": {**SMALL, "labelFontWeight": "normal"},
    "text": {"fontSize": 10.5, "color": QUIET},
}

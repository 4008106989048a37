"""The font for Hangul, which follows Inter in a Korean report."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset

from harness.language import current
from report.output import html

FONTS = Path(__file__).resolve().parents[1] / "fonts"
RANGES = ((0x3000, 0x303F), (0x3131, 0x318E), (0xAC00, 0xD7A3))  # of the font: punctuation, letters and syllables


def faces(text: str | None = None) -> str:
    """@font-face rules for the characters of a text, or for all without a text."""
    if text is None:
        data = [(FONTS / f"Hangul-{name}.otf").read_bytes() for name, _ in html.WEIGHTS]
        return _rules(zip(data, html.WEIGHTS, strict=True), "otf", "opentype")
    found = sorted({ord(character) for character in text if _is_in_ranges(character)})
    if not found:
        return ""
    data = [_subset((FONTS / f"Hangul-{name}.otf").read_bytes(), found) for name, _ in html.WEIGHTS]
    return _rules(zip(data, html.WEIGHTS, strict=True), "woff2", "woff2")


def _is_in_ranges(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in RANGES)


def _rules(files: Iterable[tuple[bytes, tuple[str, int]]], kind: str, form: str) -> str:
    where = ", ".join(f"U+{first:X}-{last:X}" for first, last in RANGES)
    rules = []
    for data, (_, weight) in files:
        source = f"url(data:font/{kind};base64,{base64.b64encode(data).decode('ascii')}) format('{form}')"
        rules.append(
            f"@font-face{{font-family:{current().font};font-weight:{weight};src:{source};unicode-range:{where}}}"
        )
    return "\n".join(rules) + "\n"


def _subset(font: bytes, characters: Iterable[int]) -> bytes:
    """The font with these characters only, compressed; the same bytes for the same characters."""
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False)
    loaded = subset.load_font(io.BytesIO(font), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(loaded)
    written = io.BytesIO()
    subset.save_font(loaded, written, options)
    return written.getvalue()

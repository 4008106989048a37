"""Characters without an installed font: Pango omits them, so the PDF shows their code points instead.

Pages for a screen do not need this: a browser draws a box for a character without a font.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from functools import cache
from typing import Any

from weasyprint.text.ffi import ffi, gobject, pango
from weasyprint.text.fonts import FontConfiguration

from harness.words import code_point

NOT_ASCII = re.compile(r"[^\x00-\x7f]")
JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # have no shape of their own
# By the first word of a character's Unicode name: its script, and Debian's package of fonts that have it.
CJK = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH", "KANGXI")
FONTS_CJK, FONTS_OTHER, FONTS_EMOJI = "fonts-noto-cjk", "fonts-noto-core", "fonts-noto-color-emoji"
MOST_SCRIPTS = 8


@cache
def _declared() -> None:
    """Declare a function of Pango that WeasyPrint does not call and so does not declare."""
    ffi.cdef("int pango_layout_get_unknown_glyphs_count(PangoLayout *layout);")


def missing(text: str, faces: FontConfiguration) -> set[str]:
    """The characters of a text that neither the fonts of `faces` nor the installed ones can draw."""
    found = {character for character in NOT_ASCII.findall(text) if character not in JOINERS}
    if not found:
        return set()
    _declared()
    context = ffi.gc(pango.pango_font_map_create_context(faces.font_map), gobject.g_object_unref)
    layout = ffi.gc(pango.pango_layout_new(context), gobject.g_object_unref)
    font = ffi.gc(pango.pango_font_description_new(), pango.pango_font_description_free)
    pango.pango_font_description_set_family(font, b"Inter")
    pango.pango_layout_set_font_description(layout, font)
    return {character for character in found if not _drawn(layout, character)}


def _drawn(layout: object, character: str) -> bool:
    encoded = character.encode("utf-8", "replace")
    pango.pango_layout_set_text(layout, encoded, len(encoded))
    return bool(pango.pango_layout_get_unknown_glyphs_count(layout) == 0)


def drawable(spec: dict[str, Any], faces: FontConfiguration) -> tuple[dict[str, Any], set[str]]:
    """A chart's specification with code points for characters without a font, and these characters.

    Called before the chart is drawn, so that it has room for the code points.
    """
    written = json.dumps(spec, ensure_ascii=False)
    unknown = missing(written, faces)
    if not unknown:
        return spec, unknown
    shown = {ord(character): json.dumps(code_point(character))[1:-1] for character in unknown}
    changed: dict[str, Any] = json.loads(written.translate(shown))
    return changed, unknown


def joined(spec: dict[str, Any]) -> bool:
    """Whether a chart has letters that are shaped together or run from right to left.

    WeasyPrint draws the text of an SVG letter by letter, so such a chart has to be an image.
    """
    written = json.dumps(spec, ensure_ascii=False)
    return any(
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or unicodedata.bidirectional(character) in ("R", "AL")
        or character in JOINERS
        for character in set(NOT_ASCII.findall(written))
    )


def replaced(text: str, characters: Collection[str]) -> str:
    """The text with these characters replaced by their code points."""
    return text.translate({ord(character): code_point(character) for character in characters}) if characters else text


def warning(characters: Collection[str]) -> str:
    """A warning about characters without a font, with their scripts and the packages to install; empty for none."""
    if not characters:
        return ""
    named = {script(character): package(character) for character in sorted(characters)}
    scripts = ", ".join(sorted(named)[:MOST_SCRIPTS]) + (" and others" if len(named) > MOST_SCRIPTS else "")
    packages = " ".join(sorted(filter(None, set(named.values()))))
    shown = code_point(min(characters))
    cause = f"report.pdf: no font on this machine has {len(characters)} of its characters ({scripts}): the PDF shows "
    cause += f"their code points, such as {shown}; report.html is complete."
    where = f" (Debian and Ubuntu: apt-get install {packages})" if packages else ""
    return f"{cause} Fix: install a font for them{where}, then run 'study.py report' again."


def script(character: str) -> str:
    """The script of a character: Hangul."""
    word = unicodedata.name(character, "unassigned").split()[0].split("-")[0]
    if _is_symbol(character):
        return "emoji and symbols"
    return word if word == "CJK" else word.capitalize()


def package(character: str) -> str:
    """Debian's package of fonts for a character; empty if unknown."""
    word = unicodedata.name(character, "").split("-")[0].split(" ")[0]
    if not word:
        return ""
    if _is_symbol(character):
        return FONTS_EMOJI
    return FONTS_CJK if word in CJK else FONTS_OTHER


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk") and ord(character) >= 0x2600

"""The languages of a report, by their catalogues in report/translations/."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from harness.language import ENGLISH, Language

TRANSLATIONS = Path(__file__).resolve().parent / "translations"
CODES = (ENGLISH.code, "ko")
FONTS = {"ko": "Study Hangul"}  # in report/fonts/


@cache
def of(code: str) -> Language:
    """Return the language of a code in `CODES`.

    A catalogue is read from its source, a PO file: it has no compiled form that could be missing or old.
    """
    if code == ENGLISH.code:
        return ENGLISH
    from babel.messages.pofile import read_po  # which an English report does not need

    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        found = read_po(file, locale=code)
    catalogue = {str(each.id): str(each.string) for each in found if each.id and each.string and not each.fuzzy}
    return Language(code, catalogue, FONTS[code])

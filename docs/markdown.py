"""Tables in Markdown, and the note at the top of a page that is generated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by `make reference` from the code's own descriptions. Do not edit. -->\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, as lines."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *table_rows(rows)]


def table_rows(rows: Iterable[Sequence[str]]) -> list[str]:
    """More rows of a table."""
    return [f"| {' | '.join(plain(text) for text in row)} |" for row in rows]


def plain(text: str) -> str:
    """Text in which nothing ends a cell or begins markup, except in code."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", r"\|"))
    return "".join(part if part.startswith("`") else re.sub(r"([<>*])", r"\\\1", part) for part in parts)

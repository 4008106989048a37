"""The language of sentences: English as the code writes them, or another one by a catalogue. Pure.

A sentence is made by `tr`, of a message with named placeholders and of facts. The renderer selects the language around
its work with `use`; everything else, and all that is stored, stays English. `docs/messages.py` lists the messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeVar

Text = TypeVar("Text")


@dataclass(frozen=True)
class Language:
    """A language of a report: its code (ISO 639-1), and its catalogue: English message → the same in the language.

    `font` is the family of the font that completes Inter; empty if Inter has all letters.
    """

    code: str = "en"
    catalogue: Mapping[str, str] = field(default_factory=dict)
    font: str = ""


ENGLISH = Language()
FIGURE = "\0"  # the place of a figure
_current: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def current() -> Language:
    """Return the language of the sentences that are made now."""
    return _current.get()


@contextmanager
def use(language: Language) -> Iterator[None]:
    """Make sentences in a language within the block."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def tr(message: str, /, **facts: object) -> str:
    """Make a sentence of a message and the facts for its placeholders; a member of an enumeration is a message too.

    Whole numbers have separators between thousands, as in 1,000; a number that is a name is a text.
    """
    if isinstance(message, Enum):
        message = str(message.value).replace("_", " ")
    pattern = _current.get().catalogue.get(message, message)
    if not facts:
        return pattern
    return pattern.format(**{name: _fact(fact) for name, fact in facts.items()})


class _Count(int):
    """A whole number that is formatted with separators between thousands."""

    def __format__(self, form: str) -> str:
        return format(int(self), form or ",")


def _fact(fact: object) -> object:
    if isinstance(fact, StrEnum):
        return tr(fact)
    return _Count(fact) if type(fact) is int else fact


def messages(texts: Text) -> Text:
    """Return the texts, or a container of texts, unchanged: they are messages that `tr` translates where it is used."""
    return texts


def around(message: str, **facts: object) -> tuple[str, str]:
    """The texts before and after `{figure}` in a sentence, which is set in another size."""
    before, _, after = tr(message, figure=FIGURE, **facts).partition(FIGURE)
    return before, after

"""The language of sentences: English as the code writes them, or another one by a catalogue. Pure.

A sentence is made by `tr`, of a message with named placeholders and of facts. The renderer selects the language around
its work with `use`; everything else stays English. What is stored is English too: a `Sentence` next to the text has the
message and the facts, so that `shown` can make it in another language later. `docs/messages.py` lists the messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, TypeVar

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


def tr(message: str | Sentence, /, **facts: object) -> str:
    """Make a sentence of a message and the facts for its placeholders; a member of an enumeration is a message too.

    Whole numbers have separators between thousands, as in 1,000; a number that is a name is a text.
    """
    if isinstance(message, Sentence):
        return message.text(_current.get().catalogue)
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
    return tr(fact) if isinstance(fact, StrEnum | Sentence) else _grouped(fact)


def _grouped(fact: object) -> object:
    return _Count(fact) if type(fact) is int else fact


@dataclass(frozen=True)
class Sentence:
    """A message and the facts for its placeholders: the sentence can be made in any language, and `str` is English.

    A fact is a text, a number, another sentence, or a list of them, which is joined by commas.
    """

    message: str
    facts: dict[str, str | int | float | Sentence | list[str | int | float | Sentence]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text({})

    def __hash__(self) -> int:
        return hash(self.message)

    def text(self, catalogue: Mapping[str, str]) -> str:
        """Return the sentence by a catalogue; a message that it lacks stays English."""
        pattern = catalogue.get(self.message, self.message)
        return pattern.format(**{name: _text(fact, catalogue) for name, fact in self.facts.items()})

    def messages(self) -> Iterator[str]:
        """Yield its message and those of its facts."""
        yield self.message
        for fact in self.facts.values():
            for each in fact if isinstance(fact, list) else [fact]:
                if isinstance(each, Sentence):
                    yield from each.messages()


def _text(fact: object, catalogue: Mapping[str, str]) -> object:
    if isinstance(fact, list):
        return ", ".join(format(_text(each, catalogue)) for each in fact)
    return fact.text(catalogue) if isinstance(fact, Sentence) else _grouped(fact)


def sentence(message: str, /, **facts: Any) -> Sentence:
    """Return a sentence that is made later; facts as in `Sentence`."""
    return Sentence(message, facts)


def joined(names: Sequence[str]) -> str | Sentence:
    """Return a list of names as a fact: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return Sentence("{listed} and {last}", {"listed": list(names[:-1]), "last": names[-1]})


def shown(text: str, made_of: Sentence | None) -> str:
    """Return a recorded English text in the language of the sentences that are made now.

    It stays English without its sentence (records of earlier versions), and where the catalogue lacks one of its
    messages or the recorded facts do not fit: a file may be of another version, and only messages of the catalogue are
    filled in.
    """
    catalogue = _current.get().catalogue
    if made_of is None or not catalogue:
        return text
    try:
        return made_of.text(catalogue) if all(each in catalogue for each in made_of.messages()) else text
    except (LookupError, RecursionError, TypeError, ValueError):
        return text


def messages(texts: Text) -> Text:
    """Return the texts, or a container of texts, unchanged: they are messages that `tr` translates where it is used."""
    return texts


def around(message: str, **facts: object) -> tuple[str, str]:
    """The texts before and after `{figure}` in a sentence, which is set in another size."""
    before, _, after = tr(message, figure=FIGURE, **facts).partition(FIGURE)
    return before, after

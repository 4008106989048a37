"""Templates in traffic: `${row.image}`, `${secret.TOKEN}`, `${user}`, `${uuid}`, `${trial}`, `${extracted}`. Pure.

`$${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# `$${`, a whole template, or the begin of one that never ends.
_PART = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
ROW, SECRET = "row.", "secret."
BUILT_IN = ("user", "uuid", "trial")
Path_ = tuple[str | int, ...]


def names(text: str) -> list[str]:
    """Return the names of a text's templates in order, as in ["row.image", "user"]; "" for an empty one."""
    return [found[1].strip() for found in _PART.finditer(text) if found[1] is not None]


def unclosed(text: str) -> bool:
    """Whether a text has a `${` without its `}`."""
    return any(found[0] == "${" for found in _PART.finditer(text))


def has_any(value: object) -> bool:
    """Whether a text, or any text in plain data, has a template or an escaped one."""
    return any("${" in text for _, text in texts(value))


def keys(value: object, where: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Yield (path, key) for every key of the mappings in plain data."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, each in inner:
        if isinstance(value, Mapping):
            yield (*where, key), str(key)
        yield from keys(each, (*where, key))


def texts(value: object, where: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Yield (path, text) for every text in plain data, except keys of mappings."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, (*where, key))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from texts(inner, (*where, place))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain data with every text changed, except keys of mappings."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(inner, change) for key, inner in value.items()}
    return [mapped(inner, change) for inner in value] if isinstance(value, list | tuple) else value


def escaped(text: str) -> str:
    """Return a text as the template that yields it."""
    return text.replace("${", "$${")


def partly_filled(text: str, values: Mapping[str, str]) -> str:
    """Return a template with the values of some of its names, and without blanks around the others."""

    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        name = found[1].strip()  # the load generator finds names without blanks
        return escaped(values[name]) if name in values else f"${{{name}}}"

    return _PART.sub(value, text)


def with_values(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a template whose names all have values; raises KeyError for another name."""
    return _PART.sub(lambda found: "${" if found[1] is None else values[found[1].strip()], text)


def sample(text: str, value: str = "x") -> str:
    """Return a text as it may be sent: each template replaced by `value`."""
    return _PART.sub(lambda found: "${" if found[1] is None else value, text)

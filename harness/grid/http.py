"""Check that paths and headers can be sent as written. Pure.

Stored grids are not checked again, because their requests were sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.words import short

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OWN = {
    "content-length": "the body determines it",
    "transfer-encoding": "the body is sent in one piece",
    "connection": "load.keep_alive controls it",
    "x-study-trial": "each trial sets its own",
}


def is_token(text: str) -> bool:
    """Whether a text may be the name of a header."""
    return bool(_TOKEN.fullmatch(text))


def wrong_path(text: str) -> str:
    """Return why a path cannot be sent; empty for a valid one (RFC 3986, 3.3 and 3.4)."""
    if not text.startswith("/"):
        return f"got {short(text)}. Allowed: a path that begins with a slash, as in /predict"
    if text.startswith("//"):
        return f"got {short(text)}: two slashes would name a host. Fix: begin with one slash"
    if found := re.search(r"\{([^{}]*)\}", text):
        name = short(found[0], 30, bare=True)
        return f"got {short(text)}: {name} has no value. Fix: write a value, or %7B and %7D for the braces"
    if found := re.search(r'[\s\x00-\x1f\x7f#"<>\\^`{|}]|%(?![0-9a-fA-F]{2})', text):
        coded = "".join(f"%{byte:02X}" for byte in found[0].encode())
        return f"got {short(text)}: a path cannot contain {_name(found[0])}. Fix: write {coded}"
    return ""


def _name(letter: str) -> str:
    return {" ": "a blank", "#": "'#', which begins a fragment"}.get(letter, repr(letter))


def wrong_headers(headers: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (header name, message) for each problem."""
    seen: dict[str, str] = {}
    for name, value in headers.items():
        if not is_token(name):
            yield name, f"{short(name)} is not a header name. Allowed: letters, digits and !#$%&'*+-.^_`|~"
        elif reason := _OWN.get(name.lower()):
            yield name, f"{name} cannot be set, because {reason}. Fix: remove it"
        elif name.lower() in seen:
            yield name, f"{name} is the same header as {seen[name.lower()]}. Fix: keep one of them"
        seen.setdefault(name.lower(), name)
        if isinstance(value, str) and (words := wrong_value(value)):
            yield name, words


def wrong_value(text: str) -> str:
    """Return why a header cannot have this value; empty for a valid one (RFC 9110, 5.5)."""
    got = f"got {short(text)}"
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        return f"{got}. Allowed: one line without control characters"
    if text != text.strip(" \t"):
        return f"{got}. Allowed: a value without blanks at its ends"
    if any(ord(letter) > 255 for letter in text):
        return f"{got}. Allowed: Latin-1 characters. Fix: encode the value as the service expects it"
    return ""

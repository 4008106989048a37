"""What can be sent as it is written: paths, and headers by name and value. Pure.

A stored grid is not held to it, as it was sent already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.words import short

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OWN = {
    "content-length": "the length of the body decides it",
    "transfer-encoding": "a body is sent whole",
    "connection": "load.keep_alive decides it",
    "x-study-trial": "each trial sets its own",
}


def wrong_path(text: str) -> str:
    """Why a path cannot be sent; empty where it can (RFC 3986, 3.3 and 3.4)."""
    if not text.startswith("/"):
        return f"got {short(text)}; write a path that begins with a slash, as in /predict"
    if text.startswith("//"):
        return f"got {short(text)}, which begins with two slashes and would name a host; write one"
    if found := re.search(r"\{([^{}]*)\}", text):
        name = short(found[0], 30, bare=True)
        return f"got {short(text)}; {name} is not filled in. Fix: write a value, or %7B and %7D for the braces"
    if found := re.search(r'[\s\x00-\x1f\x7f#"<>\\^`{|}]|%(?![0-9a-fA-F]{2})', text):
        coded = "".join(f"%{byte:02X}" for byte in found[0].encode())
        return f"got {short(text)}; {_name(found[0])} cannot stand in a path. Fix: write {coded}"
    return ""


def _name(letter: str) -> str:
    return {" ": "a blank", "#": "'#', which begins a fragment,"}.get(letter, repr(letter))


def wrong_headers(headers: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(name, what is wrong with the header of that name)."""
    seen: dict[str, str] = {}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            yield name, f"{short(name)} is no name of a header. Allowed: letters, digits and !#$%&'*+-.^_`|~"
        elif reason := _OWN.get(name.lower()):
            yield name, f"{name} cannot be set, as {reason}. Fix: remove it"
        elif name.lower() in seen:
            yield name, f"{name} is the same header as {seen[name.lower()]}. Fix: keep one of them"
        seen.setdefault(name.lower(), name)
        if isinstance(value, str) and (words := wrong_value(value)):
            yield name, words


def wrong_value(text: str) -> str:
    """Why a header cannot have this value; empty where it can (RFC 9110, 5.5)."""
    got = f"got {short(text)}"
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
        return f"{got}; a header's value is one line without control characters"
    if text != text.strip(" \t"):
        return f"{got}; a header's value neither begins nor ends with a blank. Fix: remove it"
    if any(ord(letter) > 255 for letter in text):
        return f"{got}; a header carries Latin-1 only. Fix: encode the value, as the service expects it"
    return ""

"""Secrets that your Locust script receives: no name, failure or beginning of a response has them. No Locust here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
_SAFE = ("", "/", "!#$%&'()*+,/:;=?@[]~")  # of a script's own quoting, of Python's default, and of requests
_known: list[str] = []  # longest first


def use(values: Iterable[str]) -> None:
    """Replace these values from now on, also as they are written in a URL, a form and JSON."""
    forms = {form for each in values for form in _forms(each)}
    _known[:] = sorted(forms, key=len, reverse=True)


def without(text: str) -> str:
    """The text with a mask in place of each secret."""
    for value in _known:
        text = text.replace(value, MASK)
    return text


def _forms(value: str) -> tuple[str, ...]:
    return (value, *(quote(value, safe=safe) for safe in _SAFE), quote_plus(value), json.dumps(value)[1:-1])

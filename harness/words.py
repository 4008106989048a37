"""Format numbers and names in messages, and make untrusted text harmless."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness import secrecy
from harness.language import tr

# Control characters except tab and line feed, line separators, directional marks, tags, surrogates, and code points
# that XML does not allow.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_FORMULA = ("=", "+", "-", "@", "\t")  # first characters of a formula in a spreadsheet


def code_point(character: str) -> str:
    r"""A character as its code point, as in \u{1B}."""
    return f"\\u{{{ord(character):X}}}"


def visible(text: str) -> str:
    """Text in which invisible and control characters are replaced by their code points."""
    return HIDDEN.sub(lambda found: code_point(found[0]), text)


def cell(text: str) -> str:
    """Return text for a cell of a CSV file, with an apostrophe before a formula."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def of_cell(text: str) -> str:
    """Return the inverse of `cell`, except for hidden characters."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def grouped(value: object) -> str:
    """A level of a load, or a rate, as it is written, with separators between thousands: 1,000 or 1,234.5."""
    return f"{value:,.10g}" if isinstance(value, int | float) else str(value)


def percent(share: float, digits: int = 0) -> str:
    """A share (0–1) as a percentage, as in 91 %. Without digits, a small share that is not 0 is "< 1 %"."""
    if digits == 0 and 0 < abs(share) < 0.01:
        return "< 1 %" if share > 0 else "> −1 %"
    shown = f"{share * 100:,.{digits}f}"
    if not shown.strip("-0."):
        shown = shown.removeprefix("-")
    return f"{shown} %".replace("-", "−")


def servers(level: int | str) -> str:
    """Format a level of `servers`: "1 server", "3 servers", "1 small server" or "2 small + 1 large servers"."""
    is_one = str(level).partition(" ")[0] == "1" and "+" not in str(level)
    if isinstance(level, str) and not level.isdecimal():
        return tr("{types} server" if is_one else "{types} servers", types=level)
    return tr("{number} server" if is_one else "{number} servers", number=level)


TLS = "_lb_tls"  # ending of a balancer's variable that turns on HTTPS
FIRST = ("load", "vusers", "rate")  # these factors come first in a load's name


def load_name(others: Mapping[str, Any]) -> str:
    """Name a load and all other factors except `servers`.

    As in "2,000 users", "100/s offered" or "2,000 users, nginx_lb_upstream_keepalive 64, HTTPS, 1 server failed".
    """
    # A fixed order, because records have their keys sorted by name.
    levels = [(name, others[name]) for name in sorted(others, key=lambda name: (name not in FIRST, name))]
    return ", ".join(_level_name(name, value) for name, value in levels if (name, value) != ("fail_servers", 0))


def _level_name(name: str, value: object) -> str:
    """Name a level of a factor."""
    if name == "vusers":
        return tr("1 user") if value == 1 else tr("{number} users", number=grouped(value))
    if name == "rate":
        return tr("{rate}/s offered", rate=grouped(value))
    if name == "load":
        return str(value)
    if name == "fail_servers":
        return tr("1 server failed") if value == 1 else tr("{number} servers failed", number=value)
    if name.endswith(TLS):
        return "HTTPS" if str(value).lower() == "true" else "HTTP"
    return f"{name} {value}"


def short(value: object, most: int = 80, bare: bool = False) -> str:
    """Return a value for a message: its representation, or with `bare` its text, cut after `most` characters.

    Remembered secrets are replaced first, because a part of one would not be recognised.
    """
    text = secrecy.scrub(str(value) if bare else repr(value))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def nearest(name: str, allowed: Sequence[str]) -> str:
    """End a message about an unknown name: the most similar allowed name as the fix, else a short list of all."""
    if not allowed:
        return ""
    close = difflib.get_close_matches(name[:100], allowed, n=1, cutoff=0.6)
    if close:
        return f". Fix: write {close[0]!r}"
    return ". Allowed: " + ", ".join(allowed) if len(allowed) <= 16 else ""

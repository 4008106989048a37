"""Recognise secrets by their names or values, and mask them. Pure.

A mask is `masked:KEY:HASH`: the id of a key, and the first digits of a keyed hash (HMAC-SHA-256) of the value. Two
masks of one key are equal if their values are equal. Without the key, a dictionary attack cannot find the value.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote_plus

MASK = re.compile(r"masked:([0-9a-f]{8}):[0-9a-f]{16}")
# Anywhere in a name without its punctuation.
_PARTS = re.compile(
    r"token(?!i[sz])|secret|passw|passphrase|credential|apikey|authoriz|authentic|cookie|session|jwt|bearer|signature"
    r"|privatekey|accesskey|csrf|xsrf"
)
# As one of the words of a name.
_WORDS = frozenset(("key", "keys", "auth", "pwd", "pass", "sig", "dsn", "sas"))
# Endings of roles' variables that hold the path of a secret, or the name of the variable with it.
_PLACES = ("_lb_tls_key", "dependency_view_credential")
_COUNTS = frozenset(("max", "min", "num", "n", "count", "limit", "size", "total", "length", "budget", "tokens"))
_USER_INFO = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)(?=@)")
_FLAG = re.compile(r"(-{0,2}[\w.-]+)=(.+)", re.S)
# A value that only names a secret, as in "Bearer ${token}", is none.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # name in the environment
_REFERENCE = re.compile(r"(?:(?:Bearer|Basic|Token) )?\$\{[\w. -]+\}", re.I)
_SHORTEST = 4  # characters of a value that is searched in other texts
_known: set[str] = set()


def is_secret_name(name: str) -> bool:
    """Whether a name is one of a secret, such as Authorization, X-Api-Key, db_password or accessToken."""
    if name.endswith(_PLACES):
        return False
    return bool(_PARTS.search(re.sub(r"[^a-z0-9]", "", name.lower()))) or bool(_words(name) & _WORDS)


def _words(name: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return set(re.split(r"[^a-z0-9]+", apart.lower()))


def remember(values: Iterable[str]) -> None:
    """Add values that `scrub` replaces from now on, also as messages and JSON quote them."""
    for value in values:
        forms = (value, repr(value)[1:-1], json.dumps(value)[1:-1], value.strip())
        _known.update(form for form in forms if len(form) >= _SHORTEST)


def inside(texts: Iterable[str]) -> list[str]:
    """Return the remembered secrets that some of these texts contain."""
    shown = tuple(texts)
    return sorted(value for value in _known if any(value in text for text in shown))


def scrub(text: str) -> str:
    """A text for messages and logs, without remembered secrets."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, "[masked]")
    return text


class Masks:
    """Masks by one key, which is read for the first secret; `values` are secret wherever they occur."""

    def __init__(self, read_key: Callable[[], bytes], values: Iterable[str] = ()) -> None:
        self._read_key = read_key
        self._key = b""
        found = {value for value in values if value}
        self._values = sorted({*found, *(quote(value, safe="") for value in found)}, key=len, reverse=True)

    def key_id(self) -> str:
        """Return eight digits that identify the key without revealing it; the first call reads the key."""
        return self._hash("which key")[:8]

    def of(self, value: str) -> str:
        """The mask of a value; a mask is returned unchanged."""
        if not value or MASK.search(value):
            return value
        remember([value])
        return f"masked:{self.key_id()}:{self._hash(f'value {value}')[:16]}"

    def _hash(self, text: str) -> str:
        self._key = self._key or self._read_key()
        return hmac.new(self._key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    def tree(self, value: Any, name: str = "", secret: bool = False) -> Any:
        """Plain data with masks for secrets: everything below a secret name, and secret values."""
        secret = secret or is_secret_name(name)
        if isinstance(value, dict):
            return {key: self.tree(inner, str(key), secret) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(inner, name, secret) for inner in value] if secret else self._items(value, name)
        if isinstance(value, str):
            counts = value.isdigit() and bool(_words(name) & _COUNTS)
            is_plain = counts or _REFERENCE.fullmatch(value)
            return self.of(value) if secret and not is_plain else self.text(value)
        if secret and isinstance(value, int | float) and not isinstance(value, bool) and not _words(name) & _COUNTS:
            return self.of(str(value))
        return value

    def _items(self, values: Iterable[Any], name: str) -> list[Any]:
        """A masked list, which may be a command: `--api-key=x`, `--api-key x`, `TOKEN=x`."""
        found, follows = [], False
        for value in values:
            pair = _FLAG.fullmatch(value) if isinstance(value, str) else None
            if follows and isinstance(value, str) and not value.startswith("-"):
                found.append(self.of(value))
            elif pair and is_secret_name(pair[1]):
                found.append(f"{pair[1]}={self.of(pair[2])}")
            else:
                found.append(self.tree(value, name))
            follows = isinstance(value, str) and value.startswith("-") and not pair and is_secret_name(value)
        return found

    def text(self, text: str) -> str:
        """A text with masks for secret values and for passwords in URLs."""
        for value in self._values:
            if value == text:
                return self.of(value)
            if len(value) >= _SHORTEST and value in text:
                text = text.replace(value, self.of(value))
        return _USER_INFO.sub(lambda found: f"{found[1]}:{self.of(found[2])}", text)

    def path(self, text: str) -> str:
        """A path with a query, with masks for secret parameters."""
        path, mark, query = text.partition("?")
        return self.text(path) + mark + "&".join(self._parameter(part) for part in query.split("&"))

    def _parameter(self, part: str) -> str:
        name, mark, value = part.partition("=")
        is_secret = is_secret_name(unquote_plus(name)) and not _REFERENCE.fullmatch(value)
        hidden = self.of(value) if is_secret else self.text(value)
        return self.text(name) + mark + hidden

    def grid(self, data: dict[str, Any]) -> dict[str, Any]:
        """A grid as plain data, with masks in its requests and its variables."""
        masked = {
            key: self.tree(value) if key in ("vars", "factors", "service") else value for key, value in data.items()
        }
        if isinstance(request := data.get("request"), dict):
            masked["request"] = {**self.tree(request), "path": self.path(str(request.get("path", "")))}
        if "inventory" in data:
            masked["inventory"] = _each_text(data["inventory"], self.text)
        if isinstance(traffic := data.get("traffic"), dict):
            masked["traffic"] = self._traffic(traffic)
        return masked

    def _traffic(self, data: dict[str, Any]) -> dict[str, Any]:
        """Traffic as plain data, with masks in its requests. The names of extracted values are no secrets."""
        found = {key: _each_text(value, self.text) for key, value in data.items()}
        if isinstance(login := data.get("login"), dict):
            found["login"] = self._sent(login)
        if "env" in data:
            found["env"] = self.tree(data["env"])
        for section in ("requests", "steps"):
            if isinstance(several := data.get(section), list | tuple):
                found[section] = [self._sent(each) if isinstance(each, dict) else each for each in several]
        return found

    def _sent(self, data: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {key: _each_text(value, self.text) for key, value in data.items()}
        if isinstance(request := data.get("request"), dict):
            found["request"] = {**self.tree(request), "path": self.path(str(request.get("path", "")))}
            if isinstance(parts := request.get("multipart"), list | tuple):
                found["request"]["multipart"] = [self._part(part) if isinstance(part, dict) else part for part in parts]
        return found

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        """A part of a multipart body, whose value is a secret if its name is one."""
        found: dict[str, Any] = self.tree(part)
        if "value" in part:
            found["value"] = self.tree(part["value"], str(part.get("name", "")))
        return found


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Plain data with every text changed."""
    if isinstance(value, dict):
        return {key: _each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


class Hidden(Masks):
    """Replaces secrets by "[masked]", for pages and messages: it needs no key."""

    def __init__(self) -> None:
        super().__init__(lambda: b"")

    def of(self, value: str) -> str:
        """A fixed text instead of a value; a mask is returned unchanged."""
        return value if not value or MASK.search(value) else "[masked]"


class _Remembered(Masks):
    """Remembers secrets and changes nothing."""

    def __init__(self) -> None:
        super().__init__(lambda: b"")

    def of(self, value: str) -> str:
        remember([value])
        return value

    def tree(self, value: Any, name: str = "", secret: bool = False) -> Any:
        """Plain data; the name of the variable in `{env: NAME}` is no secret."""
        is_reference = isinstance(value, dict) and value.keys() == {"env"} and _VARIABLE.fullmatch(str(value["env"]))
        return value if is_reference else super().tree(value, name, secret)


def remember_grid(data: Any) -> None:
    """Remember the secrets of a grid's data, valid or not, so that no message about them has their values."""
    if isinstance(data, dict):
        _Remembered().grid(data)


def foreign(data: Any, key_id: str) -> bool:
    """Whether plain data contain a mask by another key."""
    return any(found != key_id for found in MASK.findall(str(data)))


def blank(data: Any) -> Any:
    """Plain data in which all masks are equal, to compare everything except secrets."""
    if isinstance(data, dict):
        return {key: blank(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [blank(value) for value in data]
    return MASK.sub("masked", data) if isinstance(data, str) else data

"""Translate the traffic of a load for nGrinder's script: templates become parts that the script only joins. Pure.

A part is a text, `[conversion, name]` for a value, or `["file", parts]` for the content of a file with that key, and
`["basename", parts]` for its name. declared.groovy reads it.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from harness.grid import json_paths

Part = str | list[Any]
Literal = Callable[[str], str]

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
# Characters of a path that a client may send as they are (RFC 3986), and the sign of an encoded one.
_PATH = "!#$%&'()*+,/:;=?@[]~"
OCTETS = "application/octet-stream"
TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
}


def translated(wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return `SentTraffic.wire()` with every template in parts, every JSONPath as keys, and all headers."""
    return {
        **{key: wire[key] for key in ("kind", "pick", "zipf_s", "per")},
        "requests": [_request(each) for each in wire["requests"]],
        "login": _request(wire["login"]) if wire["login"] else None,
    }


def rows(dataset_rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as the script reads them: a text as it is, another value as a list with its JSON."""
    return [
        {name: value if isinstance(value, str) else [_dumps(value)] for name, value in row.items()}
        for row in dataset_rows
    ]


def _request(sent: Mapping[str, Any]) -> dict[str, Any]:
    body, kind = _body(sent["body"])
    headers = {name: value for name, value in sent["headers"].items() if not _is_replaced(name, sent["body"])}
    if kind and "content-type" not in {name.lower() for name in headers}:
        headers = {"Content-Type": kind, **headers}
    return {
        "name": sent.get("name", "login"),
        "weight": sent.get("weight", 1.0),
        "pause_s": sent.get("pause_s", 0.0),
        "method": sent["method"],
        "target": _joined(_target(sent["path"], sent["params"])),
        "headers": [[name, _joined(_parsed(value, "plain", str))] for name, value in headers.items()],
        "body": body,
        "expect_status": sent["expect_status"],
        "expect_body": sent["expect_body"],
        "extract": [[name, _way(way)] for name, way in sent["extract"].items()],
    }


def _way(way: Mapping[str, str]) -> dict[str, Any]:
    return {"keys": json_paths.keys(way["json"])} if "json" in way else dict(way)


def _is_replaced(header: str, body: Mapping[str, Any] | None) -> bool:
    """Whether a header is left out: only the body of several parts has its own boundary."""
    return bool(body) and "multipart" in (body or {}) and header.lower() == "content-type"


def _body(body: Mapping[str, Any] | None) -> tuple[list[Part] | None, str]:
    """(parts, content type) of a body; (None, "") for none."""
    if body is None:
        return None, ""
    if "json" in body:
        return _joined(_json(body["json"])), TYPES["json"]
    if "form" in body:
        return _joined(_form(body["form"])), TYPES["form"]
    if "text" in body:
        return _joined(_parsed(body["text"], "plain", str)), body.get("type") or TYPES["text"]
    if "file" in body:
        return [["file", _joined(_parsed(body["file"], "plain", str))]], body.get("type") or OCTETS
    # The same boundary in every trial, so that all of them have one script.
    boundary = "study" + hashlib.sha256(_dumps(body).encode()).hexdigest()[:32]
    return _joined(_multipart(body["multipart"], boundary)), f"multipart/form-data; boundary={boundary}"


def _multipart(parts: Iterable[Mapping[str, Any]], boundary: str) -> Iterator[Part]:
    for part in parts:
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="'
        yield from _parsed(part["name"], "quoted", _quoted)
        if not part.get("file"):
            yield '"\r\n\r\n'
            yield from _parsed(part.get("value") or "", "plain", str)
        else:
            yield '"; filename="'
            key = _joined(_parsed(part["file"], "plain", str))
            if part.get("filename"):
                yield from _parsed(part["filename"], "quoted", _quoted)
            else:
                yield ["basename", key]
            kind = part.get("type") or mimetypes.guess_type(part.get("filename") or "")[0] or OCTETS
            yield '"\r\nContent-Type: '
            yield from _parsed(kind, "quoted", _quoted)
            yield "\r\n\r\n"
            yield ["file", key]
        yield "\r\n"
    yield f"--{boundary}--\r\n"


def _target(path: str, params: Iterable[tuple[str, str]]) -> Iterator[Part]:
    yield from _parsed(path, "percent", lambda text: quote(text, safe=_PATH))
    separator = "&" if "?" in path else "?"
    for name, value in params:
        yield separator
        yield from _parsed(name, "percent", lambda text: quote(text, safe=""))
        yield "="
        yield from _parsed(value, "percent", lambda text: quote(text, safe=""))
        separator = "&"


def _form(fields: Iterable[tuple[str, str]]) -> Iterator[Part]:
    for place, (name, value) in enumerate(fields):
        yield "&" if place else ""
        yield from _parsed(name, "form", quote_plus)
        yield "="
        yield from _parsed(value, "form", quote_plus)


def _json(value: Any) -> Iterator[Part]:
    """A text that is one reference to a column or an extracted value takes the value with its type."""
    if isinstance(value, str):
        parts = [part for part in _parsed(value, "in_json", _inside_json) if part]
        if len(parts) == 1 and isinstance(parts[0], list) and parts[0][1] not in ("user", "uuid", "trial"):
            yield ["json", parts[0][1]]
            return
        yield '"'
        yield from parts
        yield '"'
    elif isinstance(value, Mapping):
        for place, (key, each) in enumerate(value.items()):
            yield "," if place else "{"
            yield _dumps(str(key))
            yield ":"
            yield from _json(each)
        yield "}" if value else "{}"
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield "," if place else "["
            yield from _json(each)
        yield "]" if value else "[]"
    else:
        yield _dumps(value)


def _parsed(text: str, conversion: str, literal: Literal) -> Iterator[Part]:
    """The parts of a template; `literal` converts the text between its values."""
    end = 0
    for found in _REFERENCE.finditer(text):
        yield literal(text[end : found.start()])
        end = found.end()
        yield literal("${") if found[1] is None else [conversion, found[1].strip()]
    yield literal(text[end:])


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Return the parts with neighbouring texts joined, and without empty ones."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return found


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _inside_json(text: str) -> str:
    return _dumps(text)[1:-1]


def _quoted(text: str) -> str:
    """A name in a part's header as browsers send it: no character can end it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

"""Bodies of recorded requests as a grid writes them: JSON, form, multipart, text, or a file."""

from __future__ import annotations

import base64
import binascii
import email.message
import email.parser
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from harness.draft.found import study_name
from harness.draft.secret_references import SECRET_FORM
from harness.draft.sources import mapping, sequence, value_of
from harness.grid import http
from harness.grid.references import looks_like_reference

LARGEST_TEXT = 64_000  # characters of a body in the grid; a larger one becomes a file
LARGEST_FILE = 8_000_000  # bytes
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(frozen=True)
class FoundBody:
    """The grid's key of a body, its value, a content type if the key does not imply it, and why it is unusable."""

    kind: str = ""
    value: Any = None
    content_type: str = ""
    problem: str = ""


def decoded(text: str) -> bytes:
    """Return the bytes of base64, also of damaged one."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def used(files: Mapping[str, bytes], text: str) -> dict[str, bytes]:
    """Return the files whose names occur in a text."""
    return {name: content for name, content in files.items() if name in text}


def of(post: dict[str, Any], at: int, files: dict[str, bytes]) -> FoundBody:
    """Return the body of the entry number `at`; bodies that a grid cannot contain are added to `files`."""
    mime = _type(str(post.get("mimeType") or "").strip())
    kind = mime.partition(";")[0].strip().lower()
    text = post["text"] if isinstance(post.get("text"), str) else ""
    params = [mapping(each) for each in sequence(post.get("params"))]
    if "base64" in (post.get("encoding"), post.get("_encoding")):
        return _of_bytes(decoded(text), kind, mime, at, files)
    if kind == FORM and (text or params):
        return _form([(str(each.get("name", "")), str(each.get("value", ""))) for each in params], text)
    if kind == MULTIPART and (text or params):
        return _multipart(mime, text.encode("utf-8", "surrogateescape"), params, at, files)
    return _of_text(text, kind, mime, at, files) if text else FoundBody()


def _of_bytes(content: bytes, kind: str, mime: str, at: int, files: dict[str, bytes]) -> FoundBody:
    if not content:
        return FoundBody()
    if kind == MULTIPART:
        return _multipart(mime, content, [], at, files)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _file(content, mime, f"body-{at}.bin", files)
    return _form([], text) if kind == FORM else _of_text(text, kind, mime, at, files)


def _of_text(text: str, kind: str, mime: str, at: int, files: dict[str, bytes]) -> FoundBody:
    if len(text) > LARGEST_TEXT:
        return _file(text.encode("utf-8", "replace"), mime, f"body-{at}.{'json' if 'json' in kind else 'txt'}", files)
    if "json" in kind:
        value = value_of(text)
        if value is not None and not looks_like_reference(value):
            return FoundBody("json", value, "" if kind == "application/json" else mime)
    return FoundBody("text", text, mime)


def _file(content: bytes, mime: str, name: str, files: dict[str, bytes]) -> FoundBody:
    """A body as a file. One with a secret is not written, as nothing replaces a value in a file."""
    if len(content) > LARGEST_FILE:
        return FoundBody(problem="body too large")
    if has_secret(content):
        return FoundBody(problem="a secret in a large or binary body")
    files[name] = content
    return FoundBody("file", {"path": name, **({"type": mime} if mime else {})})


def has_secret(content: bytes) -> bool:
    """Whether bytes contain a value in the form of a secret, or a name of one."""
    text = content.decode("latin-1")
    return bool(SECRET_FORM.search(text)) or any(
        word in text.lower() for word in ("password", "authorization", "api_key", "apikey", "access_token", "secret")
    )


def _form(params: list[tuple[str, str]], text: str) -> FoundBody:
    pairs = parse_qsl(text, keep_blank_values=True) or params
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = (
            [*found[name], value]
            if isinstance(found.get(name), list)
            else ([found[name], value] if name in found else value)
        )
    found = {name: value for name, value in found.items() if "${" not in name}
    return FoundBody("form", found) if found else FoundBody("text", text, FORM)


def _multipart(mime: str, content: bytes, params: list[dict[str, Any]], at: int, files: dict[str, bytes]) -> FoundBody:
    parts = _parsed(mime, content) or [
        (
            str(each.get("name", "")),
            str(each.get("value") or "").encode(),
            each.get("fileName"),
            each.get("contentType"),
        )
        for each in params
    ]
    found: list[dict[str, Any]] = []
    for place, (name, value, file_name, kind) in enumerate(parts):
        if file_name is None and _is_text(value):
            found.append({"name": name, "value": value.decode()})
            continue
        ending = str(file_name or "").rpartition(".")[2]
        own = f"body-{at}-{place}.{study_name(ending) if ending.isalnum() else 'bin'}"
        body = _file(value or b"empty: the recording lacks this file\n", "", own, files)
        if body.problem:
            return body
        part = {"name": name, "file": own, "filename": str(file_name or ""), "type": _type(str(kind or ""))}
        found.append({key: each for key, each in part.items() if each})
    return FoundBody("multipart", found) if found else FoundBody()


def _type(text: str) -> str:
    return "" if http.wrong_value(text) or "${" in text else text


def _parsed(mime: str, content: bytes) -> list[tuple[str, bytes, str | None, str | None]]:
    """Return (name, content, file name, content type) of each part; empty if they cannot be read."""
    head = f"Content-Type: {' '.join(mime.split())}\r\n\r\n".encode("ascii", "replace")
    try:
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
        parts = message.get_payload() if message.is_multipart() else []
        return [each for part in parts if isinstance(part, email.message.Message) if (each := _part(part))[0]]
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        return []


def _part(part: email.message.Message) -> tuple[str, bytes, str | None, str | None]:
    name = part.get_param("name", "", header="content-disposition")
    value = part.get_payload(decode=True)
    content = value if isinstance(value, bytes) else b""
    kind = part.get_content_type() if part.get("content-type") else None
    return str(name or ""), content, part.get_filename(), kind


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode("utf-8")
    except UnicodeDecodeError:
        return False

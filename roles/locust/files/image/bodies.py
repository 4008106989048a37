"""Bodies of requests, compiled once for each load. No Locust here.

A compiled body has a `scope`, the values it depends on, and `bytes(context)`, which raises NoData or ValueError.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from typing import Any, Protocol

from templates import NOTHING, ON_ALL, Context, NoData, Template, of_form, of_json, of_text

OCTETS = "application/octet-stream"


class Body(Protocol):
    """A compiled body."""

    scope: int
    content_type: str  # used if the request's headers have none

    def bytes(self, context: Context) -> bytes:
        """The body with the values of a request."""


class TextBody:
    """A body that is one template."""

    def __init__(self, template: Template, content_type: str) -> None:
        self.scope = template.scope
        self.content_type = content_type
        self._template = template

    def bytes(self, context: Context) -> bytes:
        return self._template.text(context).encode()


class FileBody:
    """The bytes of a file; its key is a template."""

    def __init__(self, key: Template, content_type: str, files: Mapping[str, bytes]) -> None:
        self.scope = NOTHING if key.scope == NOTHING else ON_ALL  # no copy for each row: it is kept in the files
        self.content_type = content_type
        self._key = key
        self._files = files

    def bytes(self, context: Context) -> bytes:
        return _content(self._files, self._key.text(context))


class MultipartBody:
    """Fields and files, as multipart/form-data (RFC 7578)."""

    def __init__(self, parts: list[dict[str, Any]], trial: str, files: Mapping[str, bytes], seed: str) -> None:
        boundary = "study" + hashlib.blake2b(seed.encode(), digest_size=16).hexdigest()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._files = files
        self._delimiter = b"--" + boundary.encode() + b"\r\n"
        self._end = b"--" + boundary.encode() + b"--\r\n"
        self._parts = [_FormPart(part, trial) for part in parts]
        self.scope = max((each.scope for each in self._parts), default=0)

    def bytes(self, context: Context) -> bytes:
        sent = [self._delimiter + each.bytes(context, self._files) for each in self._parts]
        return b"".join([*sent, self._end])


class _FormPart:
    """One field or file of a multipart body."""

    def __init__(self, part: dict[str, Any], trial: str) -> None:
        self._name = of_text(part["name"], trial)
        self._value = of_text(part.get("value") or "", trial)
        self._key = of_text(part["file"], trial) if part.get("file") else None
        self._filename = of_text(part.get("filename") or "", trial)
        self._type = of_text(part.get("type") or "", trial)
        texts = (self._name, self._value, self._filename, self._type, *((self._key,) if self._key else ()))
        self.scope = max(text.scope for text in texts)

    def bytes(self, context: Context, files: Mapping[str, bytes]) -> bytes:
        head = f'Content-Disposition: form-data; name="{_quoted(self._name.text(context))}"'
        if self._key is None:
            return f"{head}\r\n\r\n{self._value.text(context)}\r\n".encode()
        key = self._key.text(context)
        name = self._filename.text(context) or key.rpartition("/")[2]
        kind = self._type.text(context) or mimetypes.guess_type(name)[0] or OCTETS
        head += f'; filename="{_quoted(name)}"\r\nContent-Type: {_quoted(kind)}\r\n\r\n'
        return head.encode() + _content(files, key) + b"\r\n"


def _quoted(text: str) -> str:
    """A name as browsers send it: no character can end it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _content(files: Mapping[str, bytes], key: str) -> bytes:
    if key not in files:
        raise NoData(key)
    return files[key]


def compiled(body: dict[str, Any] | None, trial: str, files: Mapping[str, bytes], seed: str) -> Body | None:
    """A body of the wire; None for none. Raises ValueError for another kind of body."""
    if body is None:
        return None
    if "json" in body:
        return TextBody(of_json(body["json"], trial), "application/json")
    if "form" in body:
        return TextBody(of_form(body["form"], trial), "application/x-www-form-urlencoded")
    if "multipart" in body:
        return MultipartBody(body["multipart"], trial, files, seed)
    if "file" in body:
        return FileBody(of_text(body["file"], trial), body.get("type") or OCTETS, files)
    if "text" in body:
        return TextBody(of_text(body["text"], trial), body.get("type") or "text/plain; charset=utf-8")
    raise ValueError(f"body (got {', '.join(body)}). Allowed: json, form, multipart, file, text.")

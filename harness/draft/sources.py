"""Read the user's files and documents, limited in size and time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from harness import plain_file
from harness.errors import BadInput
from harness.grid.yamlcore import NotYaml, compose
from harness.grid.yamldata import Path_, Reading
from harness.records import strict_json
from harness.words import short

LARGEST = 200_000_000  # bytes of a file
LARGEST_FETCHED = 20_000_000  # bytes of a document at a URL
WITHIN_S = 15.0
_LARGEST_WITH_LINES = 5_000_000  # characters; finding lines takes a second for each million


def read(source: str | Path) -> bytes:
    """Return the content of a file; raises BadInput if it cannot be read."""
    path = Path(source)
    try:
        if not path.is_file():
            found = "is a directory" if path.is_dir() else "is not a file" if path.exists() else "no such file"
            raise BadInput(f"{path}: {found}")
        size = path.stat().st_size
        if size > LARGEST:
            raise BadInput(f"{path}: got {size:,} bytes. Allowed: {LARGEST:,} bytes")
        return plain_file.read(path, LARGEST)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # a zero byte in its name
        raise BadInput(f"{str(path)!r}: not a file name") from None


def is_url(source: str) -> bool:
    """Whether a source is a URL of HTTP."""
    return source.lower().startswith(("http://", "https://"))


def fetch(url: str) -> bytes:
    """Return the document at a URL; raises BadInput without a response of status 200."""
    content = b""
    try:
        with httpx.stream("GET", url, timeout=WITHIN_S, follow_redirects=True) as response:
            if response.status_code != httpx.codes.OK:
                raise BadInput(f"{url}: status {response.status_code}. Allowed: a document with status 200")
            for part in response.iter_bytes():
                content += part
                if len(content) > LARGEST_FETCHED:
                    raise BadInput(f"{url}: the document is too large. Allowed: {LARGEST_FETCHED:,} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadInput(f"{url}: no response: {str(error) or type(error).__name__}") from None
    return content


def text_of(name: str, content: bytes) -> str:
    """Return UTF-8 text; raises BadInput with the line of the first other byte."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{name}:{line}: not text in UTF-8 (byte 0x{content[error.start]:02x})") from None


def json_of(name: str, text: str) -> Any:
    """Return the value of a JSON text; raises BadInput with its line."""
    try:
        return _whole(strict_json.loads(text))
    except json.JSONDecodeError as error:
        what = "is empty" if not text.strip() else f"not JSON: {error.msg} (column {error.colno})"
        raise BadInput(f"{name}:{error.lineno}: {what}") from None
    except (RecursionError, ValueError) as error:
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadInput(f"{name}:1: not usable JSON: {words}") from None


def value_of(text: str) -> Any:
    """Return the value of a JSON text; None for null, and for a text that is not JSON."""
    try:
        return _whole(strict_json.loads(text))
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> Any:
    """Plain data without halves of surrogate pairs, which JSON can contain and UTF-8 cannot."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class ParsedDocument:
    """A JSON or YAML document as plain data, and the lines of its values."""

    name: str
    text: str

    @classmethod
    def of(cls, source: str) -> ParsedDocument:
        """Read a document from a file or a URL; raises BadInput."""
        content = fetch(source) if is_url(source) else read(source)
        return cls(source, text_of(source, content))

    @cached_property
    def data(self) -> Any:
        """Plain data; raises BadInput with the line of bad syntax."""
        return json_of(self.name, self.text) if self._is_json else self._tree[0]

    @property
    def _is_json(self) -> bool:
        return self.text.lstrip().startswith(("{", "["))

    @cached_property
    def _tree(self) -> tuple[Any, dict[Path_, int]]:
        try:
            node = compose(self.text)
        except NotYaml as error:
            raise BadInput(f"{self.name}:{error.line}: {error}") from None
        reading = Reading()
        return (reading.value(node) if node is not None else None), reading.lines

    def line(self, path: Path_) -> int:
        """Return the line of a value, or of its nearest parent with one; 1 for a document too large to look."""
        if len(self.text) > _LARGEST_WITH_LINES:
            return 1
        try:
            lines = self._tree[1]
        except BadInput:  # JSON that is no YAML
            return 1
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 1)

    def error(self, path: Path_, words: str) -> BadInput:
        """Return the error about a value."""
        return BadInput(f"{self.name}:{self.line(path)}: {words}")


def mapping(value: object) -> dict[str, Any]:
    """Return a mapping with its keys as text; an empty one for anything else."""
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def shown(value: object) -> str:
    """Return a value of a source for a message."""
    return short(value, 60)

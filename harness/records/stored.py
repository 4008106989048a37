"""Read files of a study; unreadable or damaged ones raise BadInput with file, line and fix."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from harness.errors import BadInput
from harness.grid import type_words
from harness.records import strict_json
from harness.records.part import Part
from harness.words import short

P = TypeVar("P", bound=Part)

Place = tuple[str | int, ...]
TRIALS = "trials"


def damaged(path: Path, what: str, line: int | None = None) -> BadInput:
    """Return the error for a damaged file."""
    return BadInput(f"{path}:{line}: {what}. {remedy(path)}" if line else f"{path}: {what}. {remedy(path)}")


def remedy(path: Path) -> str:
    """Return the fix for a damaged file of a study."""
    parts = path.parts
    if TRIALS in parts[:-3]:
        folder = Path(*parts[: len(parts) - parts[::-1].index(TRIALS) + 2])
        return f"Fix: restore the file from a copy, or move {folder} away; the study then measures this trial again."
    if path.suffix == ".csv":
        return f"Fix: move it away; 'study.py report {path.parent}' writes it again."
    return "Fix: restore the file from a copy, or move its directory away; the same command then starts a new study."


def bytes_of(path: Path) -> bytes:
    """Return the content of a regular file; raises FileNotFoundError, and BadInput if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would block
            raise damaged(path, "is a directory" if path.is_dir() else "is not a regular file")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror or error}") from None


def text_of(path: Path) -> str:
    """Return the content of a UTF-8 text file; raises as `bytes_of`."""
    content = bytes_of(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise damaged(path, f"is not UTF-8 text (byte 0x{content[error.start]:02x})", line) from None


def json_of(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; raises FileNotFoundError, and BadInput for a damaged file."""
    text = text_of(path)
    try:
        content = strict_json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        wrong = f"is not JSON: {error.msg} (column {error.colno})"
        if text.startswith("\ufeff"):
            wrong = "begins with a byte order mark, which is no JSON"
        what = "is empty" if not text.strip() else "is cut off" if cut else wrong
        raise damaged(path, what, error.lineno) from None
    except RecursionError:
        raise damaged(path, "is not JSON of this program: it is nested too deeply", 1) from None
    except ValueError as error:
        word = error.word if isinstance(error, strict_json.NotANumber) else str(error)
        found = re.search(rf"(?<![\w.]){re.escape(word)}", text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        raise damaged(path, f"is not JSON: {short(word, 40, bare=True)} is not a finite number", line) from None
    if not isinstance(content, dict):
        raise damaged(path, "is not a JSON object", 1)
    return content


def line_of(path: Path, place: Place) -> int | None:
    """Return the line of a key (names and indices) in a JSON file, or of its nearest parent; None if unknown."""
    try:
        node = yaml.compose(text_of(path), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, BadInput, yaml.YAMLError, RecursionError):
        return None
    line: int | None = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        # Other parts come from pydantic's validators and are no keys.
    return line


def read_part(kind: type[P], what: str, file: Path, content: dict[str, Any]) -> P:
    """Return a part from JSON; raises BadInput with file and line for a missing key or a wrong type."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise not_a_part(file, what, error) from None


def not_a_part(file: Path, what: str, error: ValidationError, above: Place = ()) -> BadInput:
    """Return the error for the first invalid key of a file; `above` is the path of the validated part."""
    first = error.errors()[0]
    place = (*above, *first["loc"])
    allowed = type_words.allowed([first])
    words = f"got {short(first.get('input'))}. Allowed: {allowed}" if allowed else _other_words(first)
    return damaged(file, f"not {what}: {'.'.join(map(str, place))}: {words}", line_of(file, place) or 1)


def _other_words(item: ErrorDetails) -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    return item["msg"][0].lower() + item["msg"][1:]

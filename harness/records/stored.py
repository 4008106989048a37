"""Reading files of a study: what cannot be read raises BadInput with file, line and fix."""

from __future__ import annotations

import json
import math
import re
import stat
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from harness.errors import BadInput
from harness.records.part import Part

P = TypeVar("P", bound=Part)

Place = tuple[str | int, ...]
TRIALS = "trials"


def damaged(path: Path, what: str, line: int | None = None) -> BadInput:
    """The error for a file that is not as it was written."""
    return BadInput(f"{path}:{line}: {what}. {remedy(path)}" if line else f"{path}: {what}. {remedy(path)}")


def remedy(path: Path) -> str:
    """How to repair a study one of whose files is damaged."""
    parts = path.parts
    if TRIALS in parts[:-3]:
        folder = Path(*parts[: len(parts) - parts[::-1].index(TRIALS) + 2])
        return f"Fix: restore the file from a copy, or move {folder} away; the study then measures this trial again."
    return "Fix: restore the file from a copy, or move its directory away; the same command then starts a new study."


def bytes_of(path: Path) -> bytes:
    """The content of a regular file; raises FileNotFoundError, and BadInput where it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe in its place would wait for its writer
            raise damaged(path, "is a directory" if path.is_dir() else "is not a regular file")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror or error}") from None


def text_of(path: Path) -> str:
    """The same as text in UTF-8."""
    content = bytes_of(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise damaged(path, f"is not UTF-8 text (byte 0x{content[error.start]:02x})", line) from None


def json_of(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises FileNotFoundError, and BadInput for anything else."""
    text = text_of(path)
    try:
        said = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        what = "is empty" if not text.strip() else "is cut off" if cut else f"is not JSON: {error.msg}"
        raise damaged(path, what, error.lineno) from None
    except RecursionError:
        raise damaged(path, "is not JSON of this program: nested too deeply") from None
    except ValueError as error:
        found = re.search(rf"(?<![\w.]){re.escape(str(error))}", text)
        line = text.count("\n", 0, found.start()) + 1 if found else None
        raise damaged(path, f"is not JSON: {str(error)[:40]} is not a finite number", line) from None
    if not isinstance(said, dict):
        raise damaged(path, "is not a JSON object", 1)
    return said


def _refuse(word: str) -> float:
    raise ValueError(word)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


def line_of(path: Path, place: Place) -> int | None:
    """The line of a key (names and indices) in a JSON file, or of the nearest thing around it that is there."""
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
        # Else a mark of a validator: it is no key.
    return line


def read_part(kind: type[P], what: str, file: Path, said: dict[str, Any]) -> P:
    """A part as it is on disk; raises BadInput with file and line where a key is missing or of another type."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise not_a_part(file, what, error) from None


def not_a_part(file: Path, what: str, error: ValidationError, above: Place = ()) -> BadInput:
    """The error for the first thing that is wrong in a file; `above` is where it stands."""
    first = error.errors()[0]
    place = (*above, *first["loc"])
    words = first["msg"][0].lower() + first["msg"][1:]
    return damaged(file, f"not {what}: {'.'.join(map(str, place))}: {words}", line_of(file, place))

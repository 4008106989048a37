"""Atomic file writes (temporary file, sync, rename), and tables of dataclasses as CSV.

A file that cannot be written raises CannotRun with its name; the previous content stays.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import errno
import io
import math
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import CannotRun
from harness.records.stored import damaged, text_of
from harness.words import cell, of_cell

Row = TypeVar("Row")

FULL = {errno.ENOSPC, errno.EDQUOT}
NOT_OURS = {*FULL, errno.EROFS, errno.EACCES, errno.EPERM}  # the machine's fault, for any file
LARGEST = 2**63 - 1
LONGEST_S = 1_000_000  # seconds of a trial, also with time scaling; every second of a series is looked at


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into CannotRun with file and fix."""
    try:
        yield
    except OSError as error:
        raise CannotRun(cannot_write(path, error)) from None


def cannot_write(path: object, error: OSError) -> str:
    """Return the message for a file that cannot be written."""
    if error.errno in FULL:
        fix = "Fix: free space on that disk, then run the same command again"
    elif error.errno == errno.EROFS:
        fix = "Fix: mount that file system writable, or choose another one with --results, then run the command again"
    elif error.errno in (errno.EISDIR, errno.ENOTDIR):
        fix = "Fix: move that directory or file away, then run the same command again"
    else:
        fix = "Fix: give this user write permission there, then run the same command again"
    return f"{path}: cannot be written: {error.strerror or error}. {fix}; earlier records are kept."


def replace(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a temporary file, sync it and rename it to `path`; with a `mode`, it has that mode from its creation on."""
    aside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with writing(path):
            if mode is not None:
                os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
            write_synced(aside, content)
            aside.replace(path)
            sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()  # exists only after an error


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and sync it to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Sync a folder, so that renames in it survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_csv(path: Path, rows: Iterable[Any], columns: list[str]) -> None:
    """Write a table as CSV; None becomes an empty field."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            values = (getattr(row, column) for column in columns)
            writer.writerow(["" if value is None else cell(value) if type(value) is str else value for value in values])
        file.flush()
        os.fsync(file.fileno())


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(f"{text[:20]}… is too large")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _second(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser of the column `t_s`."""

    def parse(text: str) -> Any:
        second = read(text)
        if abs(second) > LONGEST_S:
            raise ValueError(f"{text[:20]} is no second of a trial. Allowed: at most {LONGEST_S:,}")
        return second

    return parse


_READERS: dict[str, Callable[[str], Any]] = {
    "int": _whole,
    "float": _finite,
    "str": of_cell,
    "float | None": lambda text: _finite(text) if text else None,
    "int | None": lambda text: _whole(text) if text else None,
}


def read_csv(path: Path, kind: type[Row]) -> list[Row]:
    """Read a table as rows of a dataclass; empty if the file is missing.

    Columns of a later version are ignored. Raises BadInput, with file and line, for a damaged file.
    """
    try:
        text = text_of(path)
    except FileNotFoundError:
        return []
    if not text.endswith("\n"):
        raise damaged(path, "is cut off" if text else "is empty", text.count("\n") + 1)
    lines = csv.reader(io.StringIO(text, newline=""))
    number = 1
    try:
        columns, width = _columns(next(lines), kind)
        found = []
        for number, line in enumerate(lines, 2):  # noqa: B007 - printed when a line is wrong
            if len(line) != width:
                raise ValueError(f"{len(line)} fields, the header has {width}")
            found.append(kind(**{name: read(line[at]) for name, at, read in columns}))
        return found
    except (ValueError, csv.Error) as error:
        raise damaged(path, f"is damaged: {error}", number) from None


def _columns(header: list[str], kind: type[Any]) -> tuple[list[tuple[str, int, Callable[[str], Any]]], int]:
    """Return name, index and parser of each field, and the number of columns; raises ValueError for a missing one."""
    found = []
    for field in dataclasses.fields(kind):
        # Later versions append columns; earlier files do not have them.
        if field.name in header:
            read = _READERS[str(field.type)]
            found.append((field.name, header.index(field.name), _second(read) if field.name == "t_s" else read))
        elif field.default is dataclasses.MISSING:
            raise ValueError(f"column {field.name!r} is missing")
    return found, len(header)

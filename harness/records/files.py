"""Files that survive a crash: written aside, synced, renamed. And tables of dataclasses as CSV."""

from __future__ import annotations

import csv
import dataclasses
import os
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

Row = TypeVar("Row")


def replace(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file aside, sync it and rename it over `path`; with a mode nobody else can read it meanwhile either."""
    aside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    if mode is not None:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    write_synced(aside, content)
    aside.replace(path)
    sync(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file that is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Make renames in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_csv(path: Path, rows: Iterable[Any], columns: list[str]) -> None:
    """Write a table; None becomes an empty field."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            values = (getattr(row, column) for column in columns)
            writer.writerow(["" if value is None else value for value in values])
        file.flush()
        os.fsync(file.fileno())


_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "float | None": lambda text: float(text) if text else None,
    "int | None": lambda text: int(text) if text else None,
}


def read_csv(path: Path, kind: type[Row]) -> list[Row]:
    """Rows of a table as the dataclass they were written from; none when there is no such file.

    Columns of a later version are left out. Raises ValueError, with file and line, for anything else.
    """
    fields = [(f, _READERS[str(f.type)]) for f in dataclasses.fields(kind)]  # type: ignore[arg-type] # they are
    number = 1
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            # A column that was added later is the last, and earlier files do not have it.
            columns = [
                (header.index(field.name), read)
                for field, read in fields
                if field.name in header or field.default is dataclasses.MISSING
            ]
            found = []
            for number, line in enumerate(lines, 2):  # noqa: B007 - told when a line is wrong
                found.append(kind(*[read(line[at]) for at, read in columns]))
            return found
    except FileNotFoundError:
        return []
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}:{number}: not as it was written: {error}") from None

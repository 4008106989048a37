"""Files that survive a crash: written aside, synced, renamed. And tables of dataclasses as CSV."""

from __future__ import annotations

import csv
import dataclasses
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def replace(path: Path, content: bytes) -> None:
    """Write a file aside, sync it and rename it over `path`."""
    aside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
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


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a table; none when there is no such file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []


_READERS: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "float | None": lambda text: float(text) if text else None,
    "int | None": lambda text: int(text) if text else None,
}


def typed(kind: type, row: dict[str, str]) -> Any:
    """A row as the dataclass it was written from."""
    return kind(**{f.name: _READERS[str(f.type)](row[f.name]) for f in dataclasses.fields(kind)})

"""The rows and files that traffic sends. Frozen types; harness/traffic/data_files.py reads them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.grid.own_script import ScriptFiles


@dataclass(frozen=True)
class Source:
    """Size in bytes and SHA-256 of a file, as they are recorded."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Source:
        """Return the source of this content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Rows, and files by their keys, which are paths relative to the grid file.

    `places` has `file:line` of each row, or the file of a folder.
    `sources` has every file that was read: those of `files`, and the file with the rows.
    """

    rows: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    places: tuple[str, ...] = field(default=(), repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    sources: Mapping[str, Source] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the balancer: path → text; never sent
    script: ScriptFiles | None = None  # your Locust script; part of an image, never uploaded

    @property
    def is_sent(self) -> bool:
        """Whether the load generator needs rows or files of it."""
        return bool(self.rows or self.files or self.script)

    def place(self, number: int) -> str:
        """Where the row with this index is; its number without `places`."""
        return self.places[number] if self.places else f"row {number + 1}"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that all rows have."""
        return tuple(self.rows[0]) if self.rows else ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of rows and files, by which the load generator recognises them."""
        files = {key: hashlib.sha256(content).hexdigest() for key, content in self.files.items()}
        text = json.dumps({"rows": [dict(row) for row in self.rows], "files": files}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def wire(self) -> dict[str, Any]:
        """The dataset as JSON for the load generator."""
        files = {key: base64.b64encode(content).decode() for key, content in self.files.items()}
        return {"digest": self.digest, "rows": [dict(row) for row in self.rows], "files": files}

"""Write a grid and its data files: whole or not at all, and never over an existing file unless wanted."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from harness.errors import BadInput
from harness.records import files


def check_free(path: Path) -> None:
    """Raise BadInput if a file exists, or if its folder does not."""
    if os.path.lexists(path):
        raise BadInput(f"--grid: {path} exists. Fix: choose another name with --grid, or overwrite it with --force")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Raise BadInput unless a grid can be written there."""
    if not path.parent.is_dir():
        raise BadInput(f"--grid: {path.parent} is no folder. Fix: create it, or choose another place with --grid")
    if path.is_dir() or path.suffix not in (".yaml", ".yml"):
        raise BadInput(f"--grid: got {path}. Allowed: the name of a YAML file, as in my-service.yaml")


def write(path: Path, content: bytes, overwrite: bool) -> None:
    """Write a file atomically; raises BadInput if it exists and may not be overwritten, CannotRun if it cannot be."""
    if overwrite:
        files.replace(path, content)
        return
    aside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with files.writing(path):
            files.write_synced(aside, content)
            try:
                os.link(aside, path)  # unlike a rename, it fails if the file exists
            except FileExistsError:
                raise BadInput(
                    f"{path} exists. Fix: choose another name with --grid, or overwrite it with --force"
                ) from None
            files.sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()

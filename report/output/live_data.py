"""The file beside a page that is open while its study runs: the page's news, as a script.

A page that was opened from a disk may fetch nothing, but it may load a script.
"""

from __future__ import annotations

import uuid
from pathlib import Path

FILE = "report-data.js"


def write(directory: Path, name: str, content: str) -> None:
    """A file, whole or not at all, but not synced: the next one comes soon."""
    # A name that nobody can know beforehand, opened only where nothing is: not through a link that somebody laid.
    aside = directory / f".{name}-{uuid.uuid4().hex}-live"
    with aside.open("xb") as file:
        file.write(content.encode())
    aside.replace(directory / name)


def end(directory: Path) -> None:
    """Tell pages that are open that no more comes: they wait for the one that holds everything."""
    if (directory / FILE).exists():
        write(directory, FILE, 'live("over");\n')


def remove(directory: Path) -> None:
    """Leave nothing beside a page that holds everything, nor what a writer that was killed had begun."""
    for file in (directory / FILE, *directory.glob(".*-live")):
        file.unlink(missing_ok=True)

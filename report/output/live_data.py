"""The file next to the page of a running study: the updates of the page, as a script.

A page that was opened from a disk may not fetch anything, but it may load a script.
"""

from __future__ import annotations

import uuid
from pathlib import Path

FILE = "report-data.js"


def write(directory: Path, name: str, content: str) -> None:
    """Write a file whole or not at all, without a sync: the next one follows soon."""
    # An unpredictable name, opened only if it does not exist: never through a link of somebody else.
    aside = directory / f".{name}-{uuid.uuid4().hex}-live"
    with aside.open("xb") as file:
        file.write(content.encode())
    aside.replace(directory / name)


def end(directory: Path) -> None:
    """Announce the end to open pages, which then load the final page."""
    if (directory / FILE).exists():
        write(directory, FILE, 'live("over");\n')


def remove(directory: Path) -> None:
    """Remove the file next to a final page, and the temporary files of a killed writer."""
    for file in (directory / FILE, *directory.glob(".*-live")):
        file.unlink(missing_ok=True)

"""Read your Locust script: its file, the files of its folder, and its requirements."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from harness.grid import own_script
from harness.grid.own_script import LocustScript, ScriptFiles
from harness.grid.templates import Path_
from harness.words import short

LARGEST = 64_000_000  # bytes of the script's folder
MOST_FILES = 2000
_NOT_OF_A_SCRIPT = {"__pycache__", "node_modules", "venv", "site-packages"}

Report = Callable[[Path_, str], None]
Content = Callable[[str], bytes]


def read(script: LocustScript, folder: Path, content: Content, requirements: str, report: Report) -> ScriptFiles | None:
    """Return the script with the text of its requirements file.

    `content` reads a file relative to the grid file's `folder`, `report` receives problems.
    """
    name = str(script.locustfile)
    where: Path_ = ("traffic", "locustfile")
    if PurePosixPath(name).suffix != ".py":
        report(where, f"traffic.locustfile: got {short(name)}. Allowed: a Python file, as in tests/load.py")
        return None
    source = content(name)
    if words := own_script.syntax_error(name, source):
        report(where, words)
        return None
    for place, words in own_script.missing_users(script, source):
        report(("traffic", "users", place), f"traffic.users: {words}")
    if script.requirements is not None:
        for words in own_script.wrong_requirements(script.requirements, requirements):
            report(("traffic", "requirements"), words)
    parent = PurePosixPath(name).parent
    files: dict[str, bytes] = {}
    size = 0
    for path in _files(folder / parent):
        size += (folder / parent / path).stat().st_size
        if size > LARGEST or len(files) == MOST_FILES:
            report(where, f"traffic.locustfile: {_too_large(parent)}")
            return None
        files[path] = content(str(parent / path))
        if path.endswith(".py") and (words := own_script.syntax_error(str(parent / path), files[path])):
            report(where, words)
    return ScriptFiles(folder=str(parent), entry=PurePosixPath(name).name, files=files, requirements=requirements)


def _files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder in order; hidden ones, links and installed packages are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _NOT_OF_A_SCRIPT
            and not (Path(place) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            file = Path(place) / name
            if not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield file.relative_to(folder).as_posix()


def _too_large(folder: PurePosixPath) -> str:
    return (
        f"its folder {folder} has more than {LARGEST:,} bytes or {MOST_FILES:,} files, and all of it goes with the "
        "script. Fix: put the script with its modules and data into a folder of its own"
    )

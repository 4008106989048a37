"""Your nGrinder script: `traffic.script` with its `files`, and the code that it may not have. Pure.

The study passes the client to the script, so that it counts every request and sets its think time, its trial and its
end. A script has the requests of one user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from harness.grid.bodies import unset
from harness.grid.types import GridPart
from harness.words import short

LARGEST_SCRIPT = 1_000_000  # bytes
LARGEST_FILES = 20_000_000  # bytes of all files: every agent gets them again for each trial
_LIBRARIES = {".jar", ".class", ".so", ".dll", ".groovy"}  # nGrinder puts these on the class path
# nGrinder does not pass these on to agents, nor libraries with endings in capitals.
_KEPT_BACK = {"", ".", ".py", ".yml", ".gradle"}
_WITHOUT_CODE = re.compile(
    r"'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|//[^\n]*|/\*.*?\*/", re.DOTALL
)
_STEP = re.compile(r"\bstep\s*\(\s*(?:[\w.]+\s+)?\w+\s*\)\s*(?:throws [\w., ]+)?\{")
_CLASS = re.compile(r"\bclass\s+\w+")
_WRONG = (
    (re.compile(r"@RunWith\b"), "@RunWith: the study runs the users. Fix: remove this line"),
    (
        re.compile(r"@Test\b"),
        "@Test: the study calls the method step(request). Fix: remove the annotation, and rename the method to step",
    ),
    (
        re.compile(r"@(?:BeforeProcess|AfterProcess|BeforeThread|AfterThread|BeforeClass|AfterClass|Before|After)\b"),
        "{found}: nothing calls this method, as there is one object for each user. Fix: prepare in the constructor, or "
        "in the first step",
    ),
    (re.compile(r"\bnew\s+GTest\b"), "new GTest: the study records every request. Fix: remove it"),
    (re.compile(r"\.\s*record\s*\("), "record(...): the study records every request. Fix: remove the call"),
    (
        re.compile(r"\bnew\s+HTTPRequest\b"),
        "new HTTPRequest: the study neither counts nor ends its requests. Fix: use the argument of step(request)",
    ),
    (
        re.compile(r"\b(?:grinder\s*\.\s*|Thread\s*\.\s*)?sleep\s*\("),
        "{found}: pauses are no think time. Fix: remove it, and set load.think_time",
    ),
)


class NgrinderScript(GridPart):
    """The keys of `traffic` for your nGrinder script."""

    script: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="your nGrinder script, relative to the grid file: a class with a method `step(request)`; "
        "instead of `requests`",
        exclude_if=unset,
    )
    files: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="files for `script`, relative to the grid file: libraries (`.jar`), and others that it reads in "
        "its folder `resources`",
        exclude_if=lambda files: not files,
    )


def folder(path: str) -> str:
    """Return the folder next to the script for a file: "lib" or "resources"; empty for one that agents do not get."""
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    suffix = dot + ending if dot else ""
    if suffix in _LIBRARIES:
        return "lib"
    return "" if suffix.lower() in _KEPT_BACK | _LIBRARIES else "resources"


def wrong_content(name: str, content: bytes) -> Iterator[str]:
    """Yield the problems of the content of a script."""
    if len(content) > LARGEST_SCRIPT:
        yield f"got {short(name)} of {len(content):,} bytes. Allowed: {LARGEST_SCRIPT:,} bytes"
        return
    try:
        text = content.decode()
    except UnicodeDecodeError:
        yield f"{name} is not text in UTF-8"
        return
    yield from problems(name, text)


def too_large(size: int) -> str:
    """Return why files of this size in all are too large; empty for others."""
    if size <= LARGEST_FILES:
        return ""
    return f"{size:,} bytes in all. Allowed: {LARGEST_FILES:,}, because every agent gets them again for each trial"


def problems(name: str, text: str) -> Iterator[str]:
    """Yield each line that a script must change, as `name:line: message`."""
    code = _WITHOUT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    if not (_CLASS.search(code) and _STEP.search(code)):
        yield (
            f"{name}:1: no class with a method step(request). Fix: put the requests of one user into "
            "class Mine { void step(request) { ... } }"
        )
    for pattern, words in _WRONG:
        for found in pattern.finditer(code):
            line = code.count("\n", 0, found.start()) + 1
            yield f"{name}:{line}: {words.format(found=re.sub(r'[ (]', '', found[0]))}"


def wrong_files(paths: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield (place, message) for each file that agents do not get, or whose name is already taken."""
    taken: dict[tuple[str, str], str] = {}
    for place, path in enumerate(paths):
        name = path.rpartition("/")[2]
        if not folder(path):
            yield place, f"got {short(path)}: nGrinder does not pass on such files. Fix: use another ending, as in .txt"
        elif (other := taken.setdefault((folder(path), name), path)) != path or paths.index(path) != place:
            yield place, f"got {short(path)}: {other} has the same name. Fix: rename one of them"

"""Follow a tutorial word by word: write its files, run its commands, and find the output that it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<file>[^"]+)")?\n(?P<text>.*?)^```$', re.M | re.S)


@dataclass(frozen=True)
class Part:
    """A fenced block: a file (`yaml` with a title), commands (`bash`), or output of the last command (`text`)."""

    kind: str
    text: str
    file: str = ""


def parts(page: Path) -> Iterator[Part]:
    """The fenced blocks of a page in order."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Part(found["kind"], found["text"], found["file"] or "")


def follow(page: Path, folder: Path = ROOT, only: str = "", clone: Path = ROOT) -> list[str]:
    """Do in `folder` what a page describes, with the program of a clone; return the commands.

    `python` is this one. The output of the last command of a block must contain each line of the block `text` after it.
    With `only`, a command of study.py without this word is left out, with its output.
    """
    done: list[str] = []
    shown: str | None = None
    for part in parts(page):
        if part.file:
            (folder / part.file).write_text(part.text, encoding="utf-8")
        elif part.kind == "bash":
            for command in part.text.splitlines():
                is_left_out = only and "study.py" in command and only not in command.split()
                shown = None if is_left_out else _run(command, folder, clone)
                done.append(command)
        elif part.kind == "text" and shown is not None:
            missing = [line for line in part.text.splitlines() if line not in shown]
            assert not missing, f"{done[-1]} does not show {missing}:\n{shown}"
    return done


def studied(command: str) -> list[str]:
    """Return the arguments of a command of study.py; empty for another command."""
    return shlex.split(command)[2:] if command.startswith("python study.py") else []


def _run(command: str, folder: Path, clone: Path) -> str:
    """Run a command as the page shows it; return its output without line breaks of a narrow terminal."""
    own = re.sub(r"^python study\.py", shlex.join([sys.executable, str(clone / "study.py")]), command)
    done = subprocess.run(
        ["bash", "-c", own], cwd=folder, capture_output=True, text=True, check=False, timeout=800,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    return done.stdout + done.stderr

"""The command that follows an error, for the last line of its message."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import NextStep, StudyError

PROGRAM = "python study.py"
_OF_A_GRID = {"", "plan"}  # commands; "" runs a study
_OF_STUDIES = {"report": 1, "check": 1, "compare": 2}  # command → number of its directories


def after(error: StudyError, words: Sequence[str], program: Any, results: Path) -> str:
    """Return the line that names the next command; empty where there is none.

    `words` are the command line without the program's name, `program` is the Typer group, and `results` the folder of
    the studies. Values of options are not repeated, as they may be secrets; only the paths of grid, inventory and
    studies are.
    """
    try:
        command, values = _parsed(words, program)
    except Exception:  # a command line that is itself wrong must not hide the error
        command, values = "", {}
    if error.next_step is NextStep.RESUME:
        return "next: run the same command to resume"
    if error.next_step is NextStep.DOCTOR:
        return "" if command == "doctor" else f"next: {PROGRAM} doctor"
    if error.next_step is NextStep.VERIFY:
        if command in _OF_A_GRID or command == "down":
            return f"next: fix this, then run: {PROGRAM} plan{_options(values)}"
        if command in _OF_STUDIES:
            return _of_studies(command, values, results)
    return "next: fix this, then run the same command again"


def _parsed(words: Sequence[str], program: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of the command and the values of its parameters, as far as they can be parsed."""
    context = program.make_context("study.py", list(words), resilient_parsing=True)
    rest = [*context._protected_args, *context.args]
    if not rest or rest[0] not in program.commands:
        return "", context.params
    command = program.commands[rest[0]]
    return rest[0], command.make_context(rest[0], rest[1:], parent=context, resilient_parsing=True).params


def _options(values: dict[str, Any]) -> str:
    """The grid and the inventory of a command line, as options."""
    inventory = values.get("other_inventory") or values.get("inventory_name")
    given = [("--grid", values.get("grid")), ("--inventory", inventory)]
    return "".join(f" {option} {shlex.quote(str(value))}" for option, value in given if value)


def _of_studies(command: str, values: dict[str, Any], results: Path) -> str:
    """The same command for a damaged study; with the newest studies if a directory is none."""
    directories = values.get("directories") or filter(None, [values.get("directory")])
    count = _OF_STUDIES[command]
    given = [Path(path) for path in directories]
    is_study = (os.path.exists(path / "study.json") for path in given)  # noqa: PTH110 - it takes names of any length
    if len(given) >= count and all(is_study):
        return "next: fix this, then run the same command again"
    newest = sorted(results.glob("*/study.json"), key=lambda file: file.stat().st_mtime)[-count:]
    if len(newest) < count:
        return f"next: run a study: {PROGRAM} --grid grid.yaml"
    shown = " ".join(shlex.quote(os.path.relpath(file.parent)) for file in newest)
    return f"next: {PROGRAM} {command} {shown}"

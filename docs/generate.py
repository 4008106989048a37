"""The reference pages that follow from the code's own descriptions: `python -m docs.generate` writes them.

A test compares the pages with the code. Descriptions are those of harness/grid, commands/ and harness/records.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from commands.app import app
from docs import files_reference, grid_reference, sentences
from docs.markdown import NOTE, table
from harness import errors

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"


def cli() -> str:
    """The commands of study.py with their options, and the exit codes."""
    root: Any = typer.main.get_command(app)
    text = [NOTE, "# Command line\n", *_command("study.py", root)]
    for name, command in root.commands.items():
        text += _command(f"study.py {name}", command)
    codes = [
        (0, "done"),
        (errors.EXIT_OBJECTIVE_MISSED, "an objective is not met, `check` found a difference, or `gate` a regression"),
        (errors.BadInput.exit_code, "bad input: a grid, an inventory or an option that cannot be used"),
        (errors.EXIT_FAILED_CELLS, "done, but some cells could not be measured, or `gate` is undecided"),
        (
            errors.CannotRun.exit_code,
            "cannot run here: something is missing, another study holds the host, or the output cannot be written",
        ),
        (errors.EXIT_UNEXPECTED, "unexpected error: one line; the traceback is in the file that it names"),
        (errors.Interrupted.exit_code, "interrupted"),
    ]
    text += ["## Exit codes\n", *table(("code", "meaning"), [(f"{code}", meaning) for code, meaning in codes])]
    return "\n".join(text) + "\n"


def _command(name: str, command: Any) -> list[str]:
    """A command's section: its help, its arguments and its options."""
    rows = []
    for each in command.params:
        if each.name == "help":
            continue
        words = each.name.upper() if each.param_type_name == "argument" else ", ".join(each.opts)
        rows.append((f"`{words}`", " ".join((each.help or "").split()), _shown(each.default)))
    about = (command.help or "").partition("\n\nExit codes:")[0]
    lines = [f"## {name}\n", about + "\n"]
    return [*lines, *table(("option", "meaning", "default"), rows), ""] if rows else lines


def _shown(default: object) -> str:
    """An option's default; paths are relative to this clone."""
    if default in (None, False):
        return ""
    return f"`{str(default).removeprefix(f'{ROOT}/')}`"


PAGES = {
    "grid.md": grid_reference.page,
    "cli.md": cli,
    "files.md": files_reference.page,
    "sentences.md": sentences.page,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

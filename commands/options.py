"""Options that several commands share, and the project's root directory."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import completion

if TYPE_CHECKING:
    from harness.grid.schema import Grid as GridOfAStudy

ROOT = Path(__file__).resolve().parent.parent
GRID = Path("grid.yaml")
RESULTS = ROOT / "results"
Grid = Annotated[Path, typer.Option("--grid", help="Grid of the study, a YAML file.", autocompletion=completion.grids)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
JsonEvents = Annotated[bool, typer.Option("--json", help="Print each event as JSON, one object per line.")]
Results = Annotated[Path, typer.Option("--results", help="Directory that holds the directories of all studies.")]
Inventory = Annotated[
    str | None,
    typer.Option(
        "--inventory",
        help="Inventory to use instead of the grid's, e.g. inventory/lab.",
        autocompletion=completion.inventories,
    ),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Indicative study: two topologies, the largest load, three short blocks.")
]


class LanguageCode(enum.StrEnum):
    """Languages of a report."""

    EN = "en"
    KO = "ko"


Language = Annotated[
    LanguageCode, typer.Option("--language", help="Language of the report. Messages, data and tables stay English.")
]
Directory = Annotated[
    Path, typer.Argument(help="Directory of a study, `results/<name>-<hash>`.", autocompletion=completion.studies)
]


def derived(quick: bool) -> Callable[[GridOfAStudy], GridOfAStudy] | None:
    """Return the function that makes the grid of a quick study; None for the grid of the file."""
    if not quick:
        return None
    from harness.grid import derive

    return derive.quick

"""Options that several commands share, and the project's root directory."""

from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
GRID = Path("grid.yaml")
RESULTS = ROOT / "results"
Grid = Annotated[Path, typer.Option("--grid", help="Grid of the study, a YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
JsonEvents = Annotated[bool, typer.Option("--json", help="Print each event as JSON, one object per line.")]
Results = Annotated[Path, typer.Option("--results", help="Directory that holds the directories of all studies.")]
Inventory = Annotated[
    str | None, typer.Option("--inventory", help="Inventory to use instead of the grid's, e.g. inventory/lab.")
]
Directory = Annotated[Path, typer.Argument(help="Directory of a study, `results/<name>-<hash>`.")]

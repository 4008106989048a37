"""Options that several commands have, and where the project is."""

from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
GRID = Path("grid.yaml")
RESULTS = ROOT / "results"
Grid = Annotated[Path, typer.Option("--grid", help="The study's grid, a YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
Results = Annotated[Path, typer.Option("--results", help="Where studies keep their directories.")]
Inventory = Annotated[
    str | None, typer.Option("--inventory", help="Another inventory than the grid's, e.g. inventory/lab.")
]
Directory = Annotated[Path, typer.Argument(help="A study's directory, `results/<name>-<hash>`.")]

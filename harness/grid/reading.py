"""Load a grid and check it completely."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from harness.errors import BadInput
from harness.grid import references
from harness.grid.checks import AcceptedValues, Checker
from harness.grid.dataset import Dataset
from harness.grid.schema import Grid
from harness.grid.validation import validate
from harness.grid.yamldata import Path_
from harness.grid.yamlfile import Document, load


class ReadsData(Protocol):
    """Reads the rows and files that a grid sends, and has the problems as (path in the grid, message)."""

    @property
    def problems(self) -> list[tuple[Path_, str]]: ...
    def read(self, grid: Grid) -> Dataset | None: ...


def load_grid(
    path: Path,
    role_variables: frozenset[str],
    values: AcceptedValues | None = None,
    data: ReadsData | None = None,
) -> tuple[Grid, Document]:
    """Read and check a grid; `role_variables` are the allowed names of factors next to the grid's own.

    `values` checks values of role variables, `data` reads the files that its traffic sends. Raises BadInput with every
    problem, each with path:line.
    """
    document = load(path)
    filled = references.fill(document.data, os.environ)
    found = validate(_typed(filled.data, values) if values else filled.data)
    problems = [*filled.problems, *found.problems]
    if found.grid is not None:
        if data is not None:
            found.grid = found.grid.with_dataset(data.read(found.grid))
            problems += [(where, words) for where, words in data.problems if not found.touched(where)]
        checked = Checker(found.grid, role_variables, values, frozenset(found.replaced)).all()
        problems += [(where, words) for where, words in checked if not found.touched(where)]
    if problems or found.grid is None:
        lines = sorted({(document.line(where), words) for where, words in problems})
        raise BadInput(*(f"{path}:{line}: {words}" for line, words in lines))
    return found.grid.with_secrets(filled.secrets), document


def _typed(data: dict[str, Any], values: AcceptedValues) -> dict[str, Any]:
    """Return a grid's data with the values of role variables in the types of the roles."""

    def typed(variables: Any) -> Any:
        if not isinstance(variables, dict):
            return variables
        return {name: values.as_typed(str(name), value) for name, value in variables.items()}

    found = {name: typed(section) if name == "vars" else section for name, section in data.items()}
    for name in ("exclude", "include"):
        if isinstance(cells := data.get(name), list):
            found[name] = [typed(cell) for cell in cells]
    if isinstance(factors := data.get("factors"), dict):
        found["factors"] = {
            name: [values.as_typed(str(name), level) for level in levels] if isinstance(levels, list) else levels
            for name, levels in factors.items()
        }
    return found


def check_servers(path: Path, grid: Grid, document: Document, available: int) -> None:
    """Raise BadInput if a cell needs more servers than the inventory has."""
    most = max(topology.servers for topology in grid.cells.topologies)
    if most > available:
        line = document.line(("factors", "servers"))
        raise BadInput(
            f"{path}:{line}: factors: servers: got {most}. Allowed: at most {available}, the hosts of group ml_servers "
            f"in {grid.inventory}. Fix: use fewer servers, or add hosts there"
        )

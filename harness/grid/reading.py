"""Load a grid and check it whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.grid import references
from harness.grid.checks import Checker, RoleValues
from harness.grid.schema import Grid
from harness.grid.validation import validate
from harness.grid.yamlfile import Document, load


def load_grid(path: Path, role_variables: frozenset[str], values: RoleValues | None = None) -> tuple[Grid, Document]:
    """Read and check a grid; `role_variables` are the names a factor may have beside its own.

    `values` has what is wrong with a value of one of them. Raises BadInput with every problem, each as file:line.
    """
    document = load(path)
    filled = references.fill(document.data, os.environ)
    found = validate(_typed(filled.data, values) if values else filled.data)
    problems = [*filled.problems, *found.problems]
    if found.grid is not None:
        checked = Checker(found.grid, role_variables, values).all()
        problems += [(where, words) for where, words in checked if not found.touched(where)]
    if problems or found.grid is None:
        told = sorted({(document.line(where), words) for where, words in problems})
        raise BadInput(*(f"{path}:{line}: {words}" for line, words in told))
    return found.grid.with_secrets(filled.secrets), document


def _typed(data: dict[str, Any], values: RoleValues) -> dict[str, Any]:
    """A grid's data with values of role variables as the roles take them."""

    def one(said: Any) -> Any:
        return (
            {name: values.as_typed(str(name), value) for name, value in said.items()}
            if isinstance(said, dict)
            else said
        )

    found = {name: one(said) if name == "vars" else said for name, said in data.items()}
    for name in ("exclude", "include"):
        if isinstance(said := data.get(name), list):
            found[name] = [one(cell) for cell in said]
    if isinstance(factors := data.get("factors"), dict):
        found["factors"] = {
            name: [values.as_typed(str(name), level) for level in levels] if isinstance(levels, list) else levels
            for name, levels in factors.items()
        }
    return found


def check_servers(path: Path, grid: Grid, document: Document, available: int) -> None:
    """Raise BadInput when a cell asks for more servers than the inventory has."""
    most = max(topology.servers for topology in grid.cells.topologies)
    if most > available:
        line = document.line(("factors", "servers"))
        raise BadInput(
            f"{path}:{line}: servers asks for {most}, but group ml_servers of {grid.inventory} has "
            f"{available}; ask for fewer or add hosts there"
        )

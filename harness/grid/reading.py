"""Load a grid and check it completely."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness import secrecy
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


@dataclass(frozen=True, kw_only=True)
class GridFile:
    """A grid file as read. `grid` has valid values in place of invalid ones; it is None if too much is invalid.

    `problems` are (line, message) of the file itself. `doubtful` has the paths of the values with a problem.
    """

    path: Path
    document: Document
    grid: Grid | None
    problems: tuple[tuple[int, str], ...]
    doubtful: frozenset[Path_]

    def is_sound(self, *paths: Path_) -> bool:
        """Return whether the values at these paths, below them and around them have no problem."""
        return not any(_overlap(path, each) for each in self.doubtful for path in paths)

    @property
    def has_cells(self) -> bool:
        """Whether the cells are known. Without an invalid factor they are some of the file's cells."""
        return ("factors",) not in self.doubtful and self.is_sound(("exclude",), ("include",))

    def usable(self) -> Grid:
        """Return the grid of a file without problems; raises BadInput with every problem, each with path:line."""
        if self.problems or self.grid is None:
            raise BadInput(*(f"{self.path}:{line}: {words}" for line, words in self.problems))
        return self.grid


def _overlap(one: Path_, other: Path_) -> bool:
    """Whether one path is the other, or contains it."""
    return all(mine == yours for mine, yours in zip(one, other, strict=False))


def load_grid(
    path: Path,
    role_variables: frozenset[str],
    values: AcceptedValues | None = None,
    data: ReadsData | None = None,
) -> tuple[Grid, Document]:
    """Read and check a grid, as `read_grid`; raises BadInput with every problem, each with path:line."""
    read = read_grid(path, role_variables, values, data)
    return read.usable(), read.document


def read_grid(
    path: Path,
    role_variables: frozenset[str],
    values: AcceptedValues | None = None,
    data: ReadsData | None = None,
) -> GridFile:
    """Read and check a grid; `role_variables` are the allowed names of factors next to the grid's own.

    `values` checks values of role variables, `data` reads the files that its traffic sends. Raises BadInput if the file
    cannot be read as YAML.
    """
    document = load(path)
    secrecy.remember_grid(document.data)
    filled = references.fill(document.data, os.environ)
    found = validate(_typed(filled.data, values) if values else filled.data)
    problems = [*filled.problems, *found.problems]
    if found.grid is not None:
        if data is not None:
            found.grid = found.grid.with_dataset(data.read(found.grid))
            problems += [(where, words) for where, words in data.problems if not found.touched(where)]
        checked = Checker(found.grid, role_variables, values, frozenset(found.replaced)).all()
        problems += [(where, words) for where, words in checked if not found.touched(where)]
    unread = document.unread
    problems = [(where, words) for where, words in problems if not any(_overlap(where, each) for each in unread)]
    problems += _empty_values(document, [*unread, *found.replaced, *(where for where, _ in problems)])
    lines = {(document.line(where), words) for where, words in problems}
    return GridFile(
        path=path,
        document=document,
        grid=found.grid.with_secrets(filled.secrets) if found.grid is not None else None,
        problems=tuple(sorted({*document.problems, *lines})),
        doubtful=frozenset({*unread, *found.replaced, *(where for where, _ in problems)}),
    )


def _empty_values(document: Document, reported: list[Path_]) -> list[tuple[Path_, str]]:
    """Return a problem for each value that is not written; without it the default would apply, as if it were null."""
    places = (where for where in sorted(document.empty, key=str) if not any(_overlap(where, each) for each in reported))
    words = "is empty. Fix: write a value, or remove the key"
    return [(where, f"{'.'.join(map(str, where))}: {words}") for where in places]


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


def server_problems(grid: Grid, available: int) -> list[tuple[Path_, str]]:
    """Return (path in the grid, message) if a cell needs more servers than the inventory has.

    With types of servers, their lists limit the cells.
    """
    if grid.server_types:
        return []
    most = max(topology.servers for topology in grid.cells.topologies)
    if most <= available:
        return []
    words = (
        f"factors: servers: got {most}. Allowed: at most {available}, the hosts of group ml_servers in "
        f"{grid.inventory}. Fix: use fewer servers, or add hosts there"
    )
    return [(("factors", "servers"), words)]

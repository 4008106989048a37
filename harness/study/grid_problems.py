"""Collect the problems of a grid and its inventory; one message lists all that do not follow from another problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.deploy import host_limits
from harness.deploy.inventory.hosts import OF_PLATFORM, Inventory
from harness.errors import BadInput, StudyError
from harness.grid import server_type_checks
from harness.grid.reading import GridFile, server_problems
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.study import request_delivery
from harness.traffic import registry

# Keys that determine the duration of a plan.
_PLANNED_BY = (
    *("server_types", "factors", "exclude", "include", "load", "repeats", "vars", "service"),
    *("traffic", "load_generator", "budget", "inventory"),
)


class Problems:
    """The problems found so far. A problem of a value that has one already is left out."""

    def __init__(self, file: GridFile) -> None:
        self._file = file
        self._of_grid = set(file.problems)
        self._others: list[str] = []

    def add(self, problems: Iterable[tuple[Path_, str]]) -> None:
        """Add problems of the grid, each as (path in the grid, message)."""
        is_new = self._file.is_sound
        self._of_grid |= {(self._file.document.line(path), words) for path, words in problems if is_new(path)}

    def add_lines(self, lines: Iterable[str]) -> None:
        """Add messages that name their own place."""
        self._others += lines

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Raise an error inside together with the problems found so far, as one BadInput."""
        try:
            yield
        except StudyError as error:
            if not self:
                raise
            self.add_lines(error.problems if isinstance(error, BadInput) else [str(error)])
            self.reject()

    def __bool__(self) -> bool:
        return bool(self._of_grid or self._others)

    def reject(self) -> None:
        """Raise BadInput with every problem: those of the grid by line, then the others; return if there is none."""
        if self:
            of_grid = (f"{self._file.path}:{line}: {words}" for line, words in sorted(self._of_grid))
            raise BadInput(*of_grid, *dict.fromkeys(self._others))


def of_inventory(file: GridFile, grid: Grid, inventory: Inventory, path: Path, problems: Problems) -> None:
    """Add the problems of a grid on the hosts of an inventory, which was read from `path`."""
    known = [host.name for host in inventory.hosts if host.group == "ml_servers"]
    if unknown := list(server_type_checks.of_hosts(grid, known)):
        problems.add(unknown)
        problems.reject()
    if grid.platform is not None:
        problems.add(_unused_hosts(inventory))
    elif file.has_cells:
        problems.add(server_problems(grid, len(inventory.servers)))
    problems.add_lines(_burstable(path, inventory))
    if file.is_sound(("vars",), ("load_generator",)):
        try:
            registry.check(grid, inventory)
        except BadInput as error:
            problems.add((("load_generator",), words) for words in error.problems)
    if file.has_cells and _has_variables(file, grid):
        problems.add(request_delivery.problems(file.document.text, grid, inventory))


def _unused_hosts(inventory: Inventory) -> Iterator[tuple[Path_, str]]:
    """Hosts that a study of the user's platform would not use."""
    groups = sorted({host.group for host in inventory.hosts} - set(OF_PLATFORM))
    if groups:
        words = (
            f"inventory: {inventory.path} has hosts in {', '.join(groups)}, which a study with target.url does not "
            "use. Allowed: load_generators only. Fix: use an inventory of load generators, as inventory/compose"
        )
        yield ("inventory",), words


def can_be_planned(file: GridFile) -> bool:
    """Return whether the duration of a grid's plan is that of the file."""
    return file.is_sound(*((key,) for key in _PLANNED_BY))


def _has_variables(file: GridFile, grid: Grid) -> bool:
    """Whether the role variables of every cell are those of the file."""
    levels = [path for path in file.doubtful if path[0] == "factors"]
    return file.is_sound(("vars",)) and all(path[1] in ("servers", grid.load_factor) for path in levels)


def _burstable(path: Path, inventory: Inventory) -> list[str]:
    """Hosts that may use up their CPU credits during a study (rule E11)."""
    hosts = [(host.name, host.instance_type or "", host.cpu_credits) for host in inventory.hosts]
    return [f"{path}: {problem}" for problem in host_limits.burstable(hosts)]

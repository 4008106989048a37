"""The effective configuration of a study: what it is identified by, and what differs between two."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from harness.deploy.inventory import Inventory
from harness.errors import BadInput
from harness.grid.cell import expand
from harness.grid.schema import Grid
from harness.records.directory import StudyDirectory, digest
from harness.records.study import Configuration

EARLIER_SEED = 2024  # the default while seeds were not drawn


def effective(grid: Grid, inventory: Inventory) -> Configuration:
    """Grid, role variables and the hosts that take part.

    Images are among the variables: the tag of one that is built here is the hash of everything that
    goes into its build.
    """
    most = max(cell.servers for cell in expand(grid))
    taking_part = [inventory.balancer, *inventory.servers[:most], *inventory.generators]
    return Configuration(
        grid=grid.model_dump(mode="json", by_alias=True),
        hosts={host.name: {"group": host.group, **host.configuration} for host in taking_part},
    )


def directory_for(results: Path, grid: Grid, configuration: Configuration) -> StudyDirectory:
    """results/<name>-<hash>/; with the seed that once was the default also one that began under that default's name."""
    named = StudyDirectory(results / f"{grid.name}-{identify(grid, configuration)}")
    if grid.seed == EARLIER_SEED and named.study() is None:
        earlier = StudyDirectory(results / f"{grid.name}-{_seedless(grid, configuration)}")
        begun = earlier.study()
        if begun is not None and begun.written_grid.seed == EARLIER_SEED:
            return earlier
    return named


def identify(grid: Grid, configuration: Configuration) -> str:
    """Eight hex digits. Of the grid only what is no default counts: a key that a later version adds changes nothing.

    Nor does a seed that is drawn: it is no part of the grid.
    """
    own = grid.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return digest({**configuration.model_dump(mode="json"), "grid": own})[:8]


def names_of(grid: Grid, configuration: Configuration) -> set[str]:
    """Every hash by which this version or an earlier one names a study of this grid and configuration."""
    earlier = {digest(configuration.model_dump(mode="json"))[:8]}  # with all defaults
    if grid.seed == EARLIER_SEED:
        earlier.add(_seedless(grid, configuration))
    return {identify(grid, configuration), *earlier}


def _seedless(grid: Grid, configuration: Configuration) -> str:
    return identify(grid.model_copy(update={"seed": None}), configuration)


def flat(data: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys."""
    if not isinstance(data, dict):
        return {prefix: data}
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def differences(before: Configuration, after: Configuration) -> list[str]:
    """What changed, one line each."""
    old, new = flat(before.model_dump(mode="json")), flat(after.model_dump(mode="json"))
    absent = "nothing"
    return [
        f"{key}: {old.get(key, absent)} → {new.get(key, absent)}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, absent) != new.get(key, absent)
    ]


def latest_other(results: Path, grid: Grid, mine: StudyDirectory) -> tuple[StudyDirectory, Configuration] | None:
    """The newest other study of the same name with its configuration; None without one that can be read."""
    others = [file for file in results.glob(f"{grid.name}-*/study.json") if file.parent != mine.path]
    for file in sorted(others, key=_changed_at, reverse=True):
        other = StudyDirectory(file.parent)
        with contextlib.suppress(BadInput):  # a damaged one is its own matter: 'study.py report' names the fault
            return other, other.need_study().configuration
    return None


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0

"""First grids of `study.py init`, read by the loader that `plan` uses."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from harness.deploy.role_values import RoleValues
from harness.draft.found import FoundTraffic
from harness.draft.grid_text import FirstGrid
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.study.config import role_variables
from harness.traffic.data_files import DataReader

ROOT = Path(__file__).resolve().parents[1]


def first_grid(traffic: FoundTraffic, **more: object) -> FirstGrid:
    """Return a first grid of this traffic."""
    values: dict[str, object] = {"file": "first.yaml", "name": "first", "origin": "a test", "folder": "first-data"}
    return FirstGrid(traffic=traffic, **{**values, **more})  # type: ignore[arg-type]  # fields by name


def written(folder: Path, grid: FirstGrid) -> Path:
    """Write a grid with its data files; return its path."""
    (folder / grid.folder).mkdir()
    for name, content in grid.data_files().items():
        (folder / grid.folder / name).write_bytes(content)
    path = folder / grid.file
    path.write_text(grid.text(), encoding="utf-8")
    return path


def loaded(folder: Path, traffic: FoundTraffic, **more: object) -> Grid:
    """Write a grid of this traffic, and return it as `plan` reads it; variables that are not set are no problem."""
    grid = first_grid(traffic, **more)
    path = written(folder, grid)
    variables, values = _roles()
    with pytest.MonkeyPatch.context() as patch:
        for name in traffic.secrets:
            patch.setenv(name, os.environ.get(name, "x"))
        return load_grid(path, variables, values, DataReader(folder=folder))[0]


@cache
def _roles() -> tuple[frozenset[str], RoleValues]:
    return role_variables(ROOT), RoleValues.read(ROOT)

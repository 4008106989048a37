"""Odd values, types and keys anywhere in a grid: each problem is one message with its line. More in tests/fuzz/."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deploy.role_values import RoleValues
from harness.errors import BadInput
from harness.grid.reading import load_grid
from harness.study.config import role_variables
from harness.traffic.data_files import DataReader
from tests.fuzz import shapes
from tests.fuzz.judge import message_faults, summary
from tests.fuzz.warm import ROOT

NAMES, VALUES = role_variables(ROOT), RoleValues.read(ROOT)
DAMAGED = 15  # of each grid


@pytest.fixture(autouse=True)
def _referenced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ", "a value")


def problems(folder: Path, grid: dict[str, object]) -> tuple[str, ...]:
    """Return the problems of a grid in a folder with its files."""
    file = folder / "grid.yaml"
    file.write_text(shapes.text(grid).lstrip("\n") + "\n", encoding="utf-8")
    try:
        load_grid(file, NAMES, VALUES, DataReader(folder=folder))
    except BadInput as error:
        return error.problems
    return ()


@pytest.mark.parametrize("name", shapes.GRIDS)
def test_the_undamaged_grids_are_valid(name: str, tmp_path: Path) -> None:
    shapes.write(tmp_path)
    assert problems(tmp_path, shapes.whole(name)) == ()


@pytest.mark.parametrize("name", shapes.GRIDS)
def test_each_problem_of_a_damaged_grid_is_one_message_with_its_line(name: str, tmp_path: Path) -> None:
    shapes.write(tmp_path)
    failed = []
    for seed in range(DAMAGED):
        grid, what = shapes.damaged(random.Random(f"{name} {seed}"), shapes.whole(name))  # noqa: S311
        wrong = message_faults(problems(tmp_path, grid), tmp_path / "grid.yaml")
        failed += [f"seed {seed} ({what}): {each}" for each in wrong]
    assert not failed, summary(failed, DAMAGED)


ODD_VALUES: list[object] = [
    *(None, True, 0, -1, 2.5, -0.0, 10**30, 1e308, "", " ", "x", "\0", "\n", "한", "x" * 5000, "{{ 1 }}", "1e5", "٣"),
    *("nan", "inf", "-inf", "1_0", "-", [], [[]], [None], ["a"], ["\0"], [{}], {}, {"a": 1}, {1: 2}, {"a": [1]}),
]


def _accepted(kind: str, value: object) -> bool:
    """Whether a value cannot be of a kind of role variable."""
    number, nothing = isinstance(value, int | float) and not isinstance(value, bool), value is None
    wrong = {
        "int": nothing or isinstance(value, bool | list | dict) or value in ("x", "inf", "nan", 2.5),
        "float": nothing or isinstance(value, bool | list | dict) or value == "x",
        "str": nothing or isinstance(value, bool | list | dict),
        "bool": nothing or isinstance(value, list | dict) or value == "x",
        "list": nothing or isinstance(value, dict),
        "dict": nothing or number or isinstance(value, list | str),
    }
    return not wrong[kind]


def _variables() -> Iterator[tuple[str, str]]:
    for name in sorted(NAMES):
        yield name, VALUES.options.get(name, {}).get("type", "str")


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: ascii(value)[:20])
def test_a_value_of_another_type_is_rejected_for_every_role_variable(value: object) -> None:
    """`inf` for a whole number was an unexpected error of Ansible's, and true for a text became `True`."""
    found = {name: list(VALUES.wrong(name, value)) for name, kind in _variables() if not _accepted(kind, value)}
    scaling = ("lab_time_scaling", "lab_server_capacity", "lab_service_time")  # unset by null
    assert not [name for name, wrong in found.items() if not wrong and name not in scaling]

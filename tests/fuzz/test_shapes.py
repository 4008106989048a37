"""Odd values, types, keys and files in grids with every kind of traffic: valid, or one message with file and line."""

import os
import random
import shutil
from pathlib import Path

import pytest

from harness.deploy.role_values import RoleValues
from harness.errors import BadInput
from harness.grid.reading import read_grid
from harness.study.config import role_variables
from harness.traffic.data_files import DataReader
from tests.fuzz import odd_files, shapes
from tests.fuzz.judge import Limits, faults, message_faults, summary
from tests.fuzz.warm import ROOT, Warm

EACH, SEEDS = 250, range(8)  # 2000 damaged grids through the program
NAMED = {
    "rows.jsonl": "mix",
    "a.png": "mix",
    "images": "steps",
    "script/load.py": "locustfile",
    "script/requirements.txt": "locustfile",
    "own.conf.j2": "template",
    "scale.yml": "platform",
}


def write(folder: Path, grid: dict[str, object]) -> Path:
    file = folder / "grid.yaml"
    file.write_text(shapes.text(grid).lstrip("\n") + "\n", encoding="utf-8")
    return file


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", shapes.GRIDS)
def test_any_odd_value_at_any_place_is_valid_or_one_message(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value in the place of each other one: 38,000 grids, without an inventory."""
    monkeypatch.setenv("FUZZ", "a value")
    names, values, failed, tried = role_variables(ROOT), RoleValues.read(ROOT), [], 0
    shapes.write(tmp_path)
    grid = shapes.whole(name)
    for where in shapes.places(grid):
        for odd in shapes.ODD:
            file = write(tmp_path, shapes.replaced(grid, where, odd))
            tried += 1
            try:
                found = read_grid(file, names, values, DataReader(folder=tmp_path)).problems
                problems = [f"{file}:{line}: {words}" for line, words in found]
            except BadInput as error:
                problems = list(error.problems)
            failed += [f"{where} = {odd.text:.40}: {wrong}" for wrong in message_faults(problems, file)]
    assert not failed, summary(failed, tried)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_grid_is_planned_or_rejected_with_file_and_line(tmp_path: Path, seed: int) -> None:
    failed = []
    shapes.write(tmp_path)
    results = str(tmp_path / "results")
    with Warm() as warm:
        limits = Limits(warm, ["plan", "--grid", str(write(tmp_path, shapes.whole("mix"))), "--results", results])
        for number in range(1000 * seed, 1000 * seed + EACH):
            random_ = random.Random(number)  # noqa: S311 - repeatable with its seed
            grid, what = shapes.damaged(random_, shapes.whole(random_.choice(list(shapes.GRIDS))))
            file = write(tmp_path, grid)
            answer = limits.run(["plan", "--grid", str(file), "--results", results])
            wrong = faults(answer, limits, file, line=True)
            failed += [f"seed {number} ({what}): {it}: {answer.err:.400}" for it in wrong]
    assert not failed, summary(failed, EACH)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", [*odd_files.KINDS, *odd_files.LARGE])
def test_anything_in_place_of_a_file_is_planned_or_rejected(kind: str, tmp_path: Path) -> None:
    failed, results = [], str(tmp_path / "results")
    with Warm() as warm:
        shapes.write(tmp_path)
        limits = Limits(warm, ["plan", "--grid", str(write(tmp_path, shapes.whole("mix"))), "--results", results])
        limits.memory_kb += 1_000_000  # a file of 64 MB is allowed, and read as a whole
        for name, grid in NAMED.items():
            folder = tmp_path / name.replace("/", "-")
            shapes.write(folder)
            odd_files.put(folder / name, {**odd_files.KINDS, **odd_files.LARGE}[kind])
            file = write(folder, shapes.whole(grid))
            answer = limits.run(["plan", "--grid", str(file), "--results", results])
            failed += [f"{name}: {it}: {answer.err:.400}" for it in faults(answer, limits, file, line=True)]
            shutil.rmtree(folder)
    assert not failed, summary(failed, len(NAMED))


PLACES = {
    "--grid": ["plan", "--grid", "@"],
    "--results": ["plan", "--grid", str(ROOT / "grids" / "smoke.yaml"), "--results", "@"],
    "report": ["report", "@"],
    "check": ["check", "@"],
    "compare": ["compare", "@", "@"],
    "init --openapi": ["init", "--openapi", "@", "--image", "app:1", "--no-observe", "--grid", "new.yaml"],
    "init --har": ["init", "--har", "@", "--image", "app:1", "--no-observe", "--grid", "new.yaml"],
    "init --locustfile": ["init", "--locustfile", "@", "--image", "app:1", "--no-observe", "--grid", "new.yaml"],
    "init --access-log": ["init", "--access-log", "@", "--image", "app:1", "--no-observe", "--grid", "new.yaml"],
}


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("place", PLACES)
def test_anything_in_place_of_a_path_of_a_command_is_one_message(place: str, tmp_path: Path) -> None:
    failed = []
    with Warm() as warm:
        undamaged = ["plan", "--grid", str(ROOT / "grids" / "smoke.yaml"), "--results", str(tmp_path / "results")]
        limits = Limits(warm, undamaged)
        for kind, make in odd_files.KINDS.items():
            path = tmp_path / f"x{'.py' if 'locust' in place else ''}"
            odd_files.put(path, make)
            answer = limits.run([str(path) if word == "@" else word for word in PLACES[place]])
            failed += [f"{kind}: {it}: {answer.err:.300}" for it in faults(answer, limits, path)]
        long = os.path.join(tmp_path, "x" * 5000)  # noqa: PTH118
        answer = limits.run([long if word == "@" else word for word in PLACES[place]])
        failed += [f"a long name: {it}: {answer.err:.300}" for it in faults(answer, limits, tmp_path, Path("x" * 60))]
    assert not failed, summary(failed, len(odd_files.KINDS) + 1)

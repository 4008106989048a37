"""An invalid grid is rejected with one message for each error: its line, the value, and the allowed values."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.study.config import resolve

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tests" / "data" / "bad_grids"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", [f for f in FILES if f.name != "empty.yaml"], ids=lambda p: p.stem)
def test_a_bad_grid_is_rejected_with_its_line_and_a_fix(path: Path, tmp_path: Path) -> None:
    """The first comment of each file has the expected line and text."""
    expected = re.match(r"# expect (\d+): (.*)", path.read_text(encoding="utf-8"))
    assert expected, f"{path} must begin with '# expect LINE: MESSAGE'"
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, path)
    problems = caught.value.problems
    assert any(f"{path}:{expected[1]}: " in p and expected[2] in p for p in problems), "\n".join(problems)


def test_there_are_enough_bad_grids() -> None:
    assert len(FILES) >= 25


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, FOLDER / "several-problems.yaml")
    lines = [int(problem.split(":")[1]) for problem in caught.value.problems]
    assert lines == [6, 7, 8]


def test_problems_of_keys_factors_values_and_load_are_reported_together(tmp_path: Path) -> None:
    """An error in one key hides no error in another."""
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "name: study\n"
        "factors:\n"
        "  servers: [1, zero]\n"
        "  rate: [100/s, 200]\n"
        "  ml_server_wokers: [1]\n"
        "  ml_server_cpus: [much]\n"
        "load:\n"
        "  think_time: 1s\n"
        "  ramp_up: 1s\n"
        "  duration: forever\n"
        "request:\n"
        "  path: /a b\n"
        "  headers: {A: 예}\n"
        "repeats: some\n"
        "engine: ngrinder\n"
        "vars: {ml_server_workers: many}\n"
        "objectives: {p95: 5}\n"
        "colour: red\n",
        "utf-8",
    )
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, grid)
    lines = {int(problem.split(":")[1]) for problem in caught.value.problems}
    assert lines == {3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18}, str(caught.value)


@pytest.mark.parametrize(
    "grid",
    [
        {"name": "x" * 5000}, {"x" * 5000: 1}, {"load_generator": "x" * 5000}, {"inventory": "x" * 5000},
        {"inventory": "/"}, {"inventory": "."}, {"inventory": ""}, {"inventory": "/dev/zero"}, {"inventory": "a\0b"},
        {"seed": 10**30},
        {"factors": {"servers": [10**30], "vusers": [10**30]}}, {"factors": {"x" * 5000: [1]}},
        {"target": f"{10**30}/s"},
        {"factors": []}, {"factors": None}, {"load": []}, {"load": None}, {"request": "x"}, {"exclude": {}},
        {"vars": []},
        {"service": 1}, {"repeats": {}}, {"repeats": 10**30}, {"budget": "x"}, {"evidence": []}, {"objectives": 1},
        {"include": [1]}, {"search": 1}, {"load_generator": {}}, {"load_generator": []}, {"name": {}},
        {"inventory": []}, {"load": {"duration": f"{10**30}s", "think_time": "1s"}},
        {"repeats": 100, "factors": {"servers": [1], "vusers": list(range(1, 9000))}},
    ],
    ids=lambda grid: str(grid)[:40],
)  # fmt: skip
def test_wrong_types_and_huge_values_are_rejected_with_one_short_line_each(
    grid: dict[str, object], tmp_path: Path
) -> None:
    whole = {
        "name": "study",
        "factors": {"servers": [1], "vusers": [10]},
        "load": {"think_time": "1s", "duration": "20s"},
        "request": {"path": "/"},
    }
    file = tmp_path / "grid.yaml"
    file.write_text(json.dumps({**whole, **grid}), "utf-8")
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, file)
    for problem in caught.value.problems:
        assert problem.startswith(f"{file}:1: ")
        assert len(problem) < 700 + len(str(file))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (FOLDER / "empty.yaml", "the file is empty"),
        (FOLDER / "binary.bin", "is not text"),
        (FOLDER / "missing.yaml", "no such file"),
        (FOLDER, "is a directory"),
    ],
)
def test_a_path_without_a_grid_is_reported(path: Path, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        resolve(ROOT, tmp_path, path)


@pytest.mark.parametrize("name", ["servers-zero.yaml", "yaml-broken.yaml", "binary.bin"])
def test_the_program_ends_with_2_and_no_traceback(name: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "study.py", "plan", "--grid", FOLDER / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr

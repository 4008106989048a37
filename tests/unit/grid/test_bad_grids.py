"""Bad input gets one clear message: what is wrong, at which line, what is allowed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.study.setup import resolve

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tests" / "data" / "bad_grids"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", [f for f in FILES if f.name != "empty.yaml"], ids=lambda p: p.stem)
def test_a_bad_grid_is_refused_with_its_line_and_what_to_do(path: Path, tmp_path: Path) -> None:
    """The first comment of each file names the line and the words that must be said."""
    expected = re.match(r"# expect (\d+): (.*)", path.read_text(encoding="utf-8"))
    assert expected, f"{path} must begin with '# expect LINE: MESSAGE'"
    with pytest.raises(BadInput) as refused:
        resolve(ROOT, tmp_path, path)
    problems = refused.value.problems
    assert any(f"{path}:{expected[1]}: " in p and expected[2] in p for p in problems), "\n".join(problems)


def test_there_are_enough_bad_grids() -> None:
    assert len(FILES) >= 25


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        resolve(ROOT, tmp_path, FOLDER / "several-problems.yaml")
    lines = [int(problem.split(":")[1]) for problem in refused.value.problems]
    assert lines == [6, 7, 8]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (FOLDER / "empty.yaml", "the file is empty"),
        (FOLDER / "binary.bin", "this is not text"),
        (FOLDER / "missing.yaml", "there is no such file"),
        (FOLDER, "this is a directory"),
    ],
)
def test_what_is_no_grid_at_all_is_said_in_words(path: Path, words: str, tmp_path: Path) -> None:
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

"""Odd things in place of the files that a grid names: each problem is one message, and nothing is waited for."""

from pathlib import Path

import pytest

from harness.deploy import scale_playbook
from harness.errors import BadInput
from harness.grid.reading import read_grid
from harness.grid.schema import Grid
from harness.study.config import role_variables
from harness.traffic.data_files import DataReader
from tests.fuzz import odd_files, shapes
from tests.fuzz.judge import message_faults
from tests.fuzz.warm import ROOT

NAMES = role_variables(ROOT)
# Grid → the files that it names.
NAMED = {
    "mix": ("rows.jsonl", "a.png"),
    "csv": ("rows.csv",),
    "steps": ("images", "images/1.png"),
    "locustfile": ("script/load.py", "script/requirements.txt", "script/other.py"),
    "script": ("mine.groovy", "more.jar"),
    "template": ("own.conf.j2",),
    "platform": ("scale.yml",),
}
# Kinds that no reader may accept as a file.
NO_FILE = {"nothing", "a folder", "a pipe", "a socket", "a link to itself", "a link to nothing", "huge"}
NO_FILE |= {"/dev/zero", "/dev/full", "/dev/null"}
OPTIONAL = ("images", "images/1.png", "script/other.py")  # others are used, or the file is not needed


def problems(folder: Path, name: str, rows: str = "rows.csv") -> tuple[str, ...]:
    grid = shapes.whole("mix" if name == "csv" else name)
    if name == "csv":
        grid["traffic"]["data"]["file"] = rows
    file = folder / "grid.yaml"
    file.write_text(shapes.text(grid).lstrip("\n") + "\n", encoding="utf-8")
    read = read_grid(file, NAMES, None, DataReader(folder=folder))
    found = [f"{file}:{line}: {words}" for line, words in read.problems]
    if isinstance(read.grid, Grid):
        found += [f"{file}:1: {words}" for _, words in scale_playbook.fill(ROOT, folder, read.grid)[1]]
    return BadInput(*found).problems


@pytest.mark.parametrize("kind", odd_files.KINDS)
def test_anything_in_place_of_a_file_is_accepted_or_one_message(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUZZ", "a value")
    for name, files in NAMED.items():
        for number, file in enumerate(files):
            folder = tmp_path / f"{name}-{number}"
            shapes.write(folder)
            odd_files.put(folder / file, odd_files.KINDS[kind])
            found = problems(folder, name)
            assert not message_faults(found, folder / "grid.yaml")
            assert found or kind not in NO_FILE or file in OPTIONAL, f"{file}: accepted"


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        *((".jsonl", content, message) for content, message in odd_files.JSONL.items()),
        *((".csv", content, message) for content, message in odd_files.CSV.items()),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_odd_rows_are_valid_or_reported_with_their_line(
    ending: str, content: bytes, message: str, tmp_path: Path
) -> None:
    shapes.write(tmp_path)
    (tmp_path / f"rows{ending}").write_bytes(content)
    found = problems(tmp_path, "csv", f"rows{ending}")
    expected = message.replace("rows", f"rows{ending}", 1) if message.startswith("rows") else message
    if message:
        assert any(expected in problem for problem in found), found
    else:
        assert found == ()

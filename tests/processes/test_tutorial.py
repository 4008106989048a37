"""The tutorials, as far as they need no host."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from commands.app import PROGRAM
from harness.draft.found import FoundRequest, FoundTraffic
from harness.draft.grid_text import FirstGrid
from harness.draft.observe import Observed
from tests.tutorial import ROOT, follow, parts, studied

TUTORIALS = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
PAGE = ROOT / "docs" / "tutorial" / "your-traffic.md"
IMAGE_PAGE = ROOT / "docs" / "tutorial" / "your-image.md"


def folder_of(tmp_path: Path) -> Path:
    """Return a folder with the grids and inventories of the clone."""
    shutil.copytree(ROOT / "grids", tmp_path / "grids")
    (tmp_path / "inventory").symlink_to(ROOT / "inventory")
    return tmp_path


def test_the_tutorial_describes_files_and_plans_that_work(tmp_path: Path) -> None:
    commands = follow(PAGE, folder_of(tmp_path), only="plan")
    assert sum(" plan " in command for command in commands) == 3
    assert sum(" --grid my-traffic/grid.yaml" in command for command in commands) == 4
    assert {part.kind for part in parts(PAGE)} == {"bash", "yaml", "text"}


def test_the_tutorial_of_an_image_adapts_the_grid_that_init_writes(tmp_path: Path) -> None:
    """The page shows lines of that grid, and its plan is that of the adapted one."""
    request = FoundRequest(name="price", path="/price", status=200)
    grid = FirstGrid(
        file="my-study.yaml",
        name="my-study",
        origin="the image my-image:1.0",
        traffic=FoundTraffic(title="Prices", requests=(request,)),
        folder="my-study-data",
        service={"image": "my-image:1.0", "port": 8000, "health": "/healthz"},
        observed=(Observed(status=200, took_s=0.05),),
    )
    folder = folder_of(tmp_path)
    (folder / "my-study.yaml").write_text(grid.text(), encoding="utf-8")
    commands = follow(IMAGE_PAGE, folder, only="plan")
    assert [studied(command)[:1] for command in commands if studied(command)] == [
        ["init"], ["plan"], ["--grid"], ["--grid"], ["check"], ["report"], ["down"]
    ]  # fmt: skip
    adapted = (folder / "my-study.yaml").read_text(encoding="utf-8")
    assert "  vusers: [140]" in adapted
    assert "\nobjectives: {p95: 300ms}" in adapted


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_every_command_of_a_tutorial_has_options_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    indented = [line.strip() for line in text.splitlines() if line.startswith("    python study.py")]
    fenced = [line for part in parts(page) if part.kind == "bash" for line in part.text.splitlines()]
    commands = [studied(line) for line in [*indented, *fenced] if studied(line)]
    assert len(commands) >= 4
    for arguments in commands:
        parse(arguments)
    with pytest.raises(Exception, match="No such option"):
        parse([*commands[0], "--unknown"])


def parse(words: list[str]) -> None:
    """Parse a command line without running it; raises an error for a command or an option that is unknown."""
    program: Any = PROGRAM
    context = program.make_context("study.py", list(words))
    if rest := [*context._protected_args, *context.args]:
        program.commands[rest[0]].make_context(rest[0], rest[1:], parent=context)

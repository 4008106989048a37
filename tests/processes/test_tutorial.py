"""The tutorial of a user's own traffic, as far as it needs no host."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.tutorial import ROOT, follow, parts

PAGE = ROOT / "docs" / "tutorial" / "your-traffic.md"


def test_the_tutorial_describes_files_and_plans_that_work(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "grids", tmp_path / "grids")
    (tmp_path / "inventory").symlink_to(ROOT / "inventory")
    commands = follow(PAGE, tmp_path, only="plan")
    assert sum(" plan " in command for command in commands) == 3
    assert sum(" --grid my-traffic/grid.yaml" in command for command in commands) == 4
    assert {part.kind for part in parts(PAGE)} == {"bash", "yaml", "text"}

"""The tutorial of a user's own traffic, followed word by word in the real lab."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.integration.conftest import PARTS, changed_parts
from tests.tutorial import ROOT, follow

PAGE = ROOT / "docs" / "tutorial" / "your-traffic.md"


@pytest.fixture
def clean() -> Iterator[None]:
    """Remove what the tutorial adds to the clone."""
    yield
    for folder in (ROOT / "my-traffic", *(ROOT / "results").glob("my-traffic-*")):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
@pytest.mark.usefixtures("deployed", "clean")
def test_the_tutorial_can_be_followed_word_by_word() -> None:
    assert not (ROOT / "my-traffic").exists(), "a user's own folder is not overwritten"
    changed_parts.update(PARTS)
    commands = follow(PAGE)
    assert "python study.py --grid my-traffic/grid.yaml" in commands
    (results,) = (ROOT / "results").glob("my-traffic-*")
    assert (results / "requests.csv").is_file()
    assert "history" in (results / "report.html").read_text(encoding="utf-8")

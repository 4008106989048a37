"""The tutorial of a user's own image, followed word by word in an empty clone."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from harness.deploy.inventory.hosts import Inventory
from tests.collection.conftest import variable
from tests.tutorial import ROOT, follow

PAGE = ROOT / "docs" / "tutorial" / "your-image.md"
IMAGE = "my-image:1.0"


@pytest.fixture
def image(deployed: Inventory, engine: docker.DockerClient) -> Iterator[str]:
    """An image as a newcomer has it, with nothing of this project but an interpreter."""
    assert deployed, "the images exist"
    arguments = {"BASE": variable("base_image_name")}
    engine.images.build(
        path=str(ROOT / "tests" / "own_image"), tag=IMAGE, buildargs=arguments, labels={"scale-out.owner": "tutorial"}
    )
    yield IMAGE
    engine.images.remove(IMAGE, force=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without results, whose lab has names of its own."""
    found = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(found)], check=True)
    (found / ".venv").symlink_to(ROOT / ".venv")
    return found


@pytest.mark.long
@pytest.mark.usefixtures("image")
def test_the_tutorial_of_an_image_can_be_followed_word_by_word(clone: Path) -> None:
    began = time.monotonic()
    commands = follow(PAGE, clone, clone=clone)
    assert commands[-1] == "python study.py down"
    (study,) = (clone / "results").glob("my-study-[0-9a-f]*")
    trials = [json.loads(file.read_text(encoding="utf-8")) for file in study.glob("trials/*/r*/trial.json")]
    assert len(trials) == 10
    assert (study / "report.html").is_file()
    print(f"the tutorial took {time.monotonic() - began:.0f} s")  # noqa: T201 - a figure for the reader of the log

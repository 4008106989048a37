"""The playbook that scales a platform is found and read before the study starts, whatever is at its path."""

import os
from pathlib import Path

import pytest

from harness.deploy import scale_playbook
from tests.builders import grid

ROOT = Path(__file__).resolve().parents[3]


def problem(folder: Path) -> str:
    """Return the problem of scale.yml in this folder; empty without one."""
    target = {"url": "https://shop.example", "scale": "scale.yml"}
    found, problems = scale_playbook.fill(ROOT, folder, grid(target=target))
    assert (found.playbook is None) == bool(problems)
    return "".join(words for _, words in problems)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("- hosts: all\n  vars: {password: !vault text}\n", ""),
        ("", "is not a list of plays"),
        ("[]", "has no play"),
        ("- a\n", "is not a list of plays"),
        ("- hosts: [all\n", "is not YAML: line 2"),
        ("- hosts: all\n---\n- hosts: all\n", "is not YAML: line 2"),
        ("[" * 100_000, "is nested too deeply"),
        ("#" * 1_000_001, "1,000,001 bytes. Allowed: at most 1,000,000"),
    ],
)
def test_only_a_list_of_plays_is_a_playbook(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "scale.yml").write_text(content, encoding="utf-8")
    found = problem(tmp_path)
    assert expected in found
    assert bool(found) == bool(expected)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scale.yml")
    assert "not a file" in problem(tmp_path)


def test_a_link_that_leads_out_of_the_folder_is_outside(tmp_path: Path) -> None:
    (tmp_path / "grids").mkdir()
    (tmp_path / "other.yml").write_text("- hosts: all\n", encoding="utf-8")
    (tmp_path / "grids" / "scale.yml").symlink_to(tmp_path / "other.yml")
    assert "a path outside of both folders" in problem(tmp_path / "grids")


def test_the_text_must_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / "scale.yml").write_bytes(b"- hosts: \xff\n")
    assert "is not text in UTF-8" in problem(tmp_path)

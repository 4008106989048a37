"""Suggestions for options and arguments, without a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import completion, options
from commands.completion import Shell


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grids" / "more").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for name in ("grid.yaml", "notes.txt", "grids/open.yaml", "grids/own.yml", "grids/README.md"):
        (tmp_path / name).touch()
    return tmp_path


def test_grids_are_yaml_files_and_folders(folder: Path) -> None:
    assert completion.grids("") == ["grid.yaml", "grids/"]
    assert completion.grids("grids/o") == ["grids/open.yaml", "grids/own.yml"]
    assert completion.grids("./grids/") == ["./grids/more/", "./grids/open.yaml", "./grids/own.yml"]
    assert completion.grids(f"{folder}/gri") == [f"{folder}/grid.yaml", f"{folder}/grids/"]
    assert completion.grids("nowhere/") == []
    assert completion.grids(".h") == [".hidden/"]


def test_studies_are_the_directories_of_results(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "RESULTS", folder / "results")
    for name in ("a-1", "a-2", "b-1"):
        (folder / "results" / name).mkdir(parents=True)
        (folder / "results" / name / "study.json").touch()
    (folder / "results" / "empty").mkdir()
    assert completion.studies("") == ["results/a-1", "results/a-2", "results/b-1"]
    assert completion.studies("results/a") == ["results/a-1", "results/a-2"]
    assert completion.studies(f"{folder}/results/b") == [f"{folder}/results/b-1"]


def test_inventories_are_those_of_the_project_or_paths(folder: Path) -> None:
    assert {"inventory/lab", "inventory/ec2"} <= set(completion.inventories(""))
    (folder / "hosts.ini").touch()
    assert completion.inventories("hos") == ["hosts.ini"]


@pytest.mark.parametrize("shell", Shell)
def test_a_script_completes_the_program_by_its_own_name_and_path(shell: Shell) -> None:
    found = completion.script(shell)
    assert "study.py" in found
    assert completion.VARIABLE in found
    assert "VARIABLE=" not in found

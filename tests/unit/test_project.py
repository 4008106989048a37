"""The project's own files agree: versions, supported Pythons, and the commands that workflows and hooks run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_one_version_and_one_license_stand_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation, galaxy = read("CITATION.cff"), read("galaxy.yml")
    assert project["version"] == citation["version"] == galaxy["version"]
    assert project["license"] == citation["license"] == galaxy["license"][0]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_the_changelog_has_a_section_for_the_version_and_known_headings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {read('CITATION.cff')['version']}" in text
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= SECTIONS


def test_pull_requests_run_linters_and_unit_tests_on_every_supported_python() -> None:
    jobs = read(".github/workflows/pull-request.yml")["jobs"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    pythons = jobs["unit"]["strategy"]["matrix"]["python"]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert oldest == f">={pythons[0]}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = makefile.partition("\nlint: setup\n")[2].partition("\n\n")[0]
    tools = [re.sub(r"^.*\$\(BIN\)/", ".venv/bin/", line.strip()) for line in lint.splitlines()]
    assert len(tools) == 4
    assert set(tools) <= {step.get("run") for step in jobs["lint"]["steps"]}


def test_the_nightly_run_is_what_a_developer_runs() -> None:
    steps = read(".github/workflows/nightly.yml")["jobs"]["test"]["steps"]
    assert steps[-1] == {"run": ".ci/run"}


@pytest.mark.parametrize("hook", read(".pre-commit-config.yaml")["repos"][0]["hooks"], ids=lambda hook: hook["id"])
def test_a_hook_runs_a_program_of_the_environment(hook: dict[str, Any]) -> None:
    program, *rest = hook["entry"].split()
    assert (ROOT / program).is_file()
    assert [word for word in rest if word.startswith("tests/") and not (ROOT / word).is_file()] == []

"""Inventories, read by Ansible's own programs as `study.py` starts them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.deploy.inventory import checks
from harness.deploy.inventory.resolve import describe, known_variables
from harness.deploy.role_values import RoleValues
from harness.errors import BadInput
from tests.bad_inventories import CASES, FOLDER, FULL_RESOLUTION_ONLY, expected, without_accounts

ROOT = Path(__file__).resolve().parents[2]
# One for each source of messages: Ansible's reader, its variables, its plugins, a program, and the study's own checks.
IN_EVERY_RUN = (*FULL_RESOLUTION_ONLY, "ini-variable-undefined.ini", "aws-without-region", "several-problems.yml")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove cloud accounts and vault passwords from the environment."""
    without_accounts(monkeypatch, tmp_path / "none")


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=case.name, marks=() if case.name in IN_EVERY_RUN else pytest.mark.long) for case in CASES
    ]


@pytest.mark.parametrize("case", _cases())
def test_an_invalid_inventory_is_reported_with_file_line_and_fix(case: Path) -> None:
    with pytest.raises(BadInput) as error:
        describe(ROOT, case, case.name)
    assert any(problem.startswith(expected(case)) for problem in error.value.problems), str(error.value)


@pytest.mark.parametrize("name", ["inventory/lab", "inventory/ec2", "inventory/rehearsal"])
def test_the_projects_inventories_are_valid(name: str) -> None:
    found = describe(ROOT, ROOT / name, name)
    assert checks.of(found, known_variables(ROOT), RoleValues.read(ROOT)) == []


@pytest.mark.parametrize(
    "name",
    [
        "binary",
        "variable-undefined.yml",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("yaml-broken.yml", "group-missing-ml-servers.yml")),
    ],
)
def test_the_program_exits_with_2_and_without_a_traceback(name: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "study.py", "plan", "--inventory", FOLDER / name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {expected(FOLDER / name)}")
    assert "Traceback" not in done.stderr

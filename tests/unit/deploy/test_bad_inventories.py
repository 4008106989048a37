"""A bad inventory gets one clear message for each mistake: file, line, what is wrong and what to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.deploy import inventory, inventory_problems
from harness.deploy.description import describe, known_variables
from harness.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tests" / "data" / "bad_inventories"
CASES = sorted(path for path in FOLDER.iterdir() if path.name != "group_vars")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's account of any cloud, and nobody's vault."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "ANSIBLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def expected(case: Path) -> str:
    """The message that a case must get: file, line and words."""
    if case.is_dir():
        said = (case / "expect.txt").read_text(encoding="utf-8").strip()
        return f"{case}/{said}" if re.match(r"\S+:\d+: ", said) else f"{case}: {said}"
    found = re.match(r"# expect (\d+): (.*)", case.read_text(encoding="utf-8"))
    assert found, f"{case} must begin with '# expect LINE: MESSAGE'"
    return f"{case}:{found[1]}: {found[2]}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_inventory_is_refused_with_file_and_line_and_what_to_do(case: Path) -> None:
    with pytest.raises(BadInput) as refused:
        describe(ROOT, case, case.name)
    assert any(problem.startswith(expected(case)) for problem in refused.value.problems), str(refused.value)


def test_there_are_enough_bad_inventories() -> None:
    assert len(CASES) >= 25
    assert sum(case.name.startswith(("script", "aws", "plugin")) for case in CASES) >= 8


@pytest.mark.parametrize("name", ["inventory/lab", "inventory/ec2", "inventory/rehearsal"])
def test_the_inventories_that_come_along_have_no_problem(name: str) -> None:
    found = describe(ROOT, ROOT / name, name)
    assert inventory_problems.of(found, known_variables(ROOT)) == []


def test_every_problem_of_an_inventory_is_told_at_once_in_the_order_of_its_lines() -> None:
    with pytest.raises(BadInput) as refused:
        describe(ROOT, FOLDER / "several-problems.yml", "several")
    lines = [(problem.split(":")[1], problem.split(" ")[1]) for problem in refused.value.problems]
    assert lines == [("9", "server-1:"), ("10", "server-2:")]


def test_a_file_of_variables_beside_an_inventory_file_is_noticed(tmp_path: Path) -> None:
    """A kept description is of no use once a file has changed that decides about variables."""
    shutil.copy(FOLDER / "private-ip-text.yml", tmp_path / "hosts.yml")
    before = inventory.sources_hash(ROOT, tmp_path / "hosts.yml")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("ansible_user: me\n")
    assert inventory.sources_hash(ROOT, tmp_path / "hosts.yml") != before


@pytest.mark.parametrize(
    "name", ["binary", "yaml-broken.yml", "group-missing-ml-servers.yml", "variable-undefined.yml"]
)
def test_the_program_ends_with_2_and_no_traceback(name: str) -> None:
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


def test_an_inventory_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no inventory 'inventory/laboratory'; there are: inventory/ec2"):
        inventory.resolve(ROOT, "inventory/laboratory", tmp_path, "--inventory")

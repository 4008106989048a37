"""A bad inventory gets one clear message for each mistake: file, line, what is wrong and what to do.

One process reads all of them; tests/processes/test_inventories.py goes the whole way through Ansible for some.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.deploy.inventory import files, resolve
from harness.deploy.inventory.hosts import OF_PLATFORM
from harness.deploy.inventory.positions import Places, environment
from harness.deploy.inventory.resolve import known_variables
from harness.deploy.role_values import RoleValues
from harness.errors import BadInput
from tests.bad_inventories import CASES, FOLDER, FULL_RESOLUTION_ONLY, expected, without_accounts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Places]]:
    """Name of a case → what Ansible reads in it."""
    with pytest.MonkeyPatch.context() as patch:
        without_accounts(patch, tmp_path_factory.mktemp("home") / "none")
        # Some cases are rejected by their text, because reading them would take Ansible all memory and time.
        read = [case for case in CASES if not files.unreadable(case)]
        paths = "".join(f"{case}\n" for case in read)
        command = [sys.executable, "-m", "tests.inventory_reader", str(ROOT)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(ROOT), input=paths, capture_output=True, text=True, check=True
        )
        yield {c.name: Places(c, json.loads(line)) for c, line in zip(read, done.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name not in FULL_RESOLUTION_ONLY], ids=lambda case: case.name
)
def test_a_bad_inventory_is_rejected_with_file_line_and_fix(case: Path, places: dict[str, Places]) -> None:
    problems = files.unreadable(case) or places[case.name].unusable(known_variables(ROOT), RoleValues.read(ROOT))
    assert any(problem.startswith(expected(case)) for problem in problems), problems


def test_there_are_enough_bad_inventories() -> None:
    assert len(CASES) >= 25
    assert sum(case.name.startswith(("script", "aws", "plugin")) for case in CASES) >= 8
    assert {case.name for case in CASES} > set(FULL_RESOLUTION_ONLY)


def test_every_problem_of_an_inventory_is_reported_at_once_in_the_order_of_its_lines(
    places: dict[str, Places],
) -> None:
    problems = places["several-problems.yml"].unusable(known_variables(ROOT), RoleValues.read(ROOT))
    lines = [(problem.split(":")[1], problem.split(" ")[1]) for problem in problems]
    assert lines == [("9", "server-1:"), ("10", "server-2:")]


def test_a_file_of_variables_next_to_an_inventory_file_is_noticed(tmp_path: Path) -> None:
    """A kept description is of no use once a file has changed that decides about variables."""
    shutil.copy(FOLDER / "private-ip-text.yml", tmp_path / "hosts.yml")
    before = resolve.sources_hash(ROOT, tmp_path / "hosts.yml")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("ansible_user: me\n")
    assert resolve.sources_hash(ROOT, tmp_path / "hosts.yml") != before


def test_an_inventory_that_is_not_there_is_reported_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"no such path \(got 'inventory/laboratory'\)\. In this project: inventory/compose"
    ):
        files.resolve_path(ROOT, "inventory/laboratory", tmp_path, "--inventory")


@pytest.mark.parametrize("place", ["extra.yml", "group_vars/all.yml", "host_vars/server-1/more"])
def test_a_pipe_in_an_inventory_is_reported_and_not_read(place: str, tmp_path: Path) -> None:
    """Ansible would wait for its writer."""
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: {}}}\n", encoding="utf-8")
    pipe = tmp_path / place
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe)
    message = f"{pipe}: is a pipe or a device. Allowed: a file."
    assert files.unreadable(tmp_path) == [message]
    if pipe.parent != tmp_path:
        assert files.unreadable(tmp_path / "hosts.yml") == [message]


def test_a_huge_inventory_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yml"
    file.touch()
    os.truncate(file, 10**12)
    assert files.unreadable(file) == [f"{file}: the file is too large. Allowed: 10 MB."]
    file.chmod(0o755)
    assert files.unreadable(file) == [], "a program may have any size"


def test_a_byte_order_mark_in_an_ini_inventory_is_reported(tmp_path: Path) -> None:
    """Ansible takes it as a part of the first section's name."""
    file = tmp_path / "hosts.ini"
    file.write_text("[ml_servers]\nserver-1\n", encoding="utf-8-sig")
    expected_fix = "begins with a byte order mark. Fix: save the file as UTF-8 without it."
    assert files.unreadable(file) == [f"{file}:1: {expected_fix}"]


def test_an_inventory_of_load_generators_only_serves_a_platform_and_no_other_study() -> None:
    """Also once its description is kept, which the first study does."""
    folder = ROOT / "inventory" / "compose"
    for _ in range(2):
        found, _ = resolve.find(ROOT, folder, "inventory/compose", groups=OF_PLATFORM)
        assert [host.name for host in found.hosts] == ["generator"]
        assert found.servers == []
        assert found.balancer_variables == {}
        assert found.kind == "lab"
        with pytest.raises(BadInput) as caught:
            resolve.find(ROOT, folder, "inventory/compose")
        missing = [problem.split(": ")[1] for problem in caught.value.problems]
        assert missing == ["group load_balancers", "group ml_servers"]

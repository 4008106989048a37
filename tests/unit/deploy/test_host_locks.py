"""A host runs one study at a time, for all inventories and clones that contain it."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.deploy import host_locks
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import CannotRun

HERE, THERE = Path("/clones/one"), Path("/clones/two")


def lab(*containers: str, path: str = "inventory/lab") -> Inventory:
    variables = [{"study_container_engine": "local", "study_container": name} for name in containers]
    return Inventory(path, tuple(Host.parse(f"host-{n}", "ml_servers", own) for n, own in enumerate(variables)))


def machines(*addresses: str, private: str = "10.0.1.11", path: str = "inventory/mine", **more: object) -> Inventory:
    common = {"study_container_engine": "ssh", "private_ip": private, **more}
    hosts = [
        Host.parse(f"m-{n}", "ml_servers", {**common, "ansible_host": address}) for n, address in enumerate(addresses)
    ]
    return Inventory(path, tuple(hosts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def free(folder: Path, hosts: Inventory, clone: Path = HERE, images: bool = False) -> bool:
    try:
        with host_locks.held(hosts, "a second study", clone, images, folder):
            return True
    except CannotRun:
        return False


@contextmanager
def busy(folder: Path, hosts: Inventory, clone: Path = HERE) -> Iterator[None]:
    with host_locks.held(hosts, "the study results/first-0123abcd", clone, folder=folder):
        yield


def test_a_second_study_reports_the_first_one_and_exits_with_4(folder: Path) -> None:
    second = host_locks.held(lab("b", "c", path="other/hosts.yml"), "another", THERE, folder=folder)
    with busy(folder, lab("a", "b")), pytest.raises(CannotRun) as error, second:
        pass
    text = str(error.value)
    assert error.value.exit_code == 4
    assert text.startswith(
        "other/hosts.yml: container b is in use by the study results/first-0123abcd on inventory/lab"
    )
    assert f" UTC, pid {os.getpid()}). Fix: wait until it has ended, or end it with 'kill {os.getpid()}'." in text
    assert free(folder, lab("a", "b"))


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (lab("a"), lab("b"), True),
        (lab("a"), lab("a", path="copy/of/lab"), False),
        (machines("198.51.100.7"), machines("198.51.100.7", private="10.9.9.9", path="b"), False),
        (machines("127.0.0.1"), machines("localhost", path="b"), False),
        (machines("198.51.100.7"), machines("198.51.100.8", path="b"), True),  # two networks have 10.0.1.11
        (machines("198.51.100.7"), machines("10.0.1.11", path="b"), False),  # the same one, from inside
        (machines("10.0.1.11"), machines("198.51.100.7", path="b"), False),
        (machines("127.0.0.1", ansible_port=2222), machines("127.0.0.1", ansible_port=2223), True),
        (machines("127.0.0.1", ansible_port=2222), machines("localhost", ansible_port=2222), False),
        (machines("a.invalid"), machines("a.invalid", path="b"), False),
        (
            machines("10.0.1.11", ansible_ssh_common_args="-J gate-1.invalid"),
            machines("10.0.1.11", ansible_ssh_common_args="-J gate-2.invalid"),
            True,
        ),
        (
            machines("10.0.1.11", ansible_ssh_common_args="-J gate-1.invalid"),
            machines("10.0.1.11", ansible_ssh_common_args="-o ProxyJump=gate-1.invalid"),
            False,
        ),
    ],
)
def test_hosts_are_compared_by_address_port_and_proxy(
    first: Inventory, second: Inventory, both: bool, folder: Path
) -> None:
    with busy(folder, first):
        assert free(folder, second, THERE) == both
    assert free(folder, second, THERE)


def test_images_of_a_clone_are_removed_only_while_none_of_its_studies_runs(folder: Path) -> None:
    with busy(folder, machines("198.51.100.7")), busy(folder, lab("a")):  # two studies on different hosts
        assert not free(folder, lab("b"), HERE, images=True)
        assert free(folder, lab("b"), HERE)
        assert free(folder, lab("b"), THERE, images=True)
    assert free(folder, lab("b"), HERE, images=True)


def test_one_host_in_two_groups_does_not_exclude_itself(folder: Path) -> None:
    assert free(folder, lab("a", "a"))
    assert free(folder, machines("198.51.100.7", "198.51.100.7", private="198.51.100.7"))


def hold(folder: Path, ready: object, end: object) -> None:
    with busy(folder, lab("a")):
        ready.set()  # type: ignore[attr-defined] # a multiprocessing event
        end.wait(20)  # type: ignore[attr-defined] # as above


def test_a_killed_study_holds_no_lock(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=hold, args=(folder, ready, end))
    other.start()
    assert ready.wait(20)
    with pytest.raises(CannotRun, match=f"pid {other.pid}"), busy(folder, lab("a")):
        pass
    other.kill()
    other.join()
    assert free(folder, lab("a"))


def test_a_process_that_a_study_started_keeps_no_lock(folder: Path) -> None:
    with busy(folder, lab("a")):
        program = [sys.executable, "-c", "import sys; print('runs', flush=True); sys.stdin.read()"]
        child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"runs\n"  # files are closed a moment after a program is started
        assert free(folder, lab("a"))
    finally:
        child.communicate()


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_every_user_of_the_machine_can_lock(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert free(folder, lab("a"))
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o666}


@pytest.mark.parametrize("line", [b"", b"{", b"[1]\n", b'{"what": "x"}\n', b"\xff\n", b"9" * 100_000])
def test_a_damaged_lock_file_names_no_process(line: bytes, folder: Path) -> None:
    with busy(folder, lab("a")):
        for file in folder.iterdir():
            file.write_bytes(line)
        message = r"in use by another process\. Fix: wait until it has ended\."
        with pytest.raises(CannotRun, match=message), busy(folder, lab("a")):
            pass


def test_an_unusable_folder_is_reported_with_its_fix(folder: Path) -> None:
    folder.write_text("")
    with (
        pytest.raises(CannotRun, match=rf"{folder}/\w+: cannot open the lock of .*Fix: "),
        busy(folder, lab("a")),
    ):
        pass
    folder.unlink()
    folder.symlink_to(folder.parent)
    with pytest.raises(CannotRun, match="symbolic link"), busy(folder, lab("a")):
        pass

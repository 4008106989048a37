"""Private folders: only their user can read them, and the next process removes those of a killed one."""

import fcntl
import os
import stat
from pathlib import Path

import pytest

from harness.deploy import private, unsafe_yaml


@pytest.fixture
def open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_nobody_else_can_open_it_whatever_the_umask(tmp_path: Path) -> None:
    base = tmp_path / "private"
    base.mkdir(mode=0o777)
    mine = private.folder(base)
    private.write(mine / "file", "secret")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (base, mine, mine / "file")] == [0o700, 0o700, 0o600]


def test_a_process_has_one_and_removes_those_of_dead_ones_alone(tmp_path: Path) -> None:
    dead, alive, linked = tmp_path / "dead", tmp_path / "alive", tmp_path / "elsewhere"
    base = tmp_path / "private"
    base.mkdir()
    for name in ("dead", "alive"):
        (base / name / "env").mkdir(parents=True)
    linked.mkdir()
    (base / "link").symlink_to(linked)
    lock = os.open(base / "alive" / private.LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    mine = private.folder(base)
    assert mine == private.folder(base)
    os.close(lock)
    assert sorted(path.name for path in base.iterdir() if path != mine) == [private.LOCK, alive.name, "link"]
    assert linked.is_dir()
    assert not (base / dead.name).exists()


def test_a_file_of_variables_marks_every_text() -> None:
    text = unsafe_yaml.dump_variables({"a": "{{ 1 }}", "b": [1, "x", {"k": "v"}], "c": True, "d": None})
    assert text.count("!unsafe") == 4
    assert text.startswith("a: !unsafe '{{ 1 }}'")

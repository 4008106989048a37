"""Bootstrap: a bare machine installs exactly the locked packages."""

import ast
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from harness import bootstrap, process_environment
from harness.deploy import readiness

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "options"), [("run", ["--no-dev"]), ("dev", [])])
def test_the_hashed_requirements_equal_the_lock_file(name: str, options: list[str]) -> None:
    """Machines without uv install from these; `make lock` writes them again."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "export", "--quiet", "--no-header", "--frozen", *options, "--format", "requirements-txt"]
    exported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert exported == (ROOT / "requirements" / f"{name}.txt").read_text()


def test_every_requirement_has_hashes() -> None:
    files = [
        *(ROOT / "requirements").glob("*.txt"),
        *(ROOT / "service").glob("*.txt"),
        *(ROOT / "roles").rglob("requirements.txt"),
    ]
    assert len(files) == 5
    for file in files:
        lines = file.read_text().splitlines()
        pins = [line for line in lines if line and line[0].isalnum()]
        assert pins, file
        assert all(line.endswith("\\") for line in pins), f"{file}: a requirement without hashes"


def clone_with_lock(folder: Path) -> Path:
    (folder / "requirements").mkdir(parents=True)
    (folder / ".venv").mkdir()
    for name in ("uv.lock", "requirements/run.txt", "requirements/dev.txt"):
        (folder / name).write_text(name)
    return folder


def test_an_environment_is_fresh_until_the_lock_changes(tmp_path: Path) -> None:
    root = clone_with_lock(tmp_path)
    assert not bootstrap.is_fresh(root, dev=False)
    (root / ".venv" / "made-from").write_text(bootstrap.fingerprint(root, False))
    assert bootstrap.is_fresh(root, dev=False)
    assert not bootstrap.is_fresh(root, dev=True)
    (root / "uv.lock").write_text("changed")
    assert not bootstrap.is_fresh(root, dev=False)


def test_the_development_environment_also_serves_users(tmp_path: Path) -> None:
    root = clone_with_lock(tmp_path)
    (root / ".venv" / "made-from").write_text(bootstrap.fingerprint(root, True))
    assert bootstrap.is_fresh(root, dev=False)


def test_a_changed_lock_leaves_a_developer_the_development_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = clone_with_lock(tmp_path)
    made: list[bool] = []
    monkeypatch.setattr(bootstrap, "make", lambda _root, dev: made.append(dev))
    bootstrap.make_fresh(root, dev=False)
    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "pytest").touch()
    bootstrap.make_fresh(root, dev=False)
    assert made == [False, True]


# The entry points of `study.py` and of `make`.
ENTRY_POINTS: list[Callable[[Path], None]] = [lambda root: bootstrap.enter(root, root / "study.py"), bootstrap.main]


@pytest.mark.parametrize("entry_point", ENTRY_POINTS, ids=["study.py", "make"])
def test_an_old_python_is_reported_with_a_fix(
    entry_point: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bootstrap, "_OLDEST", (99, 0))
    with pytest.raises(SystemExit) as exit_:
        entry_point(tmp_path)
    assert exit_.value.code == 4
    assert "needs Python 99.0 or newer" in capsys.readouterr().err


UNUSABLE = {
    "clones [mine]": "* ? [ ] in a path as a pattern",
    "what?": "* ? [ ] in a path as a pattern",
    "a$HOME": "a name after $ in a path as a variable",
    "a${HOME}": "a name after $ in a path as a variable",
    "{{ x }}": "{{ {% {# in a path as a template",
    "{% x %}": "{{ {% {# in a path as a template",
    "a\udcffb": "no path that is not UTF-8",
    "a\nb": "a path with control characters as several lines",
}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS, ids=["study.py", "make"])
@pytest.mark.parametrize(("name", "reading"), UNUSABLE.items())
def test_a_clone_in_a_folder_that_ansible_does_not_read_as_it_is_is_rejected(
    entry_point: Callable[[Path], None], name: str, reading: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        entry_point(tmp_path / name)
    assert exit_.value.code == 4
    stderr = capsys.readouterr().err
    assert f": Ansible reads {reading}. Fix: move the clone, or rename the folder." in stderr
    assert len(stderr.splitlines()) == 1


FAILING_COMMAND = [sys.executable, "-c", "raise SystemExit('no ensurepip')"]


def test_a_failed_command_has_an_alternative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = clone_with_lock(tmp_path)
    alternatives = [["no-such-program"], FAILING_COMMAND, [sys.executable, "-c", "open('made', 'w')"]]
    monkeypatch.setattr(bootstrap, "_commands", lambda *_: [alternatives])
    bootstrap.make(root, dev=False)
    assert (root / "made").exists()


def test_installed_packages_are_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the machine's Pythons keep no bytecode, because Ansible takes twice as long without it."""
    root = clone_with_lock(tmp_path)
    packages = root / ".venv" / "lib" / "python3" / "site-packages"
    for name in ("used", "ansible_collections"):
        (packages / name).mkdir(parents=True)
        (packages / name / "module.py").write_text("")
    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(bootstrap, "_commands", lambda *_: [])
    bootstrap.make(root, dev=False)
    for _ in range(200):
        compiled = list(packages.rglob("*.pyc"))
        if compiled:
            break
        time.sleep(0.1)
    assert [file.parent.parent.name for file in compiled] == ["used"]


def test_processes_of_a_study_keep_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    process_environment.allow_bytecode()
    assert not sys.dont_write_bytecode
    child = [sys.executable, "-c", "import sys; raise SystemExit(sys.dont_write_bytecode)"]
    assert subprocess.run(child, check=False).returncode == 0


def test_the_locked_uv_is_installed_with_its_hashes(tmp_path: Path) -> None:
    root = clone_with_lock(tmp_path)
    (root / "requirements" / "dev.txt").write_text((ROOT / "requirements" / "dev.txt").read_text())
    lines = bootstrap.locked_uv(root).read_text().splitlines()
    assert lines[0].startswith("uv==")
    assert len(lines) > 5
    assert all("--hash=sha256:" in line for line in lines[1:])
    assert not lines[-1].endswith("\\")


def test_a_failed_setup_names_the_command_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = clone_with_lock(tmp_path)
    monkeypatch.setattr(bootstrap, "_commands", lambda *_: [[FAILING_COMMAND]])
    with pytest.raises(SystemExit) as exit_:
        bootstrap.make(root, dev=False)
    assert exit_.value.code == 4
    printed = capsys.readouterr().err
    assert "this command failed" in printed
    assert "apt-get install python3-venv" in printed


def test_an_active_hierarchy_that_is_not_mounted_is_named() -> None:
    """A container engine reads no CPU usage then. /proc/self/cgroup has active hierarchies, mountinfo mounted ones."""
    mounts = [
        "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct",
        "40 31 0:39 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
    ]
    active = ["14:perf_event:/", "9:name=systemd:/", "2:cpu,cpuacct:/", "0::/"]
    assert readiness.unmounted(active, mounts) == ["perf_event"]
    assert readiness.unmounted(["2:cpu,cpuacct:/", "0::/"], mounts) == []
    assert readiness.unmounted(["0::/"], []) == []


def test_programs_outside_the_environment_have_the_syntax_of_python_3_8() -> None:
    """An older Python must reach the message about its version."""
    for name in ("study.py", "harness/bootstrap.py", "harness/docker_context.py", "harness/__init__.py"):
        ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_numpy_computes_in_one_thread_in_tests_as_in_every_command() -> None:
    """Also where a plugin of pytest loads it before the tests' own settings."""
    np.ones((2, 2)) @ np.ones((2, 2))
    blas = [found for found in threadpoolctl.threadpool_info() if found["user_api"] == "blas"]
    assert blas
    assert {found["num_threads"] for found in blas} == {1}, blas

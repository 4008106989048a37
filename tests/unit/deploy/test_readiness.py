"""Requirements of this machine: each problem names its fix, and a study installs only what it can."""

from pathlib import Path

import pytest

from harness.deploy import readiness
from harness.errors import MachineNotReady

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def other_engine(monkeypatch: pytest.MonkeyPatch) -> str:
    """Select an engine at an address where none answers."""
    address = "tcp://127.0.0.1:1"
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


def test_an_engine_elsewhere_that_does_not_answer_is_named(other_engine: str) -> None:
    """Starting an engine of this machine would not help."""
    (engine,) = (check for check in readiness.check_programs() if check.name == "Docker engine")
    assert not engine.ok
    assert engine.fix.startswith(f"start the engine at {other_engine}, which does not answer, or select this machine's")
    assert "unset DOCKER_HOST" in engine.fix


def test_a_study_does_not_install_what_only_a_user_can_fix(other_engine: str) -> None:
    notes: list[str] = []
    with pytest.raises(MachineNotReady, match=f"start the engine at {other_engine}"):
        readiness.prepare(ROOT, notes.append)
    assert notes == [], "nothing is installed"


@pytest.mark.parametrize(("free_gb", "is_enough"), [(0.9, False), (1.0, True), (64.0, True)])
def test_too_little_memory_is_a_problem_with_its_fix(free_gb: float, is_enough: bool) -> None:
    check = readiness.memory(free_gb * 1e9)
    assert check.ok is is_enough
    assert is_enough or "(0.9 GB free; the lab needs 1 GB)" in check.fix


@pytest.mark.parametrize(("free_gb", "is_enough"), [(2.9, False), (3.0, True)])
def test_too_little_disk_space_is_a_problem_with_its_fix(free_gb: float, is_enough: bool) -> None:
    check = readiness.disk(free_gb * 1e9)
    assert check.ok is is_enough
    assert is_enough or "a study needs 3 GB" in check.fix

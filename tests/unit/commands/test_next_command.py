"""Every error that ends a command names the next command."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from commands import app, next_command
from harness import errors
from harness.errors import BadInput, CannotRun, Interrupted, MachineNotReady, StudyError

PROGRAM: Any = typer.main.get_command(app.app)
PLAN = "python study.py plan --grid grids/open.yaml"
# A command line of each command, of which an error may end it.
LINES = {
    "run": "--grid grids/open.yaml --inventory inventory/ec2",
    "init": "init --image app:1 --env TOKEN=canary-secret",
    "plan": "plan --grid grids/open.yaml",
    "report": "report results/none-0",
    "check": "check results/none-0",
    "compare": "compare results/none-0",
    "gate": "gate --baseline app:1 --candidate app:2 --grid grids/open.yaml",
    "doctor": "doctor",
    "down": "down --inventory inventory/ec2",
    "completion": "completion bash",
}


def kinds(of: type[StudyError] = StudyError) -> Iterator[type[StudyError]]:
    """Yield every class of errors."""
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two studies, the second of which is newer."""
    monkeypatch.chdir(tmp_path)
    for name in ("a-1", "b-2"):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        (folder / "study.json").write_text("{}")
    return tmp_path / "results"


def test_the_command_lines_below_are_those_of_all_commands() -> None:
    assert LINES.keys() == {"run", *PROGRAM.commands}


@pytest.mark.parametrize("command", LINES)
@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_of_every_command_names_a_next_command_that_can_be_run(
    kind: type[StudyError], command: str, results: Path
) -> None:
    """The exception is a machine that `doctor` itself finds not ready: it prints the fixes."""
    line = next_command.after(kind("x"), LINES[command].split(), PROGRAM, results)
    if kind is MachineNotReady and command == "doctor":
        assert line == ""
        return
    assert line.startswith("next: ")
    assert "canary-secret" not in line
    found = re.search(r"python study\.py (.+)", line)
    if found is None:
        assert "the same command" in line
        return
    name, *words = found[1].split()
    assert name in PROGRAM.commands, "a command line of the program"
    PROGRAM.commands[name].make_context(name, words)


@pytest.mark.parametrize(
    ("kind", "line", "expected"),
    [
        (BadInput, LINES["run"], f"fix this, then run: {PLAN} --inventory inventory/ec2"),
        (BadInput, LINES["plan"], f"fix this, then run: {PLAN}"),
        (BadInput, "check nowhere", "python study.py check results/b-2"),
        (BadInput, "check results/a-1", "fix this, then run the same command again"),
        (BadInput, "compare results/a-1", "python study.py compare results/a-1 results/b-2"),
        (BadInput, LINES["down"], "fix this, then run: python study.py plan --inventory inventory/ec2"),
        (MachineNotReady, LINES["run"], "python study.py doctor"),
        (CannotRun, LINES["run"], "fix this, then run the same command again"),
        (Interrupted, LINES["run"], "run the same command to resume"),
    ],
)
def test_the_next_command_follows_from_the_error_and_the_command_line(
    kind: type[StudyError], line: str, expected: str, results: Path
) -> None:
    assert next_command.after(kind("x"), line.split(), PROGRAM, results) == f"next: {expected}"


def test_without_a_study_the_next_command_runs_one(tmp_path: Path) -> None:
    line = next_command.after(BadInput("x"), ["report", "nowhere"], PROGRAM, tmp_path)
    assert line == "next: run a study: python study.py --grid grid.yaml"


def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, list[str]]:
    """Run the program; return its exit code and its lines on standard error."""
    monkeypatch.setattr(sys, "argv", ["study.py", *words])
    with pytest.raises(SystemExit) as raised:
        app.main()
    return raised.value.code, capsys.readouterr().err.splitlines()


def test_the_program_prints_the_next_command_after_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = tmp_path / "bad.yaml"
    grid.write_text("name: [bad\n")
    code, lines = ended(monkeypatch, capsys, "plan", "--grid", str(grid))
    assert code == errors.BadInput.exit_code
    assert all(line.startswith("error: ") for line in lines[:-1])
    assert lines[-1] == f"next: fix this, then run: python study.py plan --grid {grid}"


@pytest.mark.parametrize("words", [["plan", "--no-such-option"], ["nothing"], ["check"], ["gate"]])
def test_a_wrong_command_line_names_its_help(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = ended(monkeypatch, capsys, *words)
    assert code == errors.BadInput.exit_code
    name = f" {words[0]}" if words[0] in PROGRAM.commands else ""
    assert f"{name} --help' for help." in " ".join(lines)

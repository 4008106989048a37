"""Standard streams that are full or closed: the documented code of an input or output problem, never 1 or 120."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import app, gate
from commands.console import Output
from harness import process_environment
from harness.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "SCALE_OUT_ENTERED": "1"}
SCRIPT = [sys.executable, "study.py", "completion", "bash"]  # the fastest command that prints


def code_of(redirections: str, *arguments: str) -> tuple[int, str]:
    """Return exit code and standard error of a command with redirections of a shell."""
    command = ["bash", "-c", f'"$@" {redirections}', "bash", *(arguments or SCRIPT)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is full")  # noqa: PTH110
def test_a_full_standard_output_is_one_message() -> None:
    code, err = code_of(">/dev/full")
    assert code == 4
    assert err.startswith("error: standard output: cannot be written: No space left on device. Fix: ")
    assert len(err.splitlines()) == 1


def test_output_that_nobody_can_read_ends_with_the_code_of_such_a_problem() -> None:
    missing = [*SCRIPT[:2], "plan", "--grid", "no-such.yaml"]
    assert code_of("2>/dev/full", *missing) == (4, ""), "1 would be an objective that is not met"
    assert code_of("2>/dev/full", *SCRIPT[:2], "plan", "--no-such-option")[0] == 4
    assert code_of("| true; exit ${PIPESTATUS[0]}") in ((4, ""), (0, "")), "0 if it was written before the pipe closed"
    assert code_of("2>&1 | true; exit ${PIPESTATUS[0]}", *missing)[0] in (2, 4)


def test_closed_streams_are_replaced_and_never_reused_for_files() -> None:
    assert code_of("<&- >&- 2>&-") == (0, "")
    assert code_of(">&- 2>&-", *SCRIPT[:2], "plan", "--grid", "no-such.yaml") == (2, "")


def test_a_closed_pipe_below_rich_is_an_error_and_no_exit() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Output(file=Closed()).print("text")


def test_a_message_that_cannot_be_written_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Output):
        def print(self, *_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("commands.console.Output", Full)
    monkeypatch.setattr("commands.interrupts.discard", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        app.fail("a bad grid", BadInput.exit_code)
    assert ended.value.code == 4


def test_a_user_without_a_home_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs with any number as its user."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 54321)
    assert process_environment.home() == Path("/nonexistent")


def test_a_gate_replaces_no_device_and_names_each_file_that_it_cannot_write(tmp_path: Path) -> None:
    """Writing renames a new file over the old one, also over /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    long = tmp_path / ("x" * 300)
    with pytest.raises(BadInput) as caught:
        gate.check_files({"--markdown": pipe, "--junit": long})
    assert caught.value.problems == (
        f"--markdown: {pipe}: is a pipe or a device. Allowed: the name of a file",
        f"--junit: {long}: cannot be written: File name too long. Fix: name another file",
    )
    gate.check_files({"--markdown": tmp_path / "new.md", "--junit": None})

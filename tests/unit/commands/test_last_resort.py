"""An unexpected error is one line, exit code 70 and a file. An expected one keeps its message."""

import errno
import logging
import re
import stat
import threading
from pathlib import Path

import pytest

from commands import app, interrupts
from commands.run import log_to
from harness.errors import BadInput, CannotRun


def ended(patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException) -> tuple[object, str]:
    """Return exit code and standard error of a command that raises this error."""

    def command() -> None:
        raise error

    patch.setattr(app, "app", command)
    patch.setattr(threading, "excepthook", threading.excepthook)
    patch.setattr(logging, "raiseExceptions", True)
    with pytest.raises(SystemExit) as exit_:
        app.main()
    return exit_.value.code, capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyError("status"), RecursionError("too deep"), ValueError("a\n\nb" * 400)])
def test_an_unexpected_error_is_one_line_and_its_traceback_in_a_private_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    code, said = ended(monkeypatch, capsys, error)
    assert code == 70
    assert len(said.splitlines()) == 1
    assert said.startswith(f"error: unexpected error: {type(error).__name__}: ")
    found = re.search(r"\(at \S+:\d+\)\. The traceback is in (\S+)\. This is a bug in this program: report it", said)
    assert found, said
    kept = Path(found[1])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "Traceback (most recent call last)" in kept.read_text(encoding="utf-8")
    kept.unlink()


def test_the_traceback_is_in_the_studys_log_when_one_is_open(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = logging.getLogger("harness")
    before = list(log.handlers)
    log_to(tmp_path / "log" / "study.log")
    try:
        code, said = ended(monkeypatch, capsys, KeyError("status"))
    finally:
        for handler in [handler for handler in log.handlers if handler not in before]:
            log.removeHandler(handler)
            handler.close()
    assert code == 70
    assert f"The traceback is in {tmp_path}/log/study.log." in said
    assert "KeyError: 'status'" in (tmp_path / "log" / "study.log").read_text(encoding="utf-8")


def test_a_traceback_that_cannot_be_written_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    code, said = ended(monkeypatch, capsys, KeyError("status"))
    assert code == 70
    assert "The traceback could not be written to a file." in said


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (BadInput("grid.yaml:3: no"), 2, "error: grid.yaml:3: no\n"),
        (CannotRun("no engine"), 4, "error: no engine\n"),
        (SystemExit(3), 3, ""),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded", "results/x/log/study.log"),
            4,
            "error: results/x/log/study.log: cannot be written: Disk quota exceeded. Fix: free space",
        ),
    ],
)
def test_an_expected_error_keeps_its_message_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, told: str
) -> None:
    monkeypatch.setattr(interrupts, "discard", lambda _: None)  # it would close pytest's output
    found, said = ended(monkeypatch, capsys, error)
    assert found == code
    assert said.startswith(told)


def test_ctrl_c_is_not_an_unexpected_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def command() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", command)
    with pytest.raises(KeyboardInterrupt):
        app.main()

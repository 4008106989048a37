"""The live view of a study on a real terminal: a resize, Ctrl-C twice, and a closed pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import time
from commands.console import Console
from commands.interrupts import Interrupts
from harness.study.events import Message, SampleTaken, StudyStarted, TrialStarted
from tests.builders import samples

console = Console()
interrupts = Interrupts(console.on_interrupt)
console(StudyStarted(name="a study", directory="results/x", planned=2, remaining=2, estimate_s=90.0))
console(TrialStarted(trial="servers-1_vusers-100/r1", position=1, planned=2, duration_s=18.0, window_from_s=7.0))
while True:
    console(SampleTaken(samples(280, 1000)[0]))
    console(Message("a line that stays"))
    time.sleep(0.2)
"""
SHOWS_CURSOR, CLEARS = b"\x1b[?25h", b"\x1b[2J"


class Terminal:
    """The program on a terminal of 80 columns and 24 lines."""

    def __init__(self, **environment: str) -> None:
        self.end, theirs = pty.openpty()
        self.resize(80, 24)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", **environment}, preexec_fn=self._own_session,
        )  # fmt: skip
        os.close(theirs)
        self.written = b""

    @staticmethod
    def _own_session() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C reaches the program
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, text: bytes) -> bytes:
        """Read until this text; return everything since the last call, with this text and without what follows it."""
        deadline = time.monotonic() + 60
        while text not in self.written:
            assert time.monotonic() < deadline, self.written.decode(errors="replace")
            if select.select([self.end], [], [], 1)[0]:
                self.written += os.read(self.end, 65536)
        before, _, self.written = self.written.partition(text)
        return before + text

    def press_ctrl_c(self) -> None:
        os.write(self.end, b"\x03")

    def exit_code(self) -> int:
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + 60
        with contextlib.suppress(OSError):  # the other end is closed
            while time.monotonic() < deadline:
                if select.select([self.end], [], [], 1)[0]:
                    self.written += os.read(self.end, 65536)
        return self.process.wait(timeout=1)


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """Return a terminal with the parameter's environment variables."""
    found = Terminal(COLUMNS="", LINES="", **getattr(request, "param", {}))
    yield found
    found.process.kill()
    found.process.wait()
    os.close(found.end)


def test_a_resized_terminal_is_drawn_again_and_ctrl_c_twice_shows_the_cursor_again(terminal: Terminal) -> None:
    terminal.until(b"req/s")
    terminal.resize(50, 12)
    terminal.until(CLEARS)
    terminal.until(b"a line that stays")
    terminal.press_ctrl_c()
    terminal.until(b"ending the running trial")
    terminal.press_ctrl_c()
    assert terminal.exit_code() == 130
    assert SHOWS_CURSOR in terminal.written


@pytest.mark.parametrize("terminal", [{"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": "1"}], indirect=True)
def test_a_terminal_without_control_sequences_gets_lines(terminal: Terminal) -> None:
    found = terminal.until(b"a line that stays")
    terminal.press_ctrl_c()
    found += terminal.until(b"ending the running trial")
    terminal.press_ctrl_c()
    assert terminal.exit_code() == 130
    assert b"\x1b" not in found + terminal.written


def test_a_closed_pipe_ends_the_study_orderly() -> None:
    program = PROGRAM.replace("while True", "while not interrupts.requested") + "raise SystemExit(130)"
    command = f"{sys.executable} -c '{program}' | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "a study: 2 trials to measure, about 1 min 30 s\n"
    assert done.returncode == 130
    assert "Traceback" not in done.stderr

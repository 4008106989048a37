"""A study ends orderly when its terminal, SSH session or pipe is closed, and continues under nohup."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The part of a study that uses the terminal: it prints until a signal arrives, continues to print, and records its
# result.
PROGRAM = """
import logging, sys, time
from pathlib import Path
from commands.console import Console
from commands.interrupts import Interrupts

folder = Path(sys.argv[1])
logging.basicConfig(filename=folder / "log")
console = Console()
interrupts = Interrupts()
(folder / "ready").touch()
while not interrupts.requested:
    console.print("a second of a trial")
    time.sleep(0.05)
(folder / "interrupted").touch()
while not (folder / "go-on").exists():  # more signals may arrive now
    console.print("the end of the trial")
    time.sleep(0.05)
console.warn("the report is rendered")
(folder / "recorded").touch()
raise SystemExit(130)
"""


class Started:
    """The program with a terminal, a pipe or a file as its output."""

    def __init__(self, folder: Path, out: int, hangups_ignored: bool = False) -> None:
        self.folder = folder

        def prepare() -> None:
            # The tests themselves may run under nohup.
            signal.signal(signal.SIGHUP, signal.SIG_IGN if hangups_ignored else signal.SIG_DFL)

        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            stdin=out, stdout=out, stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT, preexec_fn=prepare,
        )  # fmt: skip
        self.until("ready")

    def until(self, file: str) -> None:
        while not (self.folder / file).exists():
            assert self.process.poll() is None, self.process.communicate()[1].decode()
            time.sleep(0.05)

    def ends_orderly(self) -> None:
        self.until("interrupted")
        (self.folder / "go-on").touch()
        complaints = self.process.communicate()[1].decode()
        assert self.process.returncode == 130, complaints
        assert (self.folder / "recorded").exists()
        assert "Traceback" not in complaints


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start the program with an output file descriptor."""
    started: list[Started] = []

    def begin(out: int, **more: bool) -> Started:
        started.append(Started(tmp_path, out, **more))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ends = pty.openpty()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_closing_the_terminal_ends_the_study_orderly(
    start: Callable[..., Started], terminal: tuple[int, int], tmp_path: Path
) -> None:
    study = start(terminal[1])
    assert select.select([terminal[0]], [], [], 60)[0]  # it prints there
    for end in terminal:
        os.close(end)
    study.ends_orderly()
    assert "the terminal was closed" in (tmp_path / "log").read_text()


def test_closing_the_pipe_ends_the_study_orderly(start: Callable[..., Started]) -> None:
    read, write = os.pipe()
    study = start(write)
    os.close(write)
    os.close(read)
    study.ends_orderly()


def test_sighup_never_counts_as_the_second_signal(start: Callable[..., Started], terminal: tuple[int, int]) -> None:
    """The kernel sends SIGHUP, the shell repeats it, and a session manager sends SIGTERM first."""
    study = start(terminal[1])
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGHUP):
        study.process.send_signal(number)
        study.until("interrupted")
    study.ends_orderly()


def test_ctrl_c_twice_ends_at_once(start: Callable[..., Started], terminal: tuple[int, int], tmp_path: Path) -> None:
    study = start(terminal[1])
    study.process.send_signal(signal.SIGINT)
    study.until("interrupted")
    study.process.send_signal(signal.SIGINT)
    study.process.communicate()
    assert study.process.returncode == 130
    assert not (tmp_path / "recorded").exists()


def test_under_nohup_a_study_continues(start: Callable[..., Started], tmp_path: Path) -> None:
    with (tmp_path / "nohup.out").open("wb") as out:
        study = start(out.fileno(), hangups_ignored=True)
    study.process.send_signal(signal.SIGHUP)
    written = (tmp_path / "nohup.out").stat().st_size
    while (tmp_path / "nohup.out").stat().st_size < written + 200:  # it continues after the signal
        assert study.process.poll() is None
        time.sleep(0.01)
    assert not (tmp_path / "interrupted").exists()
    study.process.send_signal(signal.SIGTERM)
    study.ends_orderly()

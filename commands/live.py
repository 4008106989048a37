"""The study's page while the study runs.

`python -m commands.live DIR` is a process that stays: it renders the page once, and beside it the page's data
whenever it reads a byte. It yields to all others and is held while a topology is switched and, where it shares
the machine with what is measured, while a steady window lasts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.study.events import Event, SecondSeen, StudyStarted, TrialEnded, TrialStarted
from report.output import live_data

if TYPE_CHECKING:
    from commands.console import Console
    from harness.study.config import Setting

ROOT = Path(__file__).resolve().parent.parent
AHEAD_S = 2.0  # before a window: a second is told a second late


def yield_to_all() -> None:
    """Have the lowest priority, and end with the study, also when that is killed while this one is held."""
    os.nice(19)
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


class Live:
    """Tells the console, and has the page take in every trial without touching what is measured.

    What a trial brought is written while the next one's users start: from its load's start to the steady window
    there is nothing that a lower priority could disturb.
    """

    def __init__(self, setting: Setting, console: Console) -> None:
        self._directory = setting.directory.path.resolve()
        self._console = console
        self._shares_machine = setting.inventory.kind != "hosts"
        self._until_s = 0.0
        self._writer: subprocess.Popen[bytes] | None = None
        self._news = self._held = False

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.kill()  # what comes now renders everything
            self._writer.communicate()
            live_data.end(self._directory)

    def __call__(self, event: Event) -> None:
        self._console(event)
        if isinstance(event, StudyStarted):
            self._writer = self._start()
        elif isinstance(event, TrialStarted):
            self._until_s = (event.window_from_s if self._shares_machine else event.duration_s) - AHEAD_S
            self._hold(False)
            self._tell()
        elif isinstance(event, SecondSeen) and event.sample.t_s >= self._until_s:
            self._hold(True)
        elif isinstance(event, TrialEnded):
            self._hold(True)  # also where a trial ended before its window
            self._news = True

    def _hold(self, held: bool) -> None:
        if self._writer is not None and held != self._held:
            self._held = held
            with contextlib.suppress(ProcessLookupError):  # it ended this moment
                self._writer.send_signal(signal.SIGSTOP if held else signal.SIGCONT)

    def _tell(self) -> None:
        if self._news and self._writer is not None and self._writer.stdin is not None:
            with contextlib.suppress(OSError):  # without a page a study goes on
                self._writer.stdin.write(b".")
                self._writer.stdin.flush()
            self._news = False

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "commands.live", str(self._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the study's
            cwd=ROOT,
        )


def main() -> None:
    """Render the page of the directory that is named, then its data as often as there is news, until the study ends."""
    yield_to_all()
    from harness.records.directory import StudyDirectory
    from report.live import Writer

    writer = Writer(StudyDirectory(Path(sys.argv[1])))
    writer.begin()
    while told := os.read(0, 4096):
        writer.trials_recorded(len(told))


if __name__ == "__main__":
    main()

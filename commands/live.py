"""Update the HTML report while the study runs.

`python -m commands.live DIR LANGUAGE` renders the page once, and the page's data whenever it reads a byte. Its process
has the lowest priority. It is stopped during a switch of the topology and, on a machine that also runs measured hosts,
during a steady window.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.study.events import Event, SampleTaken, StudyStarted, TrialEnded, TrialStarted
from report.output import live_data

if TYPE_CHECKING:
    from commands.console import Console
    from harness.study.config import StudyConfig

ROOT = Path(__file__).resolve().parent.parent
MARGIN_S = 2.0  # before a window: samples arrive one second late


def lower_priority() -> None:
    """Take the lowest priority, and end with the study even when it is killed while this process is stopped."""
    os.nice(19)
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


class Live:
    """Listener that passes events to the console and updates the page without disturbing a measurement.

    The data of a trial are written while the next load ramps up: before a steady window a process with low priority
    disturbs nothing.
    """

    def __init__(self, config: StudyConfig, console: Console, language: str = "en") -> None:
        self._directory = config.directory.path.resolve()
        self._console = console
        self._language = str(language)
        self._shares_machine = config.inventory.kind != "hosts"
        self._until_s = 0.0
        self._writer: subprocess.Popen[bytes] | None = None
        self._has_news = self._stopped = False

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.kill()  # the final report is rendered next
            self._writer.communicate()
            live_data.end(self._directory)

    def __call__(self, event: Event) -> None:
        self._console(event)
        if isinstance(event, StudyStarted):
            self._writer = self._start()
        elif isinstance(event, TrialStarted):
            self._until_s = (event.window_from_s if self._shares_machine else event.duration_s) - MARGIN_S
            self._stop(False)
            self._request_update()
        elif isinstance(event, SampleTaken) and event.sample.t_s >= self._until_s:
            self._stop(True)
        elif isinstance(event, TrialEnded):
            self._stop(True)  # the trial may have ended before its window
            self._has_news = True

    def _stop(self, stopped: bool) -> None:
        if self._writer is not None and stopped != self._stopped:
            self._stopped = stopped
            with contextlib.suppress(ProcessLookupError):  # the process has just ended
                self._writer.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)

    def _request_update(self) -> None:
        if self._has_news and self._writer is not None and self._writer.stdin is not None:
            with contextlib.suppress(OSError):  # a study continues without its page
                self._writer.stdin.write(b".")
                self._writer.stdin.flush()
            self._has_news = False

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "commands.live", str(self._directory), self._language],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C only signals the study
            cwd=ROOT,
        )


def main() -> None:
    """Render the page of a study's directory, then update its data on request until the study ends."""
    lower_priority()
    from harness.records.directory import StudyDirectory
    from report.live import Writer

    writer = Writer(StudyDirectory(Path(sys.argv[1])), language=sys.argv[2])
    writer.begin()
    while requests := os.read(0, 4096):
        writer.trials_recorded(len(requests))


if __name__ == "__main__":
    main()

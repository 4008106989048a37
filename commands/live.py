"""The study's page while the study runs.

`python -m commands.live DIR` renders it once, beside the load: with no more loaded than that takes, at the
lowest priority.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.events import Event, SecondSeen, TrialEnded

if TYPE_CHECKING:
    from harness.console import Console
    from harness.setting import Setting

ROOT = Path(__file__).resolve().parent.parent


def yield_to_all() -> None:
    """Have the lowest priority, and end with the study, also when that is killed while this one rests."""
    os.nice(19)
    if sys.platform == "linux":
        import ctypes

        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


class Live:
    """Tells the console, and has the page rendered again after every trial without touching what is measured.

    A process that yields to all others renders; where it shares the machine with what is measured it
    rests while a steady window lasts.
    """

    def __init__(self, setting: Setting, console: Console) -> None:
        self._command = [sys.executable, "-m", "commands.live", str(setting.directory.path.resolve())]
        self._console = console
        self._shares_machine = setting.inventory.kind != "hosts"
        self._rests_from_s = setting.grid.load.window_from_s - 2  # a second is told a second late
        self._rendering: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rendering is not None:
            self._rendering.kill()  # what comes now renders everything
            self._rendering.wait()

    def __call__(self, event: Event) -> None:
        self._console(event)
        if isinstance(event, TrialEnded):
            self._signal(signal.SIGCONT)
            if not self._busy:
                self._rendering = self._start()
        elif isinstance(event, SecondSeen) and self._shares_machine and event.sample.t_s >= self._rests_from_s:
            self._signal(signal.SIGSTOP)

    @property
    def _busy(self) -> bool:
        return self._rendering is not None and self._rendering.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self._rendering is not None and self._busy:
            with contextlib.suppress(ProcessLookupError):  # it ended this moment
                os.killpg(self._rendering.pid, number)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the study's
            cwd=ROOT,
        )


def main() -> None:
    """Render the page of the directory that is named."""
    yield_to_all()
    from harness.results import StudyDirectory
    from report import build

    build.write(StudyDirectory(Path(sys.argv[1])), {"html"})


if __name__ == "__main__":
    main()

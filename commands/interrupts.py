"""End a study in an orderly way: on Ctrl-C, SIGTERM, or when the terminal, SSH session or pipe closes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from harness.errors import Interrupted

log = logging.getLogger(__name__)


class Interrupts:
    """Handlers of signals. The first signal ends the running trial and the study, a second one ends the process.

    A closed terminal sends SIGHUP more than once, and some systems send SIGTERM too. Only SIGINT and SIGTERM count as
    a second signal. A process started with SIGHUP ignored, e.g. by nohup, keeps ignoring it.
    """

    def __init__(self, is_shown: Callable[[int], bool] = lambda _count: False) -> None:
        """`is_shown` receives the number of signals so far, and returns whether the user sees the effect elsewhere."""
        self.requested = False
        self._is_shown = is_shown
        self._signals = 0  # SIGINT and SIGTERM so far
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_hangup)
        # Writing may fail before the signal arrives, and a closed pipe sends no signal.
        sys.stdout = cast(TextIO, Guarded(sys.stdout, self._on_closed))
        sys.stderr = cast(TextIO, Guarded(sys.stderr, self._on_closed))

    def _on_signal(self, *_: object) -> None:
        self._signals += 1
        is_shown = False
        with contextlib.suppress(OSError, ValueError):  # a closed terminal
            is_shown = self._is_shown(self._signals)
        if self._signals > 1:
            os._exit(Interrupted.exit_code)
        self.requested = True
        if is_shown:
            return
        with contextlib.suppress(OSError):
            # Not printed by the console: the signal may arrive while the console is imported or prints.
            os.write(2, b"\nnote: ending the running trial; press Ctrl-C again to exit immediately\n")

    def _on_hangup(self, *_: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream.isatty():
                discard(stream)
        self._on_closed()

    def _on_closed(self) -> None:
        if not self.requested:
            self.requested = True
            log.warning("the terminal was closed; ending the running trial")


class Guarded:
    """Stream that discards all output after a failed write, instead of raising OSError."""

    def __init__(self, stream: TextIO, on_closed: Callable[[], None]) -> None:
        self._stream = stream
        self._on_closed = on_closed

    def write(self, text: str) -> int:
        """Write a text; return its length in any case."""
        try:
            return self._stream.write(text)
        except OSError:
            self._close()
            return len(text)

    def flush(self) -> None:
        """Write the buffer."""
        try:
            self._stream.flush()
        except OSError:
            self._close()

    def _close(self) -> None:
        discard(self._stream)
        self._on_closed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def discard(stream: TextIO) -> None:
    """Redirect a stream and its buffer to /dev/null."""
    with contextlib.suppress(OSError, ValueError):  # closed, or without a file descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)

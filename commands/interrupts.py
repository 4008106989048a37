"""What ends a study orderly: Ctrl-C, SIGTERM, and a terminal, an SSH session or a pipe that was closed."""

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
    """The first signal ends the running trial and the study, a second SIGINT or SIGTERM ends the process.

    A closed terminal sends SIGHUP more than once, and some systems send SIGTERM with it: SIGHUP never counts as the
    second. A process that was started with SIGHUP ignored, as by nohup, goes on ignoring it.
    """

    def __init__(self) -> None:
        self.asked = False
        self._insisted = 0  # SIGINT and SIGTERM so far
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_hangup)
        # Writing may fail some time before the signal is there, and a closed pipe sends none.
        sys.stdout = cast(TextIO, Guarded(sys.stdout, self._on_closed))
        sys.stderr = cast(TextIO, Guarded(sys.stderr, self._on_closed))

    def _on_signal(self, *_: object) -> None:
        self._insisted += 1
        if self._insisted > 1:
            os._exit(Interrupted.exit_code)
        self.asked = True
        with contextlib.suppress(OSError):
            # Not by the console: a signal may come while that is being imported, or prints.
            os.write(2, b"\nnote: ending the running trial; press Ctrl-C again to stop at once\n")

    def _on_hangup(self, *_: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream.isatty():
                discard(stream)
        self._on_closed()

    def _on_closed(self) -> None:
        if not self.asked:
            self.asked = True
            log.warning("the terminal was closed; ending the running trial")


class Guarded:
    """A stream that discards everything once a write failed, instead of raising OSError."""

    def __init__(self, stream: TextIO, on_closed: Callable[[], None]) -> None:
        self._stream = stream
        self._on_closed = on_closed

    def write(self, text: str) -> int:
        """Write a text; returns its length in any case."""
        try:
            return self._stream.write(text)
        except OSError:
            self._close()
            return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
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
    """Have a stream write to /dev/null, also what it has buffered, which nobody can read any more."""
    with contextlib.suppress(OSError, ValueError):  # it is closed, or no file at all
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)

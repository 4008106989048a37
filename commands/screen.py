"""Show a running study at the bottom of a terminal, below the lines that stay."""

from __future__ import annotations

import os
import threading
from collections import deque

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from commands.running_study import RunningStudy
from commands.study_view import view
from harness.study.events import Event

REFRESH_S = 0.5
KEPT = 200  # lines that are printed again after a change of the terminal's size
ENDING = "ending the running trial; press Ctrl-C again to exit immediately"
SHOW_CURSOR = b"\x1b[?25h\n"


class Screen:
    """Live view of a study. Lines that are printed stay above it; after a resize the screen is drawn again."""

    def __init__(self, console: RichConsole, study: RunningStudy) -> None:
        self._console = console
        self._study = study
        self._lock = threading.RLock()  # of the study's state and of the terminal
        self._lines: deque[Text] = deque(maxlen=KEPT)
        self._size = console.size
        self._is_ending = False
        self._stopped = threading.Event()
        self._live: Live | None = None

    def start(self) -> None:
        """Show the study, and refresh it twice a second."""
        self._live = self._started()
        threading.Thread(target=self._keep_fresh, name="screen", daemon=True).start()

    def follow(self, event: Event) -> None:
        """Update the study by one event; the view follows at its next refresh."""
        with self._lock:
            self._study.follow(event)

    def print(self, line: Text) -> None:
        """Print a line above the view."""
        with self._lock:
            self._lines.append(line)
            print_line(self._console, line)

    def on_interrupt(self, count: int) -> None:
        """Note Ctrl-C in the view, without a lock or output, as a signal handler calls this; `count` is from 1.

        The second one ends the process, so the cursor is shown again.
        """
        self._is_ending = True
        if count > 1:
            os.write(self._console.file.fileno(), SHOW_CURSOR)

    def stop(self) -> None:
        """Leave the last state of the table on the terminal."""
        self._stopped.set()
        with self._lock:
            if self._live is not None:
                self._is_ending = False
                self._study.end()
                self._live.stop()
                self._live = None

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> RenderResult:
        note = ENDING if self._is_ending else ""
        yield view(self._study, options.max_width, options.size.height, note)

    def _started(self) -> Live:
        live = Live(
            self,
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        live.start(refresh=True)
        return live

    def refresh(self) -> None:
        """Draw the view, after a change of the terminal's size together with the last lines."""
        with self._lock:
            if self._live is not None and self._console.size != self._size:
                self._draw_again()
            if self._live is not None:
                self._live.refresh()

    def _keep_fresh(self) -> None:
        while not self._stopped.wait(REFRESH_S):
            self.refresh()

    def _draw_again(self) -> None:
        """Clear the screen, on which a change of the width has wrapped lines of the view, and print the last lines."""
        if self._live is not None:
            self._live.stop()
        self._size = self._console.size
        self._console.clear()
        view_lines = len(self._console.render_lines(self, pad=False))
        rows = self._size.height - view_lines - 1
        for line in fitting(self._console, self._lines, rows):
            print_line(self._console, line)
        self._live = self._started()


def print_line(console: RichConsole, line: Text) -> None:
    """Print a line, on a terminal broken between words, unless a word such as a path is longer than its width."""
    longest = max((cell_len(word) for word in line.plain.split()), default=0)
    console.print(line, soft_wrap=not console.is_terminal or longest > console.width)


def fitting(console: RichConsole, lines: deque[Text], rows: int) -> list[Text]:
    """Return the last lines that fit into a number of rows of a terminal."""
    found: list[Text] = []
    for line in reversed(lines):
        rows -= len(line.wrap(console, console.width))
        if rows < 0:
            break
        found.insert(0, line)
    return found

"""What happens when something fails that nobody expected: one line on the screen, the traceback in a file."""

from __future__ import annotations

import logging
import tempfile
import threading
import traceback
from pathlib import Path
from types import TracebackType

LONGEST = 300  # letters of an exception's own text


def report(error: BaseException) -> str:
    """Write the traceback to a file; the one line that a person reads."""
    text = " ".join(str(error).split())
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    at = _place(error.__traceback__)
    said = f"{type(error).__name__}: {shown}" if shown else type(error).__name__
    kept = _keep(error)
    where = f"The traceback is in {kept}" if kept else "The traceback could not be written to a file"
    return f"unexpected error: {said} (at {at}). {where}. This is a bug in this program: report it with that file."


def log_threads() -> None:
    """Have threads that fail write their traceback to the study's log instead of the screen."""
    log = logging.getLogger("harness")

    def on_error(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and failed.exc_type is not SystemExit:
            name = failed.thread.name if failed.thread else "a thread"
            log.error("%s ended by an unexpected error", name, exc_info=failed.exc_value)

    threading.excepthook = on_error
    logging.raiseExceptions = False  # a log on a full disk must not print either


def _place(trace: TracebackType | None) -> str:
    """File and line of our own code where it happened; of any code where ours is not part of it."""
    root = Path(__file__).resolve().parent.parent
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(root) and ".venv" not in frame.filename]
    if not frames:
        return "an unknown place"
    last = (ours or frames)[-1]
    file = Path(last.filename)
    return f"{file.relative_to(root) if ours else file}:{last.lineno}"


def _keep(error: BaseException) -> str:
    """The file that has the traceback: the study's log where one is open, else a private file; empty without any."""
    text = "".join(traceback.format_exception(error))
    for handler in logging.getLogger("harness").handlers:
        if isinstance(handler, logging.FileHandler) and handler.stream is not None:
            try:
                handler.stream.write(text)
                handler.flush()
            except (OSError, ValueError):
                continue
            return handler.baseFilename
    try:
        descriptor, name = tempfile.mkstemp(prefix="scale-out-error-", suffix=".log")  # mode 0600
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
    except OSError:
        return ""
    return name

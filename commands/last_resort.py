"""Report an unexpected error: one line on the screen, and the traceback in a file."""

from __future__ import annotations

import logging
import tempfile
import threading
import traceback
from pathlib import Path
from types import TracebackType

MAX_LENGTH = 300  # characters of an exception's text


def report(error: BaseException) -> str:
    """Write the traceback to a file; return one line for the user."""
    text = " ".join(str(error).split())
    shown = text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"
    at = _place(error.__traceback__)
    name = f"{type(error).__name__}: {shown}" if shown else type(error).__name__
    file = _write_traceback(error)
    where = f"The traceback is in {file}" if file else "The traceback could not be written to a file"
    return f"unexpected error: {name} (at {at}). {where}. This is a bug in this program: report it with that file."


def log_threads() -> None:
    """Write the traceback of a failed thread to the study's log instead of the screen."""
    log = logging.getLogger("harness")

    def on_error(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and failed.exc_type is not SystemExit:
            name = failed.thread.name if failed.thread else "a thread"
            log.error("%s ended with an unexpected error", name, exc_info=failed.exc_value)

    threading.excepthook = on_error
    logging.raiseExceptions = False  # the log must not print to the screen when its disk is full


def _place(trace: TracebackType | None) -> str:
    """Return file and line of the error: in this program's code if any of it is in the traceback."""
    root = Path(__file__).resolve().parent.parent
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(root) and ".venv" not in frame.filename]
    if not frames:
        return "an unknown place"
    last = (ours or frames)[-1]
    file = Path(last.filename)
    return f"{file.relative_to(root) if ours else file}:{last.lineno}"


def _write_traceback(error: BaseException) -> str:
    """Write the traceback to the study's log, or to a private file without a log; return the file, or an empty text."""
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

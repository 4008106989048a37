"""Places in your Locust script: the file and line that a message names. No Locust here."""

from __future__ import annotations

import os
import traceback
from types import FrameType, TracebackType
from typing import Any

import script_secrets

folder = "/opt/script"  # of the script; set when it is imported


class ScriptFailed(Exception):
    """The script cannot be used; `problem` has `error`, and `file` and `line` if they are known."""

    def __init__(self, error: str, **place: Any) -> None:
        super().__init__(error)
        self.problem = {"file": "", "line": 0, **place, "error": error}


def _own(filename: str) -> str:
    """The path of a file relative to the script's folder; empty for another file."""
    if not filename.startswith("/"):  # <frozen runpy>, or a file of gevent: not relative to this process's folder
        return ""
    path = os.path.realpath(filename)
    return os.path.relpath(path, folder) if path.startswith(os.path.realpath(folder) + os.sep) else ""


def problem_of(failure: BaseException) -> dict[str, Any]:
    """Last line of a failure's traceback, with file and line of the script's frame that is nearest to it."""
    error = script_secrets.without(traceback.format_exception_only(failure)[-1].strip())
    if isinstance(failure, SyntaxError) and failure.filename:
        return {"file": _own(failure.filename), "line": failure.lineno or 0, "error": error}
    at: BaseException | None = failure
    while at is not None:  # the script may have raised the cause only
        if (place := _place_in(at.__traceback__))["file"]:
            return {**place, "error": error}
        at = at.__cause__
    return {"file": "", "line": 0, "error": error}


def _place_in(trace: TracebackType | None) -> dict[str, Any]:
    place = {"file": "", "line": 0}
    while trace is not None:
        if own := _own(trace.tb_frame.f_code.co_filename):
            place = {"file": own, "line": trace.tb_lineno}
        trace = trace.tb_next
    return place


def place_of(frame: FrameType | None, spawned: Any = None) -> dict[str, Any]:
    """File and line of the script's innermost frame, of a greenlet's spawning if it has none of its own."""
    for start in (frame, spawned):
        at = start
        while at is not None:
            if own := _own(at.f_code.co_filename):
                return {"file": own, "line": at.f_lineno}
            at = at.f_back
    return {"file": "", "line": 0}

"""Name the changed files of a study where they make a command fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.errors import BadInput

if TYPE_CHECKING:
    from harness.records.directory import StudyDirectory


@contextlib.contextmanager
def named(*studies: StudyDirectory) -> Iterator[None]:
    """Replace an unexpected error by BadInput if a trial's files differ from the recorded files.

    Values of the right type can contradict each other in more ways than a reader can check. On unchanged files such an
    error is a bug and keeps its traceback.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        wrong = []
        for study in studies:
            with contextlib.suppress(BadInput):  # the error remains unexplained
                wrong += [study.trial_file(where) for where in study.changed()]
        if not wrong:
            raise
        raise BadInput(
            *(
                f"{file}:1: the files of this trial have changed since they were recorded, and cannot be evaluated "
                f"({type(error).__name__}). Fix: restore {file.parent} from a copy, or move it away; the study then "
                "measures this trial again."
                for file in wrong
            )
        ) from error

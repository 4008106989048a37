"""Errors and their exit codes.

StudyError                    expected: printed as one message, never as a traceback
├── BadInput           (2)    an unusable grid, inventory or option
├── CannotRun          (4)    something is missing on this machine, or another study holds a lock
├── TrialFailed               one trial failed; the study records that and continues
│   ├── DeployFailed          a playbook failed on a host
│   └── LoadGeneratorFailed   the load generator failed
└── Interrupted      (130)    the user pressed Ctrl-C

Other exit codes: 0 success, 1 an objective is not met (or `check` found a difference, or `gate` a regression), 3
finished with failed cells (or `gate` is undecided), 70 an unexpected error: one line, and the traceback in a file
(EX_SOFTWARE of sysexits.h).
"""

from __future__ import annotations

from harness import secrecy

EXIT_OBJECTIVE_MISSED = 1
EXIT_FAILED_CELLS = 3
EXIT_UNEXPECTED = 70


class StudyError(Exception):
    """An expected failure. Its message has the place, the problem, what is allowed and a fix."""

    exit_code = 4

    def __str__(self) -> str:
        """The message without the study's secrets, which may be in the output of other programs."""
        return secrecy.scrub(super().__str__())


class BadInput(StudyError):
    """Unusable input; `problems` are messages of one line."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class CannotRun(StudyError):
    """The study cannot start on this machine at this time."""


class TrialFailed(StudyError):
    """One trial failed."""


class DeployFailed(TrialFailed):
    """A playbook failed; the message names the host, the task and the original message."""


class LoadGeneratorFailed(TrialFailed):
    """The load generator failed."""


class Interrupted(StudyError):
    """The user interrupted the study."""

    exit_code = 130

"""Errors and their exit codes.

StudyError                    expected: printed as one message, never as a traceback
├── BadInput           (2)    an unusable grid, inventory or option
├── CannotRun          (4)    the study cannot start at this time, for example as another one holds a lock; also the
│                             code of a command whose output is full or closed
│   └── MachineNotReady       something is missing on this machine
├── TrialFailed               one trial failed; the study records that and continues
│   ├── DeployFailed          a playbook failed on a host
│   └── LoadGeneratorFailed   the load generator failed
└── Interrupted      (130)    the user pressed Ctrl-C

Other exit codes: 0 success, 1 an objective is not met (or `check` found a difference, or `gate` a regression), 3
finished with failed cells (or `gate` is undecided), 70 an unexpected error: one line, and the traceback in a file
(EX_SOFTWARE of sysexits.h).
"""

from __future__ import annotations

from enum import Enum, auto

from harness import secrecy

EXIT_OBJECTIVE_MISSED = 1
EXIT_FAILED_CELLS = 3
EXIT_UNEXPECTED = 70


class NextStep(Enum):
    """What a user does once an error is repaired; `commands/next_command.py` names the command."""

    VERIFY = auto()  # verify the input without contacting a host
    DOCTOR = auto()  # check this machine
    REPEAT = auto()  # run the same command again
    RESUME = auto()  # the same, with nothing to repair


class StudyError(Exception):
    """An expected failure. Its message has the place, the problem, what is allowed and a fix."""

    exit_code = 4
    next_step = NextStep.REPEAT

    def __str__(self) -> str:
        """The message without the study's secrets, which may be in the output of other programs."""
        return secrecy.scrub(super().__str__())


class BadInput(StudyError):
    """Unusable input; `problems` are messages of one line."""

    exit_code = 2
    next_step = NextStep.VERIFY

    def __init__(self, *problems: str) -> None:
        self.problems = tuple(problem.replace("\n", "\\u{A}") for problem in problems)  # as of a path with a line break
        super().__init__("\n".join(self.problems))


class CannotRun(StudyError):
    """The study cannot start on this machine at this time."""


class MachineNotReady(CannotRun):
    """Something is missing on this machine, which `study.py doctor` finds."""

    next_step = NextStep.DOCTOR


class TrialFailed(StudyError):
    """One trial failed."""


class DeployFailed(TrialFailed):
    """A playbook failed; the message names the host, the task and the original message."""


class LoadGeneratorFailed(TrialFailed):
    """The load generator failed."""


class Interrupted(StudyError):
    """The user interrupted the study."""

    exit_code = 130
    next_step = NextStep.RESUME

"""What can go wrong, by meaning.

StudyError                  expected: becomes one message and an exit code, never a traceback
├── BadInput         (2)    a grid, an inventory or an option that cannot be used
├── CannotRun        (4)    this machine lacks something, or another study holds the lock
└── TrialFailed             one trial could not be carried out; the study notes it and goes on
    ├── DeployFailed        a playbook failed on some host
    └── LoadGeneratorFailed        the traffic engine did not do what it was asked
Interrupted        (130)    the user pressed Ctrl-C

Other exit codes: 0 all went well, 1 an objective is not met (or `check` found a difference), 3 finished with failed
cells, 70 an unexpected error: one line, and the traceback in a file (EX_SOFTWARE of sysexits.h).
"""

from __future__ import annotations

from harness import secrecy

EXIT_OBJECTIVE_MISSED = 1
EXIT_FAILED_CELLS = 3
EXIT_UNEXPECTED = 70


class StudyError(Exception):
    """An expected failure. Its text says what is wrong, where, what is allowed and what to do."""

    exit_code = 4

    def __str__(self) -> str:
        """The text without the study's secrets, which programs of others may have put into theirs."""
        return secrecy.scrub(super().__str__())


class BadInput(StudyError):
    """Input that cannot be used; `problems` holds one line each."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class CannotRun(StudyError):
    """The study cannot start here and now."""


class TrialFailed(StudyError):
    """One trial could not be carried out."""


class DeployFailed(TrialFailed):
    """A playbook failed; the text names host, task and the host's own words."""


class LoadGeneratorFailed(TrialFailed):
    """The traffic engine did not do what it was asked."""


class Interrupted(StudyError):
    """The user asked to stop."""

    exit_code = 130

"""Events of a running study, for the console, the live page and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness import secrecy
from harness.records.findings import Finding
from harness.records.series import Sample
from harness.records.trial import TrialRecord


class ScrubbedText:
    """Base of events with a text: it may come from another program, so all known secrets are removed from it."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", secrecy.scrub(self.text))


@dataclass(frozen=True, kw_only=True)
class StudyStarted:
    """A study starts or resumes; `remaining` of `planned` trials are still to be measured."""

    name: str
    directory: str
    planned: int
    remaining: int
    estimate_s: float


@dataclass(frozen=True)
class Step(ScrubbedText):
    """A step other than a trial: it starts, or (with its duration in `seconds`) it has ended."""

    text: str
    seconds: float | None = None


@dataclass(frozen=True)
class StepProgress(ScrubbedText):
    """The current activity within a long step."""

    text: str


@dataclass(frozen=True, kw_only=True)
class TrialStarted:
    """A load starts. `position` counts from 1 over the whole plan; the steady window starts at `window_from_s`."""

    trial: str
    position: int
    planned: int
    duration_s: float
    window_from_s: float


@dataclass(frozen=True)
class SampleTaken:
    """One second of the running trial."""

    sample: Sample


@dataclass(frozen=True)
class TrialEnded:
    """A trial is recorded. `remaining_s` estimates the rest of the study."""

    trial: str
    record: TrialRecord
    findings: tuple[Finding, ...]
    remaining_s: float


@dataclass(frozen=True)
class Message(ScrubbedText):
    """A message for the user."""

    text: str
    warning: bool = False


Event = StudyStarted | Step | StepProgress | TrialStarted | SampleTaken | TrialEnded | Message
Listener = Callable[[Event], None]

"""What happens during a study, told to whoever listens (the console, a test)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness import secrecy
from harness.records.findings import Finding
from harness.records.series import Sample
from harness.records.trial import TrialRecord


class Words:
    """Words for a person, which may come from a program of somebody else: without the secrets that are known."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", secrecy.scrub(self.text))


@dataclass(frozen=True)
class StudyStarted:
    """A study begins or goes on; `left` of `planned` trials are to be measured."""

    name: str
    directory: str
    planned: int
    left: int
    estimate_s: float


@dataclass(frozen=True)
class Step(Words):
    """Something that is not a trial: what is done now, or (with seconds) was done."""

    text: str
    seconds: float | None = None


@dataclass(frozen=True)
class Doing(Words):
    """What is being done this moment, inside a step that takes long."""

    text: str


@dataclass(frozen=True)
class TrialStarted:
    """Load starts; `position` counts from 1 over the whole plan. The steady window begins at `window_from_s`."""

    trial: str
    position: int
    planned: int
    duration_s: float
    window_from_s: float


@dataclass(frozen=True)
class SecondSeen:
    """One second of the running trial."""

    sample: Sample


@dataclass(frozen=True)
class TrialEnded:
    """A trial is on disk. `remaining_s` estimates the rest of the study."""

    trial: str
    record: TrialRecord
    findings: tuple[Finding, ...]
    remaining_s: float


@dataclass(frozen=True)
class Said(Words):
    """Something the user should know."""

    text: str
    warning: bool = False


Event = StudyStarted | Step | Doing | TrialStarted | SecondSeen | TrialEnded | Said
Listener = Callable[[Event], None]

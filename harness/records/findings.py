"""Findings of the evidence rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.language import Sentence, shown


class Severity(StrEnum):
    """Effect of a finding on its trial."""

    INVALID = "invalid"  # the trial does not count
    WARNING = "warning"  # the trial counts with a caveat
    NOTE = "note"  # for information only


class Kind(StrEnum):
    """Topic of a finding, for code that needs more than its rule."""

    OTHER = ""
    UNEVEN_SHARES = "uneven shares"  # E12: the servers' shares of the requests differ
    COLLAPSE = "collapse"  # E8: the load was stopped because of failed requests, and no server died
    NO_ROWS = "no rows"  # E8: the rows of `pick: once` ran out
    SLOW_SERVER = "slow server"  # E12: a request costs one server more CPU than another
    TREND = "trend"  # E20: throughput depends on the position in a block
    OUTLIER = "outlier"  # E20: a block differs from the others
    LATENESS = "lateness"  # E6: the generator is too late to judge the objective p95


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that fired. `figure` and `threshold` are in the rule's own unit, which `cause` names.

    The texts of a recorded finding are English; its sentences make them in another language, and are None in records of
    earlier versions. A finding on a whole study is not recorded: its texts are in the language of the report.
    """

    rule: str
    severity: Severity
    cause: str
    next_step: str = ""
    figure: float | None = None
    threshold: float | None = None
    kind: Kind = Kind.OTHER
    cause_sentence: Sentence | None = None
    next_step_sentence: Sentence | None = None

    @classmethod
    def of(
        cls,
        *,
        rule: str,
        severity: Severity,
        cause: Sentence,
        next_step: Sentence | None = None,
        figure: float | None = None,
        threshold: float | None = None,
        kind: Kind = Kind.OTHER,
    ) -> Finding:
        """Make a finding of its sentences, with their English texts."""
        return cls(
            rule=rule,
            severity=severity,
            cause=str(cause),
            next_step=str(next_step) if next_step else "",
            figure=figure,
            threshold=threshold,
            kind=kind,
            cause_sentence=cause,
            next_step_sentence=next_step,
        )

    @property
    def cause_text(self) -> str:
        """The cause in the language of the sentences that are made now."""
        return shown(self.cause, self.cause_sentence)

    @property
    def next_step_text(self) -> str:
        """The next step, as `cause_text`."""
        return shown(self.next_step, self.next_step_sentence)

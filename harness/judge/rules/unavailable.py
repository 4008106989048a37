"""Report the rules that cannot be evaluated, or only in part, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge.observation import Observation
from harness.judge.rules.rule import Apply
from harness.language import Sentence, messages, sentence
from harness.records.findings import Finding, Severity

NO_CEILING_OF_SCRIPT = messages("the ceiling of generator and balancer is not measured with a Locust script")
STREAMS = messages("the script streams responses, whose ends are not measured: requests in flight are not compared")


def cause(reason: str) -> Sentence:
    """Return the cause of the finding that a rule is not available; the reason is a message without placeholders."""
    return sentence("not available: {reason}", reason=Sentence(_literal(reason)))


def _literal(text: str) -> str:
    """A recorded text as a message: it may be of another version, and its braces are no placeholders."""
    return text.replace("{", "{{").replace("}", "}}")


def of(rule: str) -> Apply:
    """Return a finding that a rule is not available in a trial."""

    def report(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
        if reason := seen.unavailable.get(rule):
            yield Finding.of(rule=rule, severity=Severity.NOTE, cause=cause(reason))

    return report

"""The grade of a study's evidence: whose counters its trials have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from harness.judge.balancing import Balancing
from harness.judge.rules import RULES
from harness.language import messages, tr
from harness.records.evidence_grade import EvidenceGrade
from harness.records.trial import TrialRecord


def of_records(records: Iterable[TrialRecord]) -> EvidenceGrade | None:
    """Return the grade of a study's valid trials; None without any.

    A: counters of the load generator, the balancer and the servers. B: some of them. C: of the load generator only.
    """
    judged = [record for record in records if record.usable and record.context and record.counters]
    if not judged:
        return None
    missing = [
        f"{tr(what)}{_amount(lacking, judged)}"
        for what, lacks in MISSING.items()
        if (lacking := sum(map(lacks, judged)))
    ]
    letter = "A" if not missing else "C" if all(map(_is_platform, judged)) else "B"
    of_trials = {rule.id for rule in RULES}
    unavailable = {rule: why for record in judged for rule, why in _unavailable(record).items()}
    return EvidenceGrade(
        letter=letter,
        missing=tuple(missing),
        unavailable=tuple(sorted(unavailable, key=lambda rule: int(rule[1:]))),
        of_study={rule: why for rule, why in unavailable.items() if rule not in of_trials},
    )


def _unavailable(record: TrialRecord) -> dict[str, str]:
    return record.context.unavailable if record.context else {}


def _amount(lacking: int, judged: Sequence[TrialRecord]) -> str:
    return (
        "" if lacking == len(judged) else tr(" (in {lacking} of {judged} trials)", lacking=lacking, judged=len(judged))
    )


def _is_platform(record: TrialRecord) -> bool:
    """Whether the servers of a trial are those of a platform that the study does not observe."""
    return record.context is not None and not record.context.expected_servers


def _lacks_log(record: TrialRecord) -> bool:
    return record.context is not None and not Balancing(**record.context.balancing).kind.forwards


def _lacks_counts(record: TrialRecord) -> bool:
    """Whether a server has no count of its own; one that failed as planned needs none."""
    failure = record.context.server_failure if record.context else None
    stopped = failure.stopped_s if failure else {}
    counts = record.counters.servers if record.counters else {}
    counted = [by for name, by in counts.items() if name not in stopped]
    return _is_platform(record) or any(by is None for by in counted)


MISSING: dict[str, Callable[[TrialRecord], bool]] = {
    messages("the balancer's log"): _lacks_log,
    messages("the servers' own request counts"): _lacks_counts,
    messages("CPU, memory, network and logs of the balancer's and the servers' hosts"): _is_platform,
}

"""A large share of rejected or failed requests, by kind of failure. Pure.

The report states such a share first: the throughput of the other requests does not show the servers' capacity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.grid.thresholds import Thresholds
from harness.judge import window_stats
from harness.judge.observation import Observation
from harness.language import Sentence, messages, sentence, tr
from harness.records import failure_kind
from harness.records.failure_kind import FailureCategory, FailureKind
from harness.records.trial import TrialRecord
from harness.words import percent

REJECTIONS = (FailureCategory.STATUS, FailureCategory.COUNTED)
ABANDONED = 499  # in the balancer's log: the client closed the connection
OVERLOADED = (429, 503)  # statuses that reject any request
MOST_KINDS = 3
NEARLY_ALL = 0.9  # share of the failures from which one kind is named for all
LIMITED = messages(
    "raise or remove the limit that rejects them (see the log of the service or its gateway), or use less load"
)
DENIED = messages("send the headers that the service requires (request.headers), or allow the generator's addresses")
HELP = {429: LIMITED, 503: LIMITED, 401: DENIED, 403: DENIED}
PREDICATES = messages(
    {
        FailureCategory.TIMEOUT: "timed out",
        FailureCategory.CONNECTION_REFUSED: "had their connection refused",
        FailureCategory.CONNECTION: "lost their connection",
        FailureCategory.INCOMPLETE: "had an incomplete response",
        FailureCategory.ENCODING: "had a response that could not be decoded",
        FailureCategory.BODY: "had a wrong body",
        FailureCategory.NOT_SENT: "were not sent",
        FailureCategory.NO_DATA: "lacked a value and were not sent",
        FailureCategory.NO_ROWS: "had no row left and were not sent",
        FailureCategory.UNSENDABLE: "had a value that cannot be sent",
        FailureCategory.FAILED: "failed",
    }
)
COUNTED = messages(
    {
        FailureCategory.STATUS: "{count} status {status}",
        FailureCategory.TIMEOUT: "{count} timeout",
        FailureCategory.CONNECTION_REFUSED: "{count} refused",
        FailureCategory.CONNECTION: "{count} connection",
        FailureCategory.INCOMPLETE: "{count} incomplete",
        FailureCategory.ENCODING: "{count} encoding",
        FailureCategory.BODY: "{count} body",
        FailureCategory.CLIENT: "{count} client {detail}",
        FailureCategory.ABORTED: "{count} aborted",
        FailureCategory.NOT_SENT: "{count} not sent",
        FailureCategory.NO_DATA: "{count} no data",
        FailureCategory.NO_ROWS: "{count} no rows",
        FailureCategory.UNSENDABLE: "{count} unsendable {detail}",
        FailureCategory.FAILED: "{count} failed",
    }
)


@dataclass(frozen=True)
class Failing:
    """Share (0–1) of all requests that did not succeed, in total and by kind of failure."""

    share: float
    kinds: Mapping[FailureKind, float] = field(default_factory=dict)

    @property
    def rejected(self) -> float:
        """Share of the requests that were rejected with a status."""
        return sum(share for kind, share in self.kinds.items() if kind.category in REJECTIONS)

    @property
    def rejects(self) -> bool:
        """Whether most of the failures are rejections: a component returned a status."""
        return self.rejected > self.share / 2

    @property
    def words(self) -> str:
        """The share in words, as in "75 % of the requests were rejected with 429"."""
        return tr(self.in_words)

    @property
    def in_words(self) -> Sentence:
        """The same as a sentence of any language."""
        ordered = sorted(self.kinds.items(), key=lambda kind: (-kind[1], str(kind[0])))
        if ordered and ordered[0][1] >= NEARLY_ALL * self.share:
            return sentence(
                "{share} of the requests {predicate}", share=percent(self.share), predicate=predicate(ordered[0][0])
            )
        kinds = [
            sentence("{share} {predicate}", share=percent(share), predicate=predicate(kind))
            for kind, share in ordered[:MOST_KINDS]
        ]
        return failed(self.share, 0, kinds)

    @property
    def next_step(self) -> Sentence | None:
        """The next step for rejections; None if other failures are more frequent."""
        if not self.rejects:
            return None
        worst = max(self.kinds, key=lambda kind: self.kinds[kind])
        return sentence(HELP[worst.status]) if worst.status in HELP else None


def failed(share: float, digits: int, kinds: Sequence[Sentence]) -> Sentence:
    """Return a share of failed requests in words, with the kinds of their failure where they are known."""
    if not kinds:
        return sentence("{share} of the requests failed", share=percent(share, digits))
    return sentence("{share} of the requests failed ({kinds})", share=percent(share, digits), kinds=list(kinds))


def counted(failures: Mapping[FailureKind, int]) -> list[Sentence]:
    """Return the most frequent kinds of failure with their numbers, as in "12 timeout"."""
    most = sorted(failures.items(), key=lambda each: -each[1])[:MOST_KINDS]
    return [_counted(kind, count) for kind, count in most]


def _counted(kind: FailureKind, count: int) -> Sentence:
    if known := COUNTED.get(kind.category):
        facts = {"count": count, "status": kind.status or 0, "detail": kind.detail}
        return sentence(known, **{name: fact for name, fact in facts.items() if f"{{{name}}}" in known})
    return sentence("{count} {kind}", count=count, kind=str(kind))


def predicate(kind: FailureKind) -> Sentence:
    """Return a predicate for requests with this kind of failure, as in "timed out"."""
    status = kind.status
    if status is not None:
        if kind.category is FailureCategory.COUNTED:
            return sentence(
                "were rejected with {status}, which request.expect_status counts as a success", status=status
            )
        rejection = 400 <= status < 500 or status in OVERLOADED
        if rejection:
            return sentence("were rejected with {status}", status=status)
        return sentence("failed with {status}" if status >= 500 else "were answered with {status}", status=status)
    if known := PREDICATES.get(kind.category):
        return sentence(known)
    return sentence("failed ({kind})", kind=str(kind)) if str(kind) else sentence("failed")


def of_observation(seen: Observation, limits: Thresholds) -> Failing | None:
    """Return the failures of a trial; None below the threshold, and if servers died or were stopped by plan."""
    if any(death.ended for death in seen.died.values()) or seen.stopped:
        return None
    share = window_stats.error_rate(seen.calm)
    if share is None:
        share = window_stats.error_rate(seen.samples)
    kinds = _kinds(share or 0.0, seen.failures, seen.balancer.statuses, seen.expect_status)
    return _large(share or 0.0, kinds, limits)


def of_records(records: Sequence[TrialRecord], expected: Sequence[int], limits: Thresholds) -> Failing | None:
    """Return the failures of a cell, as means over its trials; None as `of_observation`."""
    shares, kinds = [], dict[FailureKind, list[float]]()
    for record in records:
        if record.counters is None or _disturbed(record):
            continue
        generator, balancer = record.counters.generator, record.counters.balancer
        requests = generator.completed + generator.failed
        share = record.error_rate
        if share is None:
            share = generator.failed / requests if requests else 0.0
        shares.append(share)
        failures = failure_kind.parse_counts(generator.errors)
        for kind, part in _kinds(share, failures, balancer.statuses, expected).items():
            kinds.setdefault(kind, []).append(part)
    if not shares:
        return None
    means = {kind: sum(parts) / len(shares) for kind, parts in kinds.items()}
    return _large(sum(shares) / len(shares), means, limits)


def _disturbed(record: TrialRecord) -> bool:
    """Whether a server died or was stopped by plan: its failures are reported with that event."""
    if record.context is not None and record.context.server_failure is not None:
        return True
    return any(
        not state.after.running or state.after.started_at != state.before.started_at
        for host, state in record.hosts.items()
        if record.context is not None and host in record.context.expected_servers
    )


def _large(share: float, kinds: Mapping[FailureKind, float], limits: Thresholds) -> Failing | None:
    """Return the failures, with rejections that the grid counts as successes; None below the threshold."""
    whole = share + sum(part for kind, part in kinds.items() if kind.category is FailureCategory.COUNTED)
    return Failing(min(1.0, whole), kinds) if whole >= limits.errors_first else None


def _kinds(
    share: float, failures: Mapping[FailureKind, int], statuses: Mapping[str, int], expected: Sequence[int]
) -> dict[FailureKind, float]:
    """Return kind of failure → share of all requests. The counts of the whole load divide the window's share."""
    answered = sum(statuses.values())
    named, unnamed = dict(failures), FailureKind(FailureCategory.FAILED)
    if unnamed in failures or not failures:
        logged = {
            _of_status(int(status)): count
            for status, count in statuses.items()
            if status.isdigit() and int(status) not in expected
        }
        # The balancer logs an expected status for wrong bodies and lost connections.
        rest = failures.get(unnamed, 0) - sum(logged.values())
        named |= logged
        if logged:
            named[unnamed] = max(0, rest)
    failed = sum(named.values())
    found = {kind: share * count / failed for kind, count in named.items() if count and share}
    if any(status < 400 for status in expected):
        for status in OVERLOADED:
            if status in expected and (count := statuses.get(str(status), 0)):
                found[FailureKind(FailureCategory.COUNTED, status)] = (1 - share) * count / max(1, answered)
    return found


def _of_status(status: int) -> FailureKind:
    """Return the kind of failure of a request that the balancer logged with this status."""
    if status == ABANDONED:
        return FailureKind(FailureCategory.TIMEOUT)
    return failure_kind.with_status(status)

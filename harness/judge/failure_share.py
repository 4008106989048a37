"""A large share of rejected or failed requests, by kind of failure. Pure.

The report states such a share first: the throughput of the other requests does not show the servers' capacity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.grid.thresholds import Thresholds
from harness.judge import window_stats
from harness.judge.observation import Observation
from harness.records.trial import TrialRecord
from harness.words import percent

STATUS, COUNTED = "status ", "counted "  # prefixes: failures by status; rejections that count as successes
OVERLOADED = (429, 503)  # statuses that reject any request
MOST_KINDS = 3
NEARLY_ALL = 0.9  # share of the failures from which one kind is named for all
LIMITED = "raise or remove the limit that rejects them (see the log of the service or its gateway), or use less load"
DENIED = "send the headers that the service requires (request.headers), or allow the generator's addresses"
HELP = {"429": LIMITED, "503": LIMITED, "401": DENIED, "403": DENIED}
KINDS = {
    "timeout": "timed out",
    "refused": "had their connection refused",
    "connection": "lost their connection",
    "incomplete": "had an incomplete response",
    "encoding": "had a response that could not be decoded",
    "body": "had a wrong body",
    "not sent": "were not sent",
    "failed": "failed",
}


@dataclass(frozen=True)
class Failing:
    """Share (0–1) of all requests that did not succeed, in total and by kind of failure."""

    share: float
    kinds: Mapping[str, float] = field(default_factory=dict)

    @property
    def rejected(self) -> float:
        """Share of the requests that were rejected with a status."""
        return sum(share for kind, share in self.kinds.items() if kind.startswith((STATUS, COUNTED)))

    @property
    def rejects(self) -> bool:
        """Whether most of the failures are rejections: a component returned a status."""
        return self.rejected > self.share / 2

    @property
    def words(self) -> str:
        """The share in words, as in "75 % of the requests were rejected with 429"."""
        ordered = sorted(self.kinds.items(), key=lambda kind: (-kind[1], kind[0]))
        if ordered and ordered[0][1] >= NEARLY_ALL * self.share:
            return f"{percent(self.share)} of the requests {predicate(ordered[0][0])}"
        kinds = ", ".join(f"{percent(share)} {predicate(kind)}" for kind, share in ordered[:MOST_KINDS])
        return f"{percent(self.share)} of the requests failed" + (f" ({kinds})" if kinds else "")

    @property
    def next_step(self) -> str:
        """The next step for rejections; empty if other failures are more frequent."""
        worst = max(self.kinds, key=lambda kind: self.kinds[kind], default="")
        return HELP.get(worst.partition(" ")[2], "") if self.rejects else ""


def predicate(kind: str) -> str:
    """Return a predicate for requests with this kind of failure, as in "timed out"."""
    word, _, status = kind.partition(" ")
    if kind.startswith(COUNTED):
        return f"were rejected with {status}, which request.expect_status counts as a success"
    if kind.startswith(STATUS):
        rejection = status.startswith("4") or status in map(str, OVERLOADED)
        return f"{'were rejected' if rejection else 'failed' if status >= '5' else 'were answered'} with {status}"
    return KINDS.get(kind, f"failed ({kind})" if word else "failed")


def of_observation(seen: Observation, limits: Thresholds) -> Failing | None:
    """Return the failures of a trial; None below the threshold, and if servers died or were stopped by plan."""
    if any(death.ended for death in seen.died.values()) or seen.stopped:
        return None
    rows = window_stats.window(seen.window, 0.0, math.floor(seen.calm_to_s))
    share = window_stats.error_rate(rows)
    if share is None:
        share = window_stats.error_rate(seen.samples)
    return _of(share or 0.0, seen.generator_errors, seen.balancer.statuses, seen.expect_status, limits)


def of_records(records: Sequence[TrialRecord], expected: Sequence[int], limits: Thresholds) -> Failing | None:
    """Return the failures of a cell, as means over its trials; None as `of_observation`."""
    shares, kinds = [], dict[str, list[float]]()
    for record in records:
        if record.counters is None or _disturbed(record):
            continue
        generator, balancer = record.counters.generator, record.counters.balancer
        requests = generator.completed + generator.failed
        share = record.error_rate
        if share is None:
            share = generator.failed / requests if requests else 0.0
        shares.append(share)
        for kind, part in _kinds(share, generator.errors, balancer.statuses, expected).items():
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


def _of(
    share: float, errors: Mapping[str, int], statuses: Mapping[str, int], expected: Sequence[int], limits: Thresholds
) -> Failing | None:
    return _large(share, _kinds(share, errors, statuses, expected), limits)


def _large(share: float, kinds: Mapping[str, float], limits: Thresholds) -> Failing | None:
    """Return the failures, with rejections that the grid counts as successes; None below the threshold."""
    whole = share + sum(part for kind, part in kinds.items() if kind.startswith(COUNTED))
    return Failing(min(1.0, whole), kinds) if whole >= limits.errors_first else None


def _kinds(
    share: float, errors: Mapping[str, int], statuses: Mapping[str, int], expected: Sequence[int]
) -> dict[str, float]:
    """Return kind of failure → share of all requests. The counts of the whole load divide the window's share."""
    answered = sum(statuses.values())
    named = errors
    if set(errors) <= {"failed"}:  # the load generator does not count kinds of failure
        named = {
            "timeout" if status == "499" else f"{STATUS}{status}": count
            for status, count in statuses.items()
            if status.isdigit() and int(status) not in expected
        } or errors
    failed = sum(named.values())
    found = {kind: share * count / failed for kind, count in named.items() if count and share}
    if any(status < 400 for status in expected):
        for status in OVERLOADED:
            if status in expected and (count := statuses.get(str(status), 0)):
                found[f"{COUNTED}{status}"] = (1 - share) * count / max(1, answered)
    return found

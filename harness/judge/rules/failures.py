"""Failed requests, deaths and their causes: rules E8 and E9."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.grid.thresholds import Thresholds
from harness.judge import balancing, failure_share, window_stats
from harness.judge.observation import Observation
from harness.judge.phrases import because, in_turn
from harness.judge.rules.rule import less_load
from harness.language import Sentence, joined, messages, sentence
from harness.records import failure_kind
from harness.records.failure_kind import FailureCategory, FailureKind
from harness.records.findings import Finding, Kind, Severity
from harness.records.series import Sample
from harness.words import percent


def errors(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E8: failed requests, and spans in which hardly any request succeeded.

    Failures from the second of a planned server failure on are its effect, and are reported separately.
    """
    rate = window_stats.error_rate(seen.calm)
    kinds = failure_share.counted(seen.failures)
    event, fix = _explained(seen)
    much = failure_share.of_observation(seen, limits)
    fix = fix or _sessions(seen) or (much.next_step if much else None)
    if rate is not None and rate > limits.errors_warning:
        yield Finding.of(
            rule="E8",
            severity=Severity.WARNING,
            cause=because(much.in_words if much else failure_share.failed(rate, 1, kinds), event),
            next_step=fix or sentence("check the kinds of failure and the servers' logs"),
            figure=rate,
            threshold=limits.errors_warning,
        )
    # Without the drain, in which few requests remain.
    rows = window_stats.window(seen.samples, 0.0, seen.window_to_s)
    why = None if _without_rows(seen) else collapse(rows, seen.window_from_s, seen.timeout_s, limits)
    dead = [what.of(host) for host, what in seen.died.items()]
    if why and seen.stopped:
        why = sentence(
            "{why}, without {servers} from {second:.0f} s on",
            why=why,
            servers=joined(sorted(seen.stopped)),
            second=min(seen.stopped.values()),
        )
    if why:
        if much or kinds:
            why = because(much.in_words, why) if much else sentence("{why} ({kinds})", why=why, kinds=kinds)
        why = because(why, event)
        yield Finding.of(
            rule="E8",
            severity=Severity.INVALID,
            cause=because(in_turn(*dead), why) if dead else why,
            next_step=_with_balancing(
                seen, _server_fix(seen) or fix or sentence("{less}, or more servers", less=less_load(seen))
            ),
            figure=rate,
            threshold=limits.errors_stop,
            kind=Kind.OTHER if dead else Kind.COLLAPSE,
        )
    elif seen.died:
        yield Finding.of(
            rule="E8",
            severity=Severity.INVALID,
            cause=sentence("{deaths} during the trial", deaths=in_turn(*dead))
            if all(death.ended for death in seen.died.values())
            else in_turn(*dead),
            next_step=_with_balancing(seen, _server_fix(seen) or sentence("check that server's log and network")),
        )


def rows_ran_out(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E8: the rows of `pick: once` ran out, so that users sent less than the load."""
    if count := _without_rows(seen):
        yield Finding.of(
            rule="E8",
            severity=Severity.INVALID,
            cause=sentence(
                "the rows of traffic.data ran out: {count} requests were not sent, as pick: once uses no row twice",
                count=count,
            ),
            next_step=sentence("use more rows, a shorter duration, or pick: cycle"),
            figure=count,
            threshold=0,
            kind=Kind.NO_ROWS,
        )


def _without_rows(seen: Observation) -> int:
    return seen.failures.get(FailureKind(FailureCategory.NO_ROWS), 0)


def logins(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E8: failed logins. A user without a login sends no request, so that the load has fewer users than planned."""
    if seen.logins is None or not seen.logins.failed:
        return
    counted = seen.logins
    share = counted.failed / (counted.failed + counted.completed)
    most = sorted(counted.errors.items(), key=lambda each: (-each[1], each[0]))[:3]
    is_invalid = share > limits.logins_invalid
    yield Finding.of(
        rule="E8",
        severity=Severity.INVALID if is_invalid else Severity.WARNING,
        cause=sentence(
            "some users could not log in: {failed} of {logins} logins failed ({kinds})",
            failed=counted.failed,
            logins=counted.failed + counted.completed,
            kinds=failure_share.counted(failure_kind.parse_counts(dict(most))),
        ),
        next_step=sentence(
            "check traffic.login and its data, or use a longer ramp_up if the service is too slow for all logins"
        ),
        figure=share,
        threshold=limits.logins_invalid if is_invalid else 0.0,
    )


def _explained(seen: Observation) -> tuple[Sentence | None, Sentence | None]:
    """Return the most frequent known event in the balancer's log and its fix; None without one.

    After a server's death the death is the cause, and the balancer's messages follow from it.
    """
    known = {event: count for event, count in seen.balancer.events.items() if _help(event, seen)}
    if seen.died or not known:
        return None, None
    event = max(known, key=lambda event: known[event])
    return sentence(LOGGED, event=event, count=known[event]), _help(event, seen)


def _sessions(seen: Observation) -> Sentence | None:
    """Return a hint for sessions that only one server has; None unless requests were denied and servers change."""
    denied = any(seen.failures.get(failure_kind.with_status(status)) for status in balancing.SESSION_STATUSES)
    several = len(seen.expected_servers) > 1 and not seen.balancing.sticky
    return balancing.sessions_hint(len(seen.expected_servers), seen.balancing.kind) if denied and several else None


LOGGED = messages('the balancer logged "{event}" {count} times')


def _server_fix(seen: Observation) -> Sentence | None:
    """Return the fix for a server's death; None if a smaller load is the fix."""
    if any(death.out_of_memory for death in seen.died.values()):
        return sentence(
            "give the servers more memory (ml_server_memory), or find a leak; fewer users need less"
            if seen.rate_per_s is None
            else "give the servers more memory (ml_server_memory), or find a leak; a lower rate needs less"
        )
    return sentence("check that server's log") if any(death.ended for death in seen.died.values()) else None


def _with_balancing(seen: Observation, fix: Sentence) -> Sentence:
    """Return a fix with the balancer's handling of a dead server, if one died."""
    return in_turn(fix, seen.balancing.after_server_death(len(seen.expected_servers)) if seen.died else None)


def collapse(samples: Sequence[Sample], ramped_up_s: float, timeout_s: float, limits: Thresholds) -> Sentence | None:
    """Return why a trial must be stopped now (rule E8); None while it may continue.

    A slow service may have no success for one request timeout.
    """
    span = round(limits.errors_stop_for)
    patience = max(span, math.ceil(timeout_s))
    for end in range(span, len(samples) + 1):
        rows = samples[end - span : end]
        rate = _ended_error_rate(rows)
        if rate is not None and rate > limits.errors_stop:
            return sentence(
                "more than {share} of the requests failed for {span} s", share=percent(limits.errors_stop), span=span
            )
        waited = samples[max(0, end - patience) : end]
        if len(waited) == patience and waited[0].t_s >= ramped_up_s and not any(s.completed for s in waited):
            return sentence("no request succeeded for {patience} s", patience=patience)
    return None


def _ended_error_rate(samples: Sequence[Sample]) -> float | None:
    """Failed share of the requests that ended in these seconds; None without any. It is known while a load runs."""
    ended = sum(s.completed + s.failed for s in samples)
    return sum(s.failed for s in samples) / ended if ended else None


def events(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E9: named events in the balancer's log, the servers' logs and the kernel's counters.

    Events that the balancer first logs after a planned server failure are its effect, and are left out.
    """
    first_s, known = seen.balancer.events_first_s, seen.balancing.kind.events
    for event, count in seen.balancer.events.items():
        of_server = event in known and known[event].of_server
        if seen.stopped and of_server and first_s.get(event, 0.0) >= min(seen.stopped.values()) - STAMPED_S:
            continue
        # A response that ended early may look complete to a user.
        severity = Severity.WARNING if event in known and known[event].cut_short else Severity.NOTE
        yield Finding.of(
            rule="E9",
            severity=severity,
            cause=sentence(LOGGED, event=event, count=count),
            next_step=_help(event, seen),
            figure=count,
            threshold=0,
        )
    for host, by in seen.logged.items():
        for event, count in by.items():
            yield Finding.of(
                rule="E9",
                severity=Severity.NOTE,
                cause=sentence('{host} logged "{event}" {count} times', host=host, event=event, count=count),
                next_step=_help(event, seen),
                figure=count,
                threshold=0,
            )
    yield from _kernel(seen, limits)


def _kernel(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """Events in the kernel's counters of containers and machines."""
    for host, counted in seen.network.items():
        overflows = counted.get("listen_overflows", 0)
        if overflows:
            yield Finding.of(
                rule="E9",
                severity=Severity.NOTE,
                cause=sentence(
                    "{host}: {count} connections were dropped because its listen queue was full",
                    host=host,
                    count=overflows,
                ),
                next_step=sentence(
                    "use a longer backlog ({variable}, net.core.somaxconn) or more accepting processes",
                    variable=seen.balancing.kind.variable("backlog"),
                ),
                figure=overflows,
                threshold=0,
            )
        for name, count in counted.items():
            if name.endswith("_allowance_exceeded") and count:
                yield Finding.of(
                    rule="E9",
                    severity=Severity.NOTE,
                    cause=sentence(
                        "{host}: the instance's network allowance was exceeded ({counter}: {count})",
                        host=host,
                        counter=name,
                        count=count,
                    ),
                    next_step=sentence("use a larger instance type"),
                    figure=count,
                    threshold=0,
                )
    for name, full in seen.conntrack.items():
        if full > limits.conntrack:
            yield Finding.of(
                rule="E9",
                severity=Severity.NOTE,
                cause=sentence(
                    "{machine}: the kernel's connection table was {share} full", machine=name, share=percent(full)
                ),
                next_step=sentence("raise net.netfilter.nf_conntrack_max on that machine"),
                figure=full,
                threshold=limits.conntrack,
            )


STAMPED_S = 1.0  # the balancer's error log has whole seconds


def _help(event: str, seen: Observation) -> Sentence | None:
    """Return the fix for the cause of an event; None if unknown."""
    if event == "Child process died" and any(RECYCLED in logged for logged in seen.logged.values()):
        event = RECYCLED
    known = seen.balancing.kind.events.get(event)
    fix = known.fix if known else SERVER_EVENTS.get(event, "")
    if not fix:
        return None
    return sentence(fix, less=less_load(seen)) if "{less}" in fix else sentence(fix)


RECYCLED = "Worker reached its request limit"
SERVER_EVENTS = messages(  # of the servers' logs; {less}: as `less_load`
    {
        "Child process died": "a worker of uvicorn ended: its program failed (check the server's log), or it did not "
        "respond to its parent within 5 s ({less} or more CPU)",
        RECYCLED: "raise or remove the service's own limit for measurements: --limit-max-requests of uvicorn, "
        "max_requests of gunicorn",
    }
)

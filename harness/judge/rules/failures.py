"""What failed, and what is named as its cause: rules E8 and E9."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.grid.thresholds import Thresholds
from harness.judge import failure_share, window_stats
from harness.judge.observation import Observation
from harness.judge.rules.rule import less_load
from harness.records.findings import Finding, Kind, Severity
from harness.records.series import Sample
from harness.words import SESSION_STATUSES, percent, sessions_hint


def errors(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E8: failed requests, and the spans in which hardly anything succeeded.

    What fails from the second on in which a server is stopped on purpose is what was to be seen, and told apart.
    """
    rate = window_stats.error_rate(window_stats.window(seen.window, 0.0, math.floor(seen.calm_to_s)))
    kinds = ", ".join(
        f"{count} {kind}" for kind, count in sorted(seen.generator_errors.items(), key=lambda i: -i[1])[:3]
    )
    event, mend = _explained(seen)
    much = failure_share.of_observation(seen, limits)
    mend = mend or _sessions(seen) or (much.next_step if much else "")
    if rate is not None and rate > limits.errors_warning:
        yield Finding(
            "E8",
            Severity.WARNING,
            f"{much.words if much else f'{percent(rate, 1)} of the requests failed ({kinds})'}{event}",
            mend or "look at the error kinds and the servers' logs",
            rate,
            limits.errors_warning,
        )
    # Without the drain, in which hardly anything is left to succeed.
    played = window_stats.window(seen.samples, 0.0, seen.window_to_s)
    why = collapse(played, seen.window_from_s, seen.timeout_s, limits)
    dead = "; ".join(f"{host} {what}" for host, what in seen.died.items())
    if why and seen.stopped:
        why = f"{why}, from {min(seen.stopped.values()):.0f} s on without {' and '.join(sorted(seen.stopped))}"
    if why:
        told = f"{much.words}: {why}" if much else f"{why} ({kinds})" if kinds else why
        yield Finding(
            "E8",
            Severity.INVALID,
            f"{dead + ': ' if dead else ''}{told}{event}",
            _and_after(seen, _revive(seen) or mend or f"{less_load(seen)}, or more servers"),
            rate,
            limits.errors_stop,
            Kind.OTHER if dead else Kind.COLLAPSE,
        )
    elif seen.died:
        yield Finding(
            "E8",
            Severity.INVALID,
            f"{dead} during the trial" if all(death.ended for death in seen.died.values()) else dead,
            _and_after(seen, _revive(seen) or "look at that server's log, and at its network"),
        )


def _explained(seen: Observation) -> tuple[str, str]:
    """The event in the balancer's log that tells why requests failed, in words, and what mends it; empty for none.

    Where a server died that is the reason, and what the balancer says of it only follows.
    """
    told = {event: count for event, count in seen.balancer.events.items() if event in EVENT_HELP}
    if seen.died or not told:
        return "", ""
    event = max(told, key=lambda event: told[event])
    return f": {_logged('the balancer', event, told[event])}", _help(event, seen)


def _sessions(seen: Observation) -> str:
    """What helps where sessions that one server keeps are unknown to the others; empty where nothing points at that."""
    refused = any(seen.generator_errors.get(f"status {status}") for status in SESSION_STATUSES)
    several = len(seen.expected_servers) > 1 and not seen.balancing.sticky
    return sessions_hint(len(seen.expected_servers)) if refused and several else ""


def _logged(who: str, event: str, count: int) -> str:
    return f'{who} logged "{event}" {count} times'


def _revive(seen: Observation) -> str:
    """What mends servers that died; empty where a smaller load does."""
    if any(death.out_of_memory for death in seen.died.values()):
        less = "fewer users need" if seen.rate_per_s is None else "a lower rate needs"
        return f"more memory for a server (ml_server_memory), or find what keeps it; {less} less"
    return "look at that server's log" if any(death.ended for death in seen.died.values()) else ""


def _and_after(seen: Observation, mend: str) -> str:
    """What mends it, and what the balancer did about a server that died."""
    told = seen.balancing.after_a_death(len(seen.expected_servers)) if seen.died else ""
    return f"{mend}; {told}" if told else mend


def collapse(samples: Sequence[Sample], ramped_up_s: float, timeout_s: float, limits: Thresholds) -> str:
    """Why a trial must stop now (rule E8), in words; empty while it may go on.

    A service whose answers take long has had none for as long as a request may wait.
    """
    span = round(limits.errors_stop_for)
    patience = max(span, math.ceil(timeout_s))
    for end in range(span, len(samples) + 1):
        rows = samples[end - span : end]
        rate = window_stats.error_rate(rows)
        if rate is not None and rate > limits.errors_stop:
            return f"more than {percent(limits.errors_stop)} of the requests failed for {span} s"
        waited = samples[max(0, end - patience) : end]
        if len(waited) == patience and waited[0].t_s >= ramped_up_s and not any(s.completed for s in waited):
            return f"no request succeeded for {patience} s"
    return ""


def events(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E9: events that have a name: in the balancer's log, in the servers' logs, in the kernel's counters.

    Those that the balancer first tells after servers were stopped on purpose only follow from that.
    """
    first_s = seen.balancer.events_first_s
    for event, count in seen.balancer.events.items():
        if seen.stopped and event in OF_SERVERS and first_s.get(event, 0.0) >= min(seen.stopped.values()) - STAMPED_S:
            continue
        # A response that ended early may have reached a user as if it were whole.
        severity = Severity.WARNING if event == CLOSED_EARLY else Severity.NOTE
        yield Finding("E9", severity, _logged("the balancer", event, count), _help(event, seen), count, 0)
    for host, by in seen.logged.items():
        for event, count in by.items():
            yield Finding("E9", Severity.NOTE, _logged(host, event, count), _help(event, seen), count, 0)
    for host, counted in seen.network.items():
        overflows = counted.get("listen_overflows", 0)
        if overflows:
            yield Finding(
                "E9",
                Severity.NOTE,
                f"{host}: {overflows} connections were dropped because its listen queue was full",
                "a longer backlog (nginx_lb_backlog, net.core.somaxconn), or more processes that accept",
                overflows,
                0,
            )
        for name, count in counted.items():
            if name.endswith("_allowance_exceeded") and count:
                yield Finding(
                    "E9",
                    Severity.NOTE,
                    f"{host}: the instance's network allowance was exceeded ({name}: {count})",
                    "a larger instance type",
                    count,
                    0,
                )
    for name, full in seen.conntrack.items():
        if full > limits.conntrack:
            yield Finding(
                "E9",
                Severity.NOTE,
                f"{name}: the kernel's table of connections was {percent(full)} full",
                "raise net.netfilter.nf_conntrack_max there",
                full,
                limits.conntrack,
            )


STAMPED_S = 1.0  # the balancer's error log has whole seconds
CLOSED_EARLY = "upstream prematurely closed connection"
# What a balancer tells of a server that is gone.
OF_SERVERS = (
    "no live upstreams",
    CLOSED_EARLY,
    "upstream server temporarily disabled",
    "upstream timed out",
    "Connection refused",
)


def _help(event: str, seen: Observation) -> str:
    """How to fix what caused an event; empty where nothing is known."""
    if event == "Child process died" and any(RECYCLED in logged for logged in seen.logged.values()):
        event = RECYCLED
    return EVENT_HELP.get(event, "").format(less=less_load(seen))


RECYCLED = "Worker reached its request limit"
EVENT_HELP = {  # {less}: as `less_load`
    "worker_connections are not enough": "raise nginx_lb_worker_connections or use nginx_lb_settings: tuned",
    "Too many open files": "raise nginx_lb_nofile",
    "Cannot assign requested address": "keep upstream connections: nginx_lb_upstream_keepalive",
    "no live upstreams": "look at the servers' health",
    CLOSED_EARLY: "look at the servers' logs: one ended while it answered",
    "upstream timed out": "{less} or more servers: one did not answer within nginx's timeout",
    "Connection refused": "look at the servers: on one nobody listened",
    "Child process died": "a worker of uvicorn ended: its program failed (look at the server's log), or it did not "
    "answer its parent within 5 s ({less} or more CPU)",
    RECYCLED: "raise or remove the service's own limit while you measure: --limit-max-requests of uvicorn, "
    "max_requests of gunicorn",
}

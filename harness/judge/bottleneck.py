"""What limited a trial, and a cell: what would raise throughput. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.grid.thresholds import Thresholds
from harness.judge import failure_share, open_load, prediction, reasons, utilization, window_stats
from harness.judge import figures as derived
from harness.judge.figures import generator_use
from harness.judge.observation import Observation
from harness.records.findings import Finding, Kind, Severity
from harness.records.reasons import Reason, ReasonKind
from harness.records.trial import Bottleneck, Component
from harness.words import percent


def of_trial(seen: Observation, findings: Sequence[Finding], limits: Thresholds) -> Bottleneck:
    """Find the bottleneck of one trial: the component that would have to change for more throughput.

    Tried in this order: a dead server, generator, servers stopped on purpose, load, balancer, network, server by its
    slots, by CPU, by concurrency.
    """
    rows, much = seen.window, failure_share.of_observation(seen, limits)
    first = f"{much.words}; " if much else ""
    rate = window_stats.mean_rate(rows)
    if not rows or not rate:
        return _bottleneck((Component.UNKNOWN, Reason(kind=ReasonKind.NO_SUCCESS)), "", {}, first)
    figures = _figures(seen)
    near = "" if much else next_bottleneck(figures["of_users_bound"], figures.get("of_offered"), limits)
    for judge in (_died, _generator, _stopped, _users, _rate, _balancer, _network, _server):
        found = judge(seen, findings, figures, limits)
        if found is not None:
            return _bottleneck(found, near, figures, first)
    kind = ReasonKind.NOTHING_EXHAUSTED
    if much is not None:
        kind = ReasonKind.REJECTING if much.rejects else ReasonKind.FAILING
    return _bottleneck((Component.UNKNOWN, Reason(kind=kind)), near, figures, first)


def next_bottleneck(of_bound: float | None, of_offered: float | None, limits: Thresholds) -> str:
    """That the load is what limits next, by what share of all that it asks for is answered; empty where it is not."""
    if of_bound is not None and limits.users_next <= of_bound < limits.users_bound:
        return f"users ({percent(of_bound)} of what they can ask for)"
    if of_offered is not None and limits.users_next <= of_offered < limits.load_served:
        return f"load ({percent(of_offered)} of what was offered)"
    return ""


Judged = Mapping[str, float | None]
Found = tuple[Component, Reason]


def _bottleneck(found: Found, near: str, figures: dict[str, float | None], first: str = "") -> Bottleneck:
    component, basis = found
    return Bottleneck(
        component=component,
        basis=basis,
        reason=first + reasons.sentence(basis, figures),
        next_bottleneck="" if component.is_load else near,
        figures=figures,
    )


def _figures(seen: Observation) -> dict[str, float | None]:
    think_s = derived.think_s(seen) or seen.think_time_s
    rows, busy = seen.window, utilization.slots_of(seen)
    answers = sum(s.completed + s.failed for s in rows) / len(rows)
    waiting = derived.in_flight(seen)
    of_bound = derived.of_users_bound(seen)
    warm_s = derived.warm_s(seen)
    bound = prediction.users_bound(seen.users, warm_s, think_s) if warm_s and of_bound is not None else None
    response_s = None if waiting is None else waiting / answers
    upstream_s, over = seen.balancer.upstream_mean_s, derived.over_allowance(seen)
    return {
        "users_bound": bound,
        "of_users_bound": of_bound,
        "server_cpu": utilization.server(seen)[1],
        "server_slots": busy[1] if busy else None,
        "server_throttled": derived.throttled(seen),
        "generator_cpu": generator_use(seen),
        "balancer_cpu": derived.balancer_use(seen),
        "response_s": response_s,
        "upstream_s": upstream_s,
        "unloaded_s": seen.unloaded_s,
        "times": response_s / seen.unloaded_s if response_s and seen.unloaded_s else None,
        "served": upstream_s / response_s if response_s and upstream_s is not None else None,
        "retransmitted": derived.retransmitted(seen),
        "over_allowance": over[2] if over else None,
        **_offered(seen),
    }


def _offered(seen: Observation) -> dict[str, float | None]:
    """What is told of an open load alone."""
    asked, rise = open_load.of_trial(seen), derived.latency_drift(seen)
    if asked is None:
        return {}
    told = {"offered_per_s": asked.per_s, "of_offered": asked.served}
    return {**told, "latency_rise": None if rise is None else math.exp(rise)}


def _died(seen: Observation, _findings: Sequence[Finding], _figures: Judged, _limits: Thresholds) -> Found | None:
    if not seen.died:
        return None
    dead = "; ".join(f"{host} {what}" for host, what in seen.died.items())
    after = seen.balancing.after_a_death(len(seen.expected_servers))
    detail = f"{dead}; {after}" if after else dead
    return Component.SERVER, Reason(kind=ReasonKind.SERVER_DIED, detail=detail)


def _generator(_seen: Observation, findings: Sequence[Finding], _figures: Judged, _: Thresholds) -> Found | None:
    # More users than there are make a fault of counting, and no late generator.
    late = [
        f
        for f in findings
        if f.rule in ("E5", "E6", "E7") and f.severity == Severity.INVALID and (f.figure is None or f.figure > 0)
    ]
    return (Component.GENERATOR, Reason(kind=ReasonKind.GENERATOR_LATE, detail=late[0].cause)) if late else None


def _stopped(seen: Observation, _findings: Sequence[Finding], _figures: Judged, _: Thresholds) -> Found | None:
    """A window in which servers were stopped has no single bottleneck."""
    if not seen.stopped:
        return None
    return Component.UNKNOWN, Reason(kind=ReasonKind.SERVERS_STOPPED, subject=" and ".join(sorted(seen.stopped)))


def _users(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    of_bound = figures["of_users_bound"]
    if of_bound is None or of_bound < limits.users_bound:
        return None
    return Component.LOAD, Reason(kind=ReasonKind.USERS_SERVED, users=seen.users)


def _rate(_seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    """All due requests succeed, and not only by letting a queue grow."""
    served, rise = figures.get("of_offered"), figures.get("latency_rise")
    if served is None or served < limits.load_served or (rise is not None and rise > limits.load_rise):
        return None
    return Component.LOAD, Reason(kind=ReasonKind.RATE_SERVED)


def _balancer(seen: Observation, findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    failed = window_stats.error_rate(seen.window) or 0.0
    for event in LIMITS_OF_CONNECTIONS:
        # One line in the log, or those of the ramp-up, explain nothing that is missing in the window.
        if event in seen.balancer.events and failed > limits.errors_warning:
            return Component.BALANCER, Reason(kind=ReasonKind.NO_CONNECTIONS, detail=event)
    used = figures["balancer_cpu"]
    if used is not None and used >= limits.balancer_cpu:
        return Component.BALANCER, Reason(kind=ReasonKind.BALANCER_CPU)
    uneven = next((f for f in findings if f.kind == Kind.UNEVEN_SHARES and f.severity == Severity.WARNING), None)
    return (Component.BALANCER, Reason(kind=ReasonKind.UNEVEN_SHARES, detail=uneven.cause)) if uneven else None


LIMITS_OF_CONNECTIONS = ("worker_connections are not enough", "Too many open files", "Cannot assign requested address")


def _network(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    over = derived.over_allowance(seen)
    if over is not None and over[2] > limits.allowance:
        return Component.NETWORK, Reason(kind=ReasonKind.OVER_ALLOWANCE, subject=over[0], detail=over[1])
    again = figures["retransmitted"]
    if again is not None and again > limits.retransmits:
        return Component.NETWORK, Reason(kind=ReasonKind.RETRANSMITS)
    return None


def _server(seen: Observation, findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    # Only where each gets its share all the same do the others wait for the slowest.
    slow = next((f for f in findings if f.kind == Kind.SLOW_SERVER), None)
    if slow is not None and seen.balancing.even:
        return Component.SERVER, Reason(kind=ReasonKind.SLOW_SERVER, detail=slow.cause)
    busy, cpu = utilization.slots_of(seen), figures["server_cpu"]
    if busy is not None and busy[1] >= limits.slots_busy:
        return Component.SERVER, Reason(kind=ReasonKind.SLOTS_BUSY, subject=busy[0])
    if cpu is not None and cpu >= limits.server_cpu:
        return Component.SERVER, Reason(kind=ReasonKind.SERVER_CPU, subject=utilization.server(seen)[0])
    if busy is not None:
        return None  # its slots are known, and were free
    return _waiting(figures, cpu, limits)


def _waiting(figures: Judged, cpu: float | None, limits: Thresholds) -> Found | None:
    """Find slow responses while the CPU is idle: a server by its concurrency, unless they are slow elsewhere."""
    unloaded_s, response_s, upstream_s = (figures[name] for name in ("unloaded_s", "response_s", "upstream_s"))
    if not unloaded_s or not response_s or cpu is None or response_s < limits.server_queue * unloaded_s:
        return None
    if upstream_s is not None and upstream_s - unloaded_s < limits.server_share * (response_s - unloaded_s):
        return Component.UNKNOWN, Reason(kind=ReasonKind.SLOW_ELSEWHERE)
    return Component.SERVER, Reason(kind=ReasonKind.CONCURRENCY)


def of_cell(limits: Sequence[Component]) -> tuple[Component, str]:
    """A cell's bottleneck is that of at least two thirds of its trials, else unknown with the counts."""
    counts = Counter(limits)
    if not counts:
        return Component.UNKNOWN, "no usable trial"
    limit, count = counts.most_common(1)[0]
    if 3 * count >= 2 * len(limits):
        return limit, ""
    told = " and ".join(f"{n} by {name}" for name, n in counts.most_common())
    return Component.UNKNOWN, f"its trials disagree, {told}"

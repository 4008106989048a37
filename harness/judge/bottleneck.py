"""Find the bottleneck of a trial and of a cell: the component that limits throughput. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.balancers.target import TARGET
from harness.grid.thresholds import Thresholds
from harness.judge import (
    failure_share,
    host_usage,
    network_use,
    open_load,
    phrases,
    prediction,
    reasons,
    shared_use,
    utilization,
    window_stats,
)
from harness.judge import figures as derived
from harness.judge.host_usage import generator_use
from harness.judge.observation import Observation
from harness.language import tr
from harness.records.findings import Finding, Kind, Severity
from harness.records.reasons import Reason, ReasonKind
from harness.records.trial import Bottleneck, Component
from harness.words import percent


def of_trial(seen: Observation, findings: Sequence[Finding], limits: Thresholds) -> Bottleneck:
    """Find the bottleneck of one trial: the component that would have to change for more throughput.

    The order of the tests: a dead server, generator, a server failure by plan, load, balancer, network, dependency,
    then a server by its slots, by CPU, by concurrency, and last the user's platform as a whole.
    """
    rows, much = seen.window, failure_share.of_observation(seen, limits)
    first = f"{much.in_words}; " if much else ""
    rate = window_stats.mean_rate(rows)
    if not rows or not rate:
        return _bottleneck((Component.UNKNOWN, Reason(kind=ReasonKind.NO_SUCCESS)), "", {}, first)
    figures = _figures(seen, limits)
    near = "" if much else next_bottleneck(figures["of_users_bound"], figures.get("of_offered"), limits)
    for judge in (_died, _generator, _stopped, _users, _rate, _balancer, _network, _dependency, _server, _platform):
        found = judge(seen, findings, figures, limits)
        if found is not None:
            return _bottleneck(found, near, figures, first)
    kind = ReasonKind.NOTHING_EXHAUSTED
    if much is not None:
        kind = ReasonKind.REJECTING if much.rejects else ReasonKind.FAILING
    return _bottleneck((Component.UNKNOWN, Reason(kind=kind)), near, figures, first)


def next_bottleneck(of_bound: float | None, of_offered: float | None, limits: Thresholds) -> str:
    """Describe the load as the next bottleneck, with the served share of its maximum; empty if it is not."""
    if of_bound is not None and limits.users_next <= of_bound < limits.users_bound:
        return tr("users ({of_bound} of their maximum rate)", of_bound=percent(of_bound))
    if of_offered is not None and limits.users_next <= of_offered < limits.load_served:
        return tr("load ({of_offered} of the offered load)", of_offered=percent(of_offered))
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


def _figures(seen: Observation, limits: Thresholds) -> dict[str, float | None]:
    think_s = derived.think_s(seen) or seen.think_time_s
    busy = utilization.slots_of(seen)
    of_bound = derived.of_users_bound(seen)
    warm_s = derived.warm_s(seen)
    bound = prediction.users_bound(seen.users, warm_s, think_s) if warm_s and of_bound is not None else None
    response_s = _response_s(seen)
    upstream_s, over = seen.balancer.upstream_mean_s, network_use.over_allowance(seen)
    return {
        "users_bound": bound,
        "of_users_bound": of_bound,
        "server_cpu": utilization.server(seen)[1],
        "server_slots": busy[1] if busy else None,
        "server_throttled": host_usage.throttled(seen),
        "generator_cpu": generator_use(seen),
        "balancer_cpu": host_usage.balancer_use(seen),
        "response_s": response_s,
        "upstream_s": upstream_s,
        "unloaded_s": seen.unloaded_s,
        "times": response_s / seen.unloaded_s if response_s and seen.unloaded_s else None,
        "served": upstream_s / response_s if response_s and upstream_s is not None else None,
        "retransmitted": network_use.retransmitted(seen),
        "over_allowance": over[2] if over else None,
        **_offered(seen),
        **_shared(seen, limits),
    }


def _shared(seen: Observation, limits: Thresholds) -> dict[str, float | None]:
    """Return the figures that only servers with dependencies have."""
    if not seen.dependencies:
        return {}
    cpu, connections, spent = shared_use.cpu(seen), _connections(seen, limits), shared_use.time(seen)
    return {
        "dependency_cpu": cpu.share if cpu else None,
        "dependency_connections": connections.share if connections else None,
        "dependency_times": spent.seconds / seen.unloaded_s if spent and seen.unloaded_s else None,
    }


def _connections(seen: Observation, limits: Thresholds) -> shared_use.Use | None:
    is_refused = (window_stats.error_rate(seen.window) or 0.0) > limits.errors_warning
    return shared_use.connections(seen, is_refused=is_refused)


def _response_s(seen: Observation) -> float | None:
    """Mean response time of the window in seconds; None if unknown or without a response.

    In a closed loop it follows from Little's law: requests in flight / requests per second. Under an open load a queue
    may grow, and requests in flight then include those that have not ended, so the law overstates the time. The
    balancer's log has the time of the requests that began in the window. The time outside the balancer is added; it
    follows from the difference of both counts in flight, which has no part of the servers' queue. Without that time in
    the log (older records) Little's law applies.
    """
    rows = seen.window
    answers = sum(s.completed + s.failed for s in rows)
    at_balancer_s, waiting = seen.balancer.request_mean_s, derived.in_flight(seen)
    if seen.rate_per_s is not None and at_balancer_s is not None:
        return at_balancer_s + max(0.0, open_load.outside_s(seen) or 0.0)
    return waiting * len(rows) / answers if waiting is not None and answers else None


def _offered(seen: Observation) -> dict[str, float | None]:
    """Return the figures that only an open load has."""
    offered, rise = open_load.of_trial(seen), derived.latency_drift(seen)
    if offered is None:
        return {}
    return {
        "offered_per_s": offered.per_s,
        "of_offered": offered.served,
        "latency_rise": None if rise is None else math.exp(rise),
    }


def _died(seen: Observation, _findings: Sequence[Finding], _figures: Judged, _limits: Thresholds) -> Found | None:
    if not seen.died:
        return None
    after = seen.balancing.after_server_death(len(seen.expected_servers))
    detail = phrases.in_turn(*(what.of(host) for host, what in seen.died.items()), after)
    return Component.SERVER, Reason(kind=ReasonKind.SERVER_DIED, detail=str(detail), detail_sentence=detail)


def _of_finding(kind: ReasonKind, finding: Finding) -> Reason:
    return Reason(kind=kind, detail=finding.cause, detail_sentence=finding.cause_sentence)


def _generator(_seen: Observation, findings: Sequence[Finding], _figures: Judged, _: Thresholds) -> Found | None:
    # A negative residual is a counting error, not a late generator.
    late = [
        f
        for f in findings
        if f.rule in ("E5", "E6", "E7") and f.severity == Severity.INVALID and (f.figure is None or f.figure > 0)
    ] or [f for f in findings if f.kind == Kind.LATENESS]
    return (Component.GENERATOR, _of_finding(ReasonKind.GENERATOR_LATE, late[0])) if late else None


def _stopped(seen: Observation, _findings: Sequence[Finding], _figures: Judged, _: Thresholds) -> Found | None:
    """A window with a server failure has no single bottleneck."""
    if not seen.stopped:
        return None
    return Component.UNKNOWN, Reason(kind=ReasonKind.SERVERS_STOPPED, subject=" and ".join(sorted(seen.stopped)))


def _users(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    of_bound = figures["of_users_bound"]
    if of_bound is None or of_bound < limits.users_bound:
        return None
    return Component.LOAD, Reason(kind=ReasonKind.USERS_SERVED, users=seen.users)


def _rate(_seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    """Find load-limited trials: all due requests succeed, and the queue does not grow."""
    served, rise = figures.get("of_offered"), figures.get("latency_rise")
    if served is None or served < limits.load_served or (rise is not None and rise > limits.load_rise):
        return None
    return Component.LOAD, Reason(kind=ReasonKind.RATE_SERVED)


def _balancer(seen: Observation, findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    failed = window_stats.error_rate(seen.window) or 0.0
    for event, known in seen.balancing.kind.events.items():
        # A single line, or lines of the ramp-up, do not explain failures in the window.
        if known.out_of_connections and event in seen.balancer.events and failed > limits.errors_warning:
            return Component.BALANCER, Reason(kind=ReasonKind.NO_CONNECTIONS, detail=event)
    used = figures["balancer_cpu"]
    if used is not None and used >= limits.balancer_cpu:
        return Component.BALANCER, Reason(kind=ReasonKind.BALANCER_CPU)
    uneven = next((f for f in findings if f.kind == Kind.UNEVEN_SHARES and f.severity == Severity.WARNING), None)
    return (Component.BALANCER, _of_finding(ReasonKind.UNEVEN_SHARES, uneven)) if uneven else None


def _network(seen: Observation, _findings: Sequence[Finding], _figures: Judged, limits: Thresholds) -> Found | None:
    over = network_use.over_allowance(seen)
    if over is not None and over[2] > limits.allowance:
        return Component.NETWORK, Reason(kind=ReasonKind.OVER_ALLOWANCE, subject=over[0], detail=over[1])
    again = [host for host, share in network_use.retransmissions(seen).items() if share > limits.retransmits]
    # A machine without CPU time to spare handles acknowledgements late, so it retransmits segments that were not lost.
    if any((host_usage.machine_used(seen, host) or 0.0) < limits.server_cpu for host in again):
        return Component.NETWORK, Reason(kind=ReasonKind.RETRANSMITS)
    return None


def _dependency(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    """Find a dependency at its limit, or idle servers that wait for one: near its limit, locked, or slow."""
    for host, death in seen.dependencies_died.items():
        name = seen.dependencies[host].name
        reason = Reason(
            kind=ReasonKind.DEPENDENCY_DIED, subject=name, detail=str(death), detail_sentence=death.of(name)
        )
        return Component.DEPENDENCY, reason
    cpu, connections = shared_use.cpu(seen), _connections(seen, limits)
    if cpu is not None and cpu.share >= limits.dependency_cpu:
        return _of_dependency(ReasonKind.DEPENDENCY_CPU, cpu.name)
    slots, used = figures["server_slots"], figures["server_cpu"]
    if (slots is not None and slots >= limits.slots_busy) or (used is not None and used >= limits.server_cpu):
        return None
    # Longer than any unloaded response: the dependency is slow, and servers that wait for it have no free slot.
    spent, times = shared_use.time(seen), figures.get("dependency_times")
    is_slow = times is not None and times >= limits.server_queue
    if spent is not None and is_slow and spent.is_locked:  # more connections would wait for the same locks
        return _of_dependency(ReasonKind.DEPENDENCY_LOCKS, spent.name)
    if connections is not None and connections.share >= limits.dependency_connections:
        return _of_dependency(ReasonKind.DEPENDENCY_CONNECTIONS, connections.name)
    full = host_usage.fullest_machine(seen)
    if full is not None and full[1] >= limits.server_cpu and not _is_used_by_dependencies(seen, full[0]):
        return None  # servers with an idle CPU allowance may wait for their machine
    near = max((use for use in (cpu, connections) if use), key=lambda use: use.share, default=None)
    unloaded_s, upstream_s = figures["unloaded_s"], figures["upstream_s"]
    waits = bool(unloaded_s) and upstream_s is not None and upstream_s >= limits.server_queue * (unloaded_s or 0.0)
    if near is not None and near.share >= limits.dependency_near and waits:
        return _of_dependency(ReasonKind.DEPENDENCY_WAIT, near.name)
    return _of_dependency(ReasonKind.DEPENDENCY_TIME, spent.name) if spent is not None and is_slow else None


def _is_used_by_dependencies(seen: Observation, server: str) -> bool:
    """Whether dependencies use at least half of the CPU of a server's machine."""
    machine = seen.machine_of.get(server)
    cores = next((m.cores for m in seen.machines if m.machine == machine), 0)
    used = [
        host_usage.cores_used(seen, host) or 0.0 for host in seen.dependencies if seen.machine_of.get(host) == machine
    ]
    return bool(used) and math.fsum(used) >= cores / 2


def _of_dependency(kind: ReasonKind, name: str) -> Found:
    return Component.DEPENDENCY, Reason(kind=kind, subject=name)


def _server(seen: Observation, findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    # Only with equal shares does the slowest server limit the others.
    slow = next((f for f in findings if f.kind == Kind.SLOW_SERVER), None)
    if slow is not None and seen.balancing.even:
        return Component.SERVER, _of_finding(ReasonKind.SLOW_SERVER, slow)
    busy, cpu = utilization.slots_of(seen), figures["server_cpu"]
    if busy is not None and busy[1] >= limits.slots_busy:
        return Component.SERVER, Reason(kind=ReasonKind.SLOTS_BUSY, subject=busy[0])
    if cpu is not None and cpu >= limits.server_cpu:
        return Component.SERVER, Reason(kind=ReasonKind.SERVER_CPU, subject=utilization.server(seen)[0])
    if busy is not None:
        return None  # the slots are measured, and were idle
    return _waiting(seen, figures, cpu, limits)


def _waiting(seen: Observation, figures: Judged, cpu: float | None, limits: Thresholds) -> Found | None:
    """Find slow responses of a server below its CPU allowance: by its concurrency, unless they are slow elsewhere.

    A server that waits for CPU uses little of its own, too, where its machine has none left.
    """
    unloaded_s, response_s, upstream_s = (figures[name] for name in ("unloaded_s", "response_s", "upstream_s"))
    if not unloaded_s or not response_s or cpu is None or response_s < limits.server_queue * unloaded_s:
        return None
    if upstream_s is not None and upstream_s - unloaded_s < limits.server_share * (response_s - unloaded_s):
        return Component.UNKNOWN, Reason(kind=ReasonKind.SLOW_ELSEWHERE)
    full = host_usage.fullest_machine(seen)
    if full is not None and full[1] >= limits.server_cpu:
        return Component.SERVER, Reason(kind=ReasonKind.MACHINE_CPU, subject=full[0], detail=percent(full[1]))
    return Component.SERVER, Reason(kind=ReasonKind.CONCURRENCY)


def _platform(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Found | None:
    """Find a platform whose responses are slow: it has requests that wait, inside of it or on the way to it."""
    times = figures["times"]
    if seen.balancing.kind is not TARGET or times is None or times < limits.server_queue:
        return None
    return Component.PLATFORM, Reason(kind=ReasonKind.PLATFORM_WAIT)


def of_cell(limits: Sequence[Component]) -> tuple[Component, str]:
    """Return the bottleneck of at least two thirds of a cell's trials, else unknown with the counts."""
    counts = Counter(limits)
    if not counts:
        return Component.UNKNOWN, tr("no usable trial")
    limit, count = counts.most_common(1)[0]
    if 3 * count >= 2 * len(limits):
        return limit, ""
    shown = ", ".join(tr("{name} in {n}", name=name, n=n) for name, n in counts.most_common())
    return Component.UNKNOWN, tr("its trials disagree ({shown})", shown=shown)

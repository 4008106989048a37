"""What limited a trial, and a cell: what would raise throughput. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.judge import failure_share, open_load, prediction, utilization, window_stats
from harness.judge import figures as derived
from harness.judge.figures import generator_use
from harness.judge.observation import Observation
from harness.records.findings import Finding, Kind, Severity
from harness.records.trial import Bottleneck, Component
from harness.words import percent


def of_trial(seen: Observation, findings: Sequence[Finding], limits: Thresholds) -> Bottleneck:
    """Judge one trial by what would raise its throughput.

    Tried in this order: generator, users or load, balancer, network, server by its slots, by CPU, by concurrency.
    """
    rows, much = seen.window, failure_share.of_observation(seen, limits)
    first = f"{much.words}; " if much else ""
    rate = window_stats.mean_rate(rows)
    if not rows or not rate:
        return _verdict(Reason(Component.UNKNOWN, "no request succeeded in the steady window"), "", {}, first)
    figures = _figures(seen)
    near = "" if much else next_bottleneck(figures["of_users_bound"], figures.get("of_offered"), limits)
    for judge in (_died, _generator, _lost, _users, _load, _balancer, _network, _server):
        reason = judge(seen, findings, figures, limits)
        if reason is not None:
            return _verdict(reason, near, figures, first)
    if much is not None:
        return _verdict(Reason(Component.UNKNOWN, REJECTING if much.rejects else FAILING), near, figures, first)
    return _verdict(Reason(Component.UNKNOWN, "nothing that was measured is exhausted"), near, figures)


# What limits a trial that uses up no resource, where a large share of its requests did not succeed.
REJECTING = "what answers them so is the limit, not a resource that was measured"
FAILING = "no resource that was measured is used up, so look at what failed"


def next_bottleneck(of_bound: float | None, of_offered: float | None, limits: Thresholds) -> str:
    """That the load is what limits next, by what share of all that it asks for is answered; empty where it is not."""
    if of_bound is not None and limits.users_next <= of_bound < limits.users_bound:
        return f"users ({percent(of_bound)} of what they can ask for)"
    if of_offered is not None and limits.users_next <= of_offered < limits.load_served:
        return f"load ({percent(of_offered)} of what was offered)"
    return ""


Judged = Mapping[str, float | None]


@dataclass(frozen=True)
class Reason:
    """What limited a trial, in words that may hold names of figures in braces."""

    component: Component
    words: str


def told(words: str, figures: Judged) -> str:
    """A reason's words with its figures, of a trial or means over many: shares as percent, {times} as they are."""

    def shown(name: re.Match[str]) -> str:
        value = figures.get(name[1])
        return name[0] if value is None else f"{value:.1f}" if name[1] == "times" else percent(min(value, 1.0))

    return re.sub(r"\{(\w+)\}", shown, words)


def _verdict(reason: Reason, near: str, figures: dict[str, float | None], first: str = "") -> Bottleneck:
    return Bottleneck(
        component=reason.component,
        reason=first + told(reason.words, figures),
        words=reason.words,
        next_bottleneck="" if reason.component.is_load else near,
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


def _died(seen: Observation, _findings: Sequence[Finding], _figures: Judged, _limits: Thresholds) -> Reason | None:
    if not seen.died:
        return None
    dead = "; ".join(f"{host} {what}" for host, what in seen.died.items())
    after = seen.balancing.after_a_death(len(seen.expected_servers))
    return Reason(Component.SERVER, f"{dead}; {after}" if after else dead)


def _generator(_seen: Observation, findings: Sequence[Finding], _figures: Judged, _: Thresholds) -> Reason | None:
    # More users than there are make a fault of counting, and no late generator.
    sick = [
        f
        for f in findings
        if f.rule in ("E5", "E6", "E7") and f.severity == Severity.INVALID and (f.figure is None or f.figure > 0)
    ]
    return Reason(Component.GENERATOR, f"the generator did not keep up: {sick[0].cause}") if sick else None


def _lost(seen: Observation, _findings: Sequence[Finding], _figures: Judged, _: Thresholds) -> Reason | None:
    """What limited a window in the middle of which servers were stopped is not one thing."""
    said = f"{' and '.join(sorted(seen.stopped))} was stopped in the middle of it, so no one thing limited all of it"
    return Reason(Component.UNKNOWN, said) if seen.stopped else None


def _users(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Reason | None:
    of_bound = figures["of_users_bound"]
    if of_bound is None or of_bound < limits.users_bound:
        return None
    return Reason(Component.LOAD, f"{seen.users} users asked for no more: {{of_users_bound}} of what they can")


def _load(_seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Reason | None:
    """All that was offered is served, and not only by letting a queue grow."""
    served, rise = figures.get("of_offered"), figures.get("latency_rise")
    if served is None or served < limits.load_served or (rise is not None and rise > limits.load_rise):
        return None
    return Reason(Component.LOAD, "no more was offered: {of_offered} of it was served")


def _balancer(seen: Observation, findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Reason | None:
    lost = window_stats.error_rate(seen.window) or 0.0
    for event in LIMITS_OF_CONNECTIONS:
        # One line in the log, or those of the ramp-up, explain nothing that is missing in the window.
        if event in seen.balancer.events and lost > limits.errors_warning:
            return Reason(Component.BALANCER, f'the balancer had no connection left: it logged "{event}"')
    used = figures["balancer_cpu"]
    if used is not None and used >= limits.balancer_cpu:
        return Reason(Component.BALANCER, "the balancer's busiest worker used {balancer_cpu} of its CPU")
    uneven = next((f for f in findings if f.kind == Kind.UNEVEN_SHARES and f.severity == Severity.WARNING), None)
    return Reason(Component.BALANCER, uneven.cause) if uneven else None


LIMITS_OF_CONNECTIONS = ("worker_connections are not enough", "Too many open files", "Cannot assign requested address")


def _network(seen: Observation, _findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Reason | None:
    over = derived.over_allowance(seen)
    if over is not None and over[2] > limits.allowance:
        said = f"{{over_allowance}} of {over[0]}'s segments exceeded its instance's allowance ({over[1]})"
        return Reason(Component.NETWORK, said)
    again = figures["retransmitted"]
    if again is not None and again > limits.retransmits:
        return Reason(Component.NETWORK, "{retransmitted} of the TCP segments were sent again")
    return None


def _server(seen: Observation, findings: Sequence[Finding], figures: Judged, limits: Thresholds) -> Reason | None:
    # Only where each gets its share all the same do the others wait for the slowest.
    slow = next((f for f in findings if f.kind == Kind.SLOW_SERVER), None)
    if slow is not None and seen.balancing.even:
        return Reason(Component.SERVER, slow.cause)
    busy, cpu = utilization.slots_of(seen), figures["server_cpu"]
    if busy is not None and busy[1] >= limits.slots_busy:
        return Reason(Component.SERVER, f"{busy[0]} slots were busy to {{server_slots}}")
    if cpu is not None and cpu >= limits.server_cpu:
        who = utilization.server(seen)[0]
        return Reason(
            Component.SERVER, f"{who} used {{server_cpu}} of {'their' if who == utilization.TOGETHER else 'its'} CPU"
        )
    if busy is not None:
        return None  # its slots are known, and were free
    return _waiting(figures, cpu, limits)


def _waiting(figures: Judged, cpu: float | None, limits: Thresholds) -> Reason | None:
    """By concurrency: answers take long though the CPU is idle, and it is the servers that take so long."""
    unloaded_s, response_s, upstream_s = (figures[name] for name in ("unloaded_s", "response_s", "upstream_s"))
    if not unloaded_s or not response_s or cpu is None or response_s < limits.server_queue * unloaded_s:
        return None
    took = "answers took {times} times the unloaded time"
    if upstream_s is not None and upstream_s - unloaded_s < limits.server_share * (response_s - unloaded_s):
        return Reason(Component.UNKNOWN, f"{took}, of which servers took {{served}}: the rest is lost elsewhere")
    return Reason(Component.SERVER, f"{took} with the CPU at {{server_cpu}}: requests wait for a slot, not for the CPU")


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

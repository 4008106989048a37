"""What limited a trial, and a cell: what would raise throughput. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from harness.grid.thresholds import Thresholds
from harness.judge import figures as derived
from harness.judge import prediction, seconds
from harness.judge.figures import generator_use
from harness.judge.observation import Observation
from harness.records.findings import Finding, Kind, Severity
from harness.records.trial import Limit, Verdict
from harness.words import percent


def of_trial(seen: Observation, findings: Sequence[Finding], limits: Thresholds) -> Verdict:
    """Judge one trial by what would raise its throughput.

    Tried in this order: generator, users, balancer, network, server by its slots, by CPU, by concurrency.
    """
    rows = seen.window
    rate = seconds.mean_rate(rows)
    if not rows or not rate:
        return _verdict(Limit.UNKNOWN, "no request succeeded in the steady window")
    figures = _figures(seen, rate)
    of_bound, cpu = figures["of_users_bound"], figures["server_cpu"]
    near = ""
    if of_bound is not None and limits.users_next <= of_bound < limits.users_bound:
        near = f"users ({percent(of_bound)} of what they can ask for)"
    if seen.died:
        dead = "; ".join(f"{host} {what}" for host, what in seen.died.items())
        told = seen.balancing.after_a_death(len(seen.expected))
        return _verdict(Limit.SERVER, f"{dead}; {told}" if told else dead, near, figures)
    sick = [f for f in findings if f.rule in ("E5", "E6", "E7") and f.severity == Severity.REFUSE]
    if sick:
        return _verdict(Limit.GENERATOR, f"the generator did not keep up: {sick[0].cause}", near, figures)
    if of_bound is not None and of_bound >= limits.users_bound:
        why = f"{seen.users} users asked for no more: {percent(of_bound)} of what they can"
        return _verdict(Limit.USERS, why, "", figures)
    for limit, why in (
        (Limit.BALANCER, _balancer(seen, findings, limits)),
        (Limit.NETWORK, _network(seen, limits)),
    ):
        if why:
            return _verdict(limit, why, near, figures)
    # Only where each gets its share all the same do the others wait for the slowest.
    slow = next((f for f in findings if f.kind == Kind.SLOW_SERVER), None)
    if slow is not None and seen.balancing.even:
        return _verdict(Limit.SERVER, slow.cause, near, figures)
    busy = busiest_slots(seen)
    if busy is not None and busy[1] >= limits.slots_busy:
        return _verdict(Limit.SERVER, f"{busy[0]} slots were busy to {percent(busy[1])}", near, figures)
    if cpu is not None and cpu >= limits.server_cpu:
        return _verdict(Limit.SERVER, "{} used {} of {} CPU".format(*used_cpu(seen, cpu)), near, figures)
    response_s = figures["response_s"]
    if seen.unloaded_s and response_s and response_s >= limits.server_queue * seen.unloaded_s and cpu is not None:
        return _verdict(
            Limit.SERVER,
            f"answers took {response_s / seen.unloaded_s:.1f} times the unloaded time with the CPU at {percent(cpu)}: "
            "requests wait for a slot, not for the CPU",
            near,
            figures,
        )
    return _verdict(Limit.UNKNOWN, "nothing that was measured is exhausted", near, figures)


def _verdict(limit: Limit, why: str, next_limit: str = "", figures: dict[str, float | None] | None = None) -> Verdict:
    return Verdict(limit=limit, why=why, next_limit=next_limit, figures=figures or {})


def _figures(seen: Observation, rate: float) -> dict[str, float | None]:
    think_s = derived.think_s(seen) or seen.think_time_s
    rows, slots = seen.window, busiest_slots(seen)
    answers = sum(s.completed + s.failed for s in rows) / len(rows)
    waiting = derived.in_flight(seen)
    bound = prediction.users_bound(seen.users, seen.unloaded_s, think_s) if seen.unloaded_s else None
    return {
        "users_bound": bound,
        "of_users_bound": rate / bound if bound else None,
        "server_cpu": busiest_server(seen)[1],
        "server_slots": slots[1] if slots else None,
        "server_throttled": derived.throttled(seen),
        "generator_cpu": generator_use(seen),
        "balancer_cpu": derived.balancer_use(seen),
        "response_s": None if waiting is None else waiting / answers,
        "unloaded_s": seen.unloaded_s,
    }


def _balancer(seen: Observation, findings: Sequence[Finding], limits: Thresholds) -> str:
    """Why the balancer is the limit; empty when it is not."""
    lost = seconds.error_rate(seen.window) or 0.0
    for event in LIMITS_OF_CONNECTIONS:
        # One line in the log, or those of the ramp-up, explain nothing that is missing in the window.
        if event in seen.balancer.events and lost > limits.errors_degrade:
            return f'the balancer had no connection left: it logged "{event}"'
    used = derived.balancer_use(seen)
    if used is not None and used >= limits.balancer_cpu:
        return f"the balancer's busiest worker used {percent(used)} of its CPU"
    uneven = next(
        (f for f in findings if f.rule == "E12" and f.severity == Severity.DEGRADE and "shares" in f.cause), None
    )
    return uneven.cause if uneven else ""


LIMITS_OF_CONNECTIONS = ("worker_connections are not enough", "Too many open files", "Cannot assign requested address")


def _network(seen: Observation, limits: Thresholds) -> str:
    """Why the network is the limit; empty when it is not."""
    for host, counted in seen.network.items():
        for name, count in counted.items():
            if name.endswith("_allowance_exceeded") and count:
                return f"{host} exceeded its instance's network allowance ({name})"
    again = derived.retransmitted(seen)
    if again is not None and again > limits.retransmits:
        return f"{percent(again, 1)} of the TCP segments were sent again"
    return ""


TOGETHER = "the servers together"


def busiest_server(seen: Observation) -> tuple[str, float | None]:
    """The server that used most of its cap in the steady window, and that share; None without a cap.

    Where the balancer gives more to who is free, one that is busy holds nobody up: then it is all of them together.
    """
    use: dict[str, tuple[float, float]] = {}
    for host in seen.expected:
        cap, used = seen.caps.get(host), derived.cores_used(seen, host)
        if used is not None and cap:
            use[host] = used, cap
    if not use:
        return "", None
    if len(use) > 1 and not seen.balancing.even:
        # fsum, because hosts stand in another order once they were written and read again.
        return TOGETHER, math.fsum(used for used, _ in use.values()) / math.fsum(cap for _, cap in use.values())
    busiest = max(use, key=lambda host: use[host][0] / use[host][1])
    return busiest, use[busiest][0] / use[busiest][1]


def used_cpu(seen: Observation, share: float) -> tuple[str, str, str]:
    """Who used what share of whose CPU, in words."""
    who = busiest_server(seen)[0]
    return who, percent(share), "their" if who == TOGETHER else "its"


def busiest_slots(seen: Observation) -> tuple[str, float] | None:
    """Whose slots were busiest, and to what share of the window; as `busiest_server` where none holds others up."""
    if len(seen.slots) > 1 and not seen.balancing.even:
        offered = math.fsum(said.offered for said in seen.slots.values())
        return ("all servers'", math.fsum(said.busy for said in seen.slots.values()) / offered) if offered else None
    found = derived.busiest_slots(seen)
    return found and (f"{found[0]}'s", found[1])


def of_cell(limits: Sequence[Limit]) -> tuple[Limit, str]:
    """A cell's verdict is that of at least two thirds of its trials, else unknown with the counts."""
    counts = Counter(limits)
    if not counts:
        return Limit.UNKNOWN, "no usable trial"
    limit, count = counts.most_common(1)[0]
    if 3 * count >= 2 * len(limits):
        return limit, ""
    told = " and ".join(f"{n} by {name}" for name, n in counts.most_common())
    return Limit.UNKNOWN, f"its trials disagree, {told}"

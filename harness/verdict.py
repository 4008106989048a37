"""What limited a trial, and a cell: what would raise throughput. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness import observation, stats
from harness.findings import Finding
from harness.observation import Observation, generator_use
from harness.thresholds import Thresholds
from harness.words import percent


@dataclass(frozen=True)
class Verdict:
    """`limit` is users, server, generator or unknown; `figures` are what it rests on."""

    limit: str
    why: str
    next_limit: str = ""
    figures: dict[str, float | None] = field(default_factory=dict)


def of_trial(seen: Observation, findings: Sequence[Finding], unloaded_s: float | None, limits: Thresholds) -> Verdict:
    """Judge one trial; tried in this order: generator, users, server by CPU, server by concurrency.

    `unloaded_s` is the response time R0 without load, in seconds.
    """
    rows = seen.window
    rate = stats.mean_rate(rows)
    if not rows or not rate:
        return Verdict("unknown", "no request succeeded in the steady window")
    think_s = observation.think_s(seen) or seen.think_time_s
    answers = sum(s.completed + s.failed for s in rows) / len(rows)
    waiting = observation.in_flight(seen)
    response_s = None if waiting is None else waiting / answers
    bound = stats.users_bound(seen.users, unloaded_s, think_s) if unloaded_s else None
    of_bound = rate / bound if bound else None
    busiest, cpu = busiest_server(seen)
    figures = {
        "users_bound": bound,
        "of_users_bound": of_bound,
        "server_cpu": cpu,
        "generator_cpu": generator_use(seen),
        "response_s": response_s,
        "unloaded_s": unloaded_s,
    }
    near = ""
    if of_bound is not None and limits.users_next <= of_bound < limits.users_bound:
        near = f"users ({percent(of_bound)} of what they can ask for)"
    if any(f.rule in ("E5", "E6") and f.severity == "refuse" for f in findings):
        return Verdict("generator", "the generator did not keep up with its users", near, figures)
    if of_bound is not None and of_bound >= limits.users_bound:
        return Verdict(
            "users",
            f"{seen.users} users asked for no more: {percent(of_bound)} of what they can",
            "",
            figures,
        )
    if cpu is not None and cpu >= limits.server_cpu:
        return Verdict("server", f"{busiest} used {percent(cpu)} of its CPU", near, figures)
    if unloaded_s and response_s is not None and response_s >= limits.server_queue * unloaded_s and cpu is not None:
        return Verdict(
            "server",
            f"answers took {response_s / unloaded_s:.1f} times the unloaded time with the CPU at {percent(cpu)}: "
            "requests wait for a slot, not for the CPU",
            near,
            figures,
        )
    return Verdict("unknown", "nothing that was measured is exhausted", near, figures)


def busiest_server(seen: Observation) -> tuple[str, float | None]:
    """The server that used most of its cap in the steady window, and that share; None without a cap."""
    use: dict[str, float] = {}
    for host in seen.expected:
        rows = [
            h.cpu_cores
            for h in seen.hosts
            if h.host == host and seen.window_from_s <= h.t_s - 1 and h.t_s <= seen.window_to_s
        ]
        cap = seen.caps.get(host)
        if rows and cap:
            use[host] = sum(rows) / len(rows) / cap
    if not use:
        return "", None
    busiest = max(use, key=lambda host: use[host])
    return busiest, use[busiest]


def of_cell(limits: Sequence[str]) -> tuple[str, str]:
    """A cell's verdict is that of at least two thirds of its trials, else unknown with the counts."""
    counts = Counter(limits)
    if not counts:
        return "unknown", "no usable trial"
    limit, count = counts.most_common(1)[0]
    if 3 * count >= 2 * len(limits):
        return limit, ""
    return "unknown", "its trials disagree: " + ", ".join(f"{n} {name}" for name, n in counts.most_common())

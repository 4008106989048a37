"""Figures that rules, bottlenecks and the report derive from one trial's observation. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.judge import window_stats
from harness.judge.observation import Observation
from harness.records.series import Sample


def littles_law_residual(seen: Observation) -> float | None:
    """H of rule E5, as a share of the users; None when nobody was thinking."""
    rows = seen.window
    thinking_s, waiting = think_s(seen), in_flight(seen)
    if thinking_s is None or waiting is None:
        return None
    thinking = [s.thinking for s in rows if s.thinking is not None]
    if len(thinking) == len(rows):
        # Counted until the wake-ups that were drawn: what is left is users who are late, whatever the window holds.
        return (seen.users - waiting - sum(thinking) / len(rows)) / seen.users
    rate = sum(s.completed + s.failed for s in rows) / len(rows)
    return (seen.users - waiting - rate * thinking_s) / seen.users


def think_s(seen: Observation) -> float | None:
    """Mean think time drawn in the window; the mean it is drawn around where the engine does not count."""
    rows = seen.window
    if rows and all(s.thinks is None for s in rows):
        return seen.think_time_s
    return window_stats.mean_think_s(rows)


def in_flight(seen: Observation) -> float | None:
    """Mean number of requests in flight in the window, by the generator or else by the balancer."""
    counted = window_stats.mean_in_flight(seen.window)
    at_balancer = seen.balancer.mean_in_flight
    return counted if counted is not None or at_balancer is None else float(at_balancer)


def drift(seen: Observation) -> float | None:
    """Ln of the window's second half against its first (rule E10); None where one has no success.

    It is not told of a trial in which servers were stopped on purpose: that is what changed there.
    """
    return None if seen.stopped else _change(seen.window, window_stats.mean_rate)


def latency_drift(seen: Observation) -> float | None:
    """Ln of the mean latency of the window's second half against its first's; None as `drift`."""
    return None if seen.stopped else _change(seen.window, window_stats.mean_latency_s)


def _change(rows: Sequence[Sample], mean: Callable[[Sequence[Sample]], float | None]) -> float | None:
    half = len(rows) // 2
    first, second = mean(rows[:half]), mean(rows[len(rows) - half :])
    return math.log(second / first) if first and second else None


def of_users_bound(seen: Observation) -> float | None:
    """The rate as a share of N / (R0 + Z), the most that these users can ask for; None where that is not known.

    R0 is no longer than what 1 % of the answers under load took at most: a cold first request is none. Where users that
    think are counted it is (T + X·R0) / N, which is the same by Little's law and knows no edges of the window. A bound
    that is exceeded is wrong, and says nothing.
    """
    if seen.rate_per_s is not None:
        return None
    rows, think = seen.window, think_s(seen) or seen.think_time_s
    rate, unloaded_s = window_stats.mean_rate(rows), warm_s(seen)
    if not unloaded_s or not rate:
        return None
    answers = sum(s.completed + s.failed for s in rows) / len(rows)
    thinking = [s.thinking for s in rows if s.thinking is not None]
    asked = sum(thinking) / len(rows) if len(thinking) == len(rows) else answers * think
    share = rate / answers * (asked + answers * unloaded_s) / seen.users
    return share if share <= BOUND_WRONG else None


BOUND_WRONG = 1.02


def warm_s(seen: Observation) -> float | None:
    """R0 in seconds: without load, but no longer than what 1 % of the answers under load took at most."""
    return min(seen.unloaded_s, seen.fastest_s or seen.unloaded_s) if seen.unloaded_s else None


def cores_used(seen: Observation, host: str) -> float | None:
    """Mean cores that a host's container used in the window; None when none was read.

    One that was stopped on purpose used none from then on.
    """
    rows = [h.cpu_cores for h in seen.hosts if h.host == host and in_window(seen, h.t_s)]
    if not rows:
        return None
    lived = 1.0
    if host in seen.stopped:
        lived = (seen.calm_to_s - seen.window_from_s) / (seen.window_to_s - seen.window_from_s)
    return sum(rows) / len(rows) * lived


def cpu_ms_per_request(seen: Observation) -> dict[str, float | None]:
    """What a request, answered well or not, cost each role in CPU time in the window (rule E22); None if not read."""
    asked = sum(s.completed + s.failed for s in seen.window)
    roles = {"generator": seen.generators, "balancer": [seen.balancer_host], "servers": list(seen.expected_servers)}
    found: dict[str, float | None] = {}
    for role, hosts in roles.items():
        used = [cores_used(seen, host) for host in hosts]
        known = [cores for cores in used if cores is not None]
        # fsum, because hosts stand in another order once they were written and read again.
        whole = asked > 0 and len(known) == len(used)
        found[role] = math.fsum(known) * 1000 * len(seen.window) / asked if whole else None
    return found


def in_window(seen: Observation, t_s: float) -> bool:
    """Whether a reading of the second that ends at `t_s` lies in the window."""
    return seen.window_from_s <= t_s - 1 and t_s <= seen.window_to_s


def generator_use(seen: Observation) -> float | None:
    """What the busiest generator process used, of a core or of its cap, mean over the window; None when not seen.

    An engine whose processes use many cores each is judged by its busiest host, of all it may use.
    """
    busiest = [s.busiest_cpu_s for s in seen.window if s.busiest_cpu_s is not None]
    if busiest:
        cap = seen.caps.get(seen.generators[0])
        return sum(busiest) / len(busiest) / (min(1.0, cap) if cap else 1.0)
    shares = []
    for host in seen.generators:
        used, cap = cores_used(seen, host), seen.caps.get(host)
        if used is not None and cap:
            shares.append(used / cap)
    return max(shares, default=None)


def generator_host_use(seen: Observation) -> float | None:
    """How busy the generators' machines were in the mean, where no server or balancer shares them; else None."""
    alone = [
        machine
        for name, machine in seen.machine_of.items()
        if name in seen.generators
        and not any(m == machine and n not in seen.generators for n, m in seen.machine_of.items())
    ]
    shares = []
    for machine in alone:
        rows = [m.busy_cores / m.cores for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
        if rows:
            shares.append(sum(rows) / len(rows))
    return max(shares, default=None)


def throttled(seen: Observation) -> float | None:
    """Share of periods in which servers were held back at their cap, mean over the window; None when not read."""
    found = [
        h.throttled_share
        for h in seen.hosts
        if h.host in seen.expected_servers and h.throttled_share is not None and in_window(seen, h.t_s)
    ]
    return sum(found) / len(found) if found else None


def generator_lag_s(seen: Observation) -> float | None:
    """p99 of how late the generator's event loop is for who wants it at any moment of the window; None when not seen.

    In seconds. A reading counts for as long as it lasted: one that was 2 s late is a freeze of 2 s, though it is one of
    many, and who wants the loop during it waits for the rest of it. Of each second the longest one is known.
    """
    freezes_s = sorted((s.lag_ms / 1000 for s in seen.window if s.lag_ms is not None), reverse=True)
    share_s, whole_s = 0.01 * len(freezes_s), 0.0
    for count, (lag_s, following_s) in enumerate(zip(freezes_s, [*freezes_s[1:], 0.0], strict=False), 1):
        whole_s += lag_s
        late_s = (whole_s - share_s) / count  # of these freezes so much time lies beyond it as is 1 % of the window
        if late_s >= following_s:
            return max(0.0, late_s)
    return None


def shares(seen: Observation) -> dict[str, float]:
    """Server → its share of the answers of the cell's servers, by the balancer's log; empty without any.

    Where servers were stopped on purpose, of the answers before that.
    """
    upstreams = seen.answers_in(0.0, seen.calm_to_s) if seen.stopped else seen.balancer.upstreams
    counts = {name: sum(upstreams.get(address, {}).values()) for name, address in seen.expected_servers.items()}
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def foreign_share(seen: Observation, machine: str) -> float | None:
    """Share of a machine's CPU that was used by what is not the study's, mean over the window.

    The study's are all containers (and the agent) that were read there; the kernel's interrupts are nobody's.
    """
    rows = [m for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
    used = [cores_used(seen, host) for host, where in seen.machine_of.items() if where == machine]
    if not rows or not used or any(cores is None for cores in used):
        return None
    busy = sum(m.busy_cores for m in rows) / len(rows)
    # fsum, because hosts stand in another order once they were written and read again.
    return max(0.0, busy - math.fsum(cores for cores in used if cores)) / rows[0].cores


def balancer_use(seen: Observation) -> float | None:
    """What the busiest nginx worker used of a core or of the balancer's cap; None when not seen.

    The container's CPU over its workers in proportion to what each used since it started.
    """
    workers = seen.balancer.worker_cpu_s
    used, cap = cores_used(seen, seen.balancer_host), seen.caps.get(seen.balancer_host)
    if used is None or not workers or not sum(workers):
        return None
    of_core = used * max(workers) / sum(workers)
    return max(of_core, used / cap) if cap else of_core


def over_allowance(seen: Observation) -> tuple[str, str, float] | None:
    """Host, counter and share of its segments that went beyond an instance's allowance, the largest; None for none."""
    found = [
        (host, name, count / counted["segments"])
        for host, counted in seen.network.items()
        for name, count in counted.items()
        if name.endswith("_allowance_exceeded") and count and counted.get("segments")
    ]
    return max(found, key=lambda one: one[2], default=None)


def retransmitted(seen: Observation) -> float | None:
    """Largest share of TCP segments that a host sent again; None when not read."""
    found = [
        counted["retransmits"] / counted["segments"]
        for counted in seen.network.values()
        if counted.get("segments", 0) > 1000 and "retransmits" in counted
    ]
    return max(found, default=None)

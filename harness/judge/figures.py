"""Figures of one trial for rules, bottlenecks and the report, derived from its observation. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.judge import window_stats
from harness.judge.observation import Observation
from harness.records.series import Sample


def littles_law_residual(seen: Observation) -> float | None:
    """Residual h of rule E5, as a share of the users; None without think times."""
    rows = seen.window
    thinking_s, waiting = think_s(seen), in_flight(seen)
    if thinking_s is None or waiting is None:
        return None
    thinking = [s.thinking for s in rows if s.thinking is not None]
    if len(thinking) == len(rows):
        # Counted until the drawn wake-up times: the rest are late users, at any edge of the window.
        return (seen.users - waiting - sum(thinking) / len(rows)) / seen.users
    rate = sum(s.completed + s.failed for s in rows) / len(rows)
    return (seen.users - waiting - rate * thinking_s) / seen.users


def think_s(seen: Observation) -> float | None:
    """Mean think time drawn in the window; the configured mean if the load generator does not count it."""
    rows = seen.window
    if rows and all(s.thinks is None for s in rows):
        return seen.think_time_s
    return window_stats.mean_think_s(rows)


def in_flight(seen: Observation) -> float | None:
    """Mean number of requests in flight in the window, counted by the load generator, else by the balancer."""
    counted = window_stats.mean_in_flight(seen.window)
    at_balancer = seen.balancer.mean_in_flight
    return counted if counted is not None or at_balancer is None else float(at_balancer)


def drift(seen: Observation) -> float | None:
    """Ln of throughput in the window's second half over its first half (rule E10).

    None if a half has no success, and in a trial with a server failure, which changes throughput.
    """
    return None if seen.stopped else _change(seen.window, window_stats.mean_rate)


def latency_drift(seen: Observation) -> float | None:
    """Ln of the mean latency in the window's second half over its first half; None as `drift`."""
    return None if seen.stopped else _change(seen.window, window_stats.mean_latency_s)


def _change(rows: Sequence[Sample], mean: Callable[[Sequence[Sample]], float | None]) -> float | None:
    half = len(rows) // 2
    first, second = mean(rows[:half]), mean(rows[len(rows) - half :])
    return math.log(second / first) if first and second else None


def of_users_bound(seen: Observation) -> float | None:
    """Throughput as a share of N / (R0 + Z), the users' maximum rate; None if unknown.

    R0 is at most the 1st percentile of the latency under load, because the first request may be cold. If thinking users
    are counted, the share is (T + X·R0) / N, which is the same by Little's law and independent of the window's edges.
    A bound that is exceeded by more than 2 % is wrong, so the result is None.
    """
    if seen.rate_per_s is not None:
        return None
    rows, think = seen.window, think_s(seen) or seen.think_time_s
    rate, unloaded_s = window_stats.mean_rate(rows), warm_s(seen)
    if not unloaded_s or not rate:
        return None
    answers = sum(s.completed + s.failed for s in rows) / len(rows)
    thinking = [s.thinking for s in rows if s.thinking is not None]
    thinkers = sum(thinking) / len(rows) if len(thinking) == len(rows) else answers * think
    share = rate / answers * (thinkers + answers * unloaded_s) / seen.users
    return share if share <= BOUND_WRONG else None


BOUND_WRONG = 1.02


def warm_s(seen: Observation) -> float | None:
    """R0 in seconds: measured without load, at most the 1st percentile under load."""
    return min(seen.unloaded_s, seen.fastest_s or seen.unloaded_s) if seen.unloaded_s else None


def cores_used(seen: Observation, host: str) -> float | None:
    """Mean cores that a host's container used in the window; None without readings.

    After a planned failure it used none.
    """
    rows = [h.cpu_cores for h in seen.hosts if h.host == host and in_window(seen, h.t_s)]
    if not rows:
        return None
    lived = 1.0
    if host in seen.stopped:
        lived = (seen.calm_to_s - seen.window_from_s) / (seen.window_to_s - seen.window_from_s)
    return sum(rows) / len(rows) * lived


def cpu_ms_per_request(seen: Observation) -> dict[str, float | None]:
    """CPU time of a request in ms by role, over successes and failures in the window (rule E22); None if not read."""
    requests = sum(s.completed + s.failed for s in seen.window)
    roles = {"generator": seen.generators, "balancer": [seen.balancer_host], "servers": list(seen.expected_servers)}
    found: dict[str, float | None] = {}
    for role, hosts in roles.items():
        used = [cores_used(seen, host) for host in hosts]
        known = [cores for cores in used if cores is not None]
        # fsum, because the order of hosts changes when they are written and read.
        whole = requests > 0 and len(known) == len(used)
        found[role] = math.fsum(known) * 1000 * len(seen.window) / requests if whole else None
    return found


def in_window(seen: Observation, t_s: float) -> bool:
    """Whether a reading of the second that ends at `t_s` lies in the window."""
    return seen.window_from_s <= t_s - 1 and t_s <= seen.window_to_s


def generator_use(seen: Observation) -> float | None:
    """Mean utilization of the busiest generator process, of a core or of its cap; None without readings.

    For a load generator with multi-core processes it is the utilization of the busiest host.
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
    """Mean utilization of the busiest generator machine without server or balancer; None if there is none."""
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
    """Share of periods in which servers were throttled at their cap, mean over the window; None without readings."""
    found = [
        h.throttled_share
        for h in seen.hosts
        if h.host in seen.expected_servers and h.throttled_share is not None and in_window(seen, h.t_s)
    ]
    return sum(found) / len(found) if found else None


def generator_lag_s(seen: Observation) -> float | None:
    """p99 of the event loop's delay in seconds, at a random moment of the window; None without readings.

    A reading is weighted by its duration: a delay of 2 s blocks the loop for 2 s, and a task that arrives meanwhile
    waits for the rest of it. The largest delay of each second is known.
    """
    freezes_s = sorted((s.lag_ms / 1000 for s in seen.window if s.lag_ms is not None), reverse=True)
    share_s, whole_s = 0.01 * len(freezes_s), 0.0
    for count, (lag_s, following_s) in enumerate(zip(freezes_s, [*freezes_s[1:], 0.0], strict=False), 1):
        whole_s += lag_s
        late_s = (whole_s - share_s) / count  # delay that these freezes exceed for 1 % of the window
        if late_s >= following_s:
            return max(0.0, late_s)
    return None


def shares(seen: Observation) -> dict[str, float]:
    """Return server → share of the responses, by the balancer's log; empty without any.

    With a server failure, only responses before it count.
    """
    upstreams = seen.answers_in(0.0, seen.calm_to_s) if seen.stopped else seen.balancer.upstreams
    counts = {name: sum(upstreams.get(address, {}).values()) for name, address in seen.expected_servers.items()}
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def foreign_share(seen: Observation, machine: str) -> float | None:
    """Mean share of a machine's CPU used by processes outside the study in the window; None without readings.

    The study's processes are the containers and the agent on that machine. The kernel's interrupts are not counted.
    """
    rows = [m for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
    used = [cores_used(seen, host) for host, where in seen.machine_of.items() if where == machine]
    if not rows or not used or any(cores is None for cores in used):
        return None
    busy = sum(m.busy_cores for m in rows) / len(rows)
    # fsum, because the order of hosts changes when they are written and read.
    return max(0.0, busy - math.fsum(cores for cores in used if cores)) / rows[0].cores


def balancer_use(seen: Observation) -> float | None:
    """Utilization of the busiest nginx worker, of a core or of the balancer's cap; None without readings.

    The container's CPU is apportioned to the workers by their CPU time since the start.
    """
    workers = seen.balancer.worker_cpu_s
    used, cap = cores_used(seen, seen.balancer_host), seen.caps.get(seen.balancer_host)
    if used is None or not workers or not sum(workers):
        return None
    of_core = used * max(workers) / sum(workers)
    return max(of_core, used / cap) if cap else of_core


def over_allowance(seen: Observation) -> tuple[str, str, float] | None:
    """Host, counter and largest share of segments beyond an instance's allowance; None without any."""
    found = [
        (host, name, count / counted["segments"])
        for host, counted in seen.network.items()
        for name, count in counted.items()
        if name.endswith("_allowance_exceeded") and count and counted.get("segments")
    ]
    return max(found, key=lambda one: one[2], default=None)


def retransmitted(seen: Observation) -> float | None:
    """Largest share of TCP segments that a host retransmitted; None without readings."""
    found = [
        counted["retransmits"] / counted["segments"]
        for counted in seen.network.values()
        if counted.get("segments", 0) > 1000 and "retransmits" in counted
    ]
    return max(found, default=None)

"""Figures that rules, verdicts and the report derive from one trial's observation. Pure."""

from __future__ import annotations

import math

from harness.judge import seconds
from harness.judge.observation import Observation


def little_gap(seen: Observation) -> float | None:
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
    return seconds.mean_think_s(rows)


def in_flight(seen: Observation) -> float | None:
    """Mean number of requests in flight in the window, by the generator or else by the balancer."""
    counted = seconds.mean_in_flight(seen.window)
    at_balancer = seen.balancer.mean_in_flight
    return counted if counted is not None or at_balancer is None else float(at_balancer)


def drift(seen: Observation) -> float | None:
    """Ln of the window's second half against its first (rule E10); None where one has no success."""
    rows = seen.window
    half = len(rows) // 2
    first, second = seconds.mean_rate(rows[:half]), seconds.mean_rate(rows[len(rows) - half :])
    return math.log(second / first) if first and second else None


def cores_used(seen: Observation, host: str) -> float | None:
    """Mean cores that a host's container used in the window; None when none was read."""
    rows = [h.cpu_cores for h in seen.hosts if h.host == host and in_window(seen, h.t_s)]
    return sum(rows) / len(rows) if rows else None


def cpu_ms_per_request(seen: Observation) -> dict[str, float | None]:
    """What a request, answered well or not, cost each role in CPU time in the window (rule E22); None if not read."""
    asked = sum(s.completed + s.failed for s in seen.window)
    roles = {"generator": seen.generators, "balancer": [seen.balancer_host], "servers": list(seen.expected)}
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
    """p95 of what the busiest generator process used, of a core or of its cap; None when not seen.

    An engine whose processes use many cores each is judged by its busiest host, of all it may use.
    """
    used = sorted(s.busiest_cpu_s for s in seen.window if s.busiest_cpu_s is not None)
    if used:
        cap = seen.caps.get(seen.generators[0])
        return seconds.nearest_rank(used, 0.95) / (min(1.0, cap) if cap else 1.0)
    shares = []
    for host in seen.generators:
        rows = sorted(
            h.cpu_cores for h in seen.hosts if h.host == host and seen.window_from_s <= h.t_s - 1 <= seen.window_to_s
        )
        cap = seen.caps.get(host)
        if rows and cap:
            shares.append(seconds.nearest_rank(rows, 0.95) / cap)
    return max(shares, default=None)


def generator_host_use(seen: Observation) -> float | None:
    """p95 of how busy the generators' machines were, where no server or balancer shares them; else None."""
    alone = [
        machine
        for name, machine in seen.placed.items()
        if name in seen.generators
        and not any(m == machine and n not in seen.generators for n, m in seen.placed.items())
    ]
    shares = []
    for machine in alone:
        rows = sorted(m.busy_cores / m.cores for m in seen.machines if m.machine == machine and in_window(seen, m.t_s))
        if rows:
            shares.append(seconds.nearest_rank(rows, 0.95))
    return max(shares, default=None)


def throttled(seen: Observation) -> float | None:
    """Share of periods in which servers were held back at their cap, mean over the window; None when not read."""
    found = [
        h.throttled_share
        for h in seen.hosts
        if h.host in seen.expected and h.throttled_share is not None and in_window(seen, h.t_s)
    ]
    return sum(found) / len(found) if found else None


LAG_READINGS = 20  # of the event loop's delay in a second; each second keeps the largest


def generator_lag_s(seen: Observation) -> float | None:
    """p99 of the delay of the generator's event loop in the window, in seconds; None when not seen.

    Of all readings 1 % are larger than their p99. Taken of the seconds' largest ones, at the same place
    from the top, it is never more than that.
    """
    worst = sorted((s.lag_ms for s in seen.window if s.lag_ms is not None), reverse=True)
    return worst[int(0.01 * LAG_READINGS * len(worst))] / 1000 if worst else None


def shares(seen: Observation) -> dict[str, float]:
    """Server → its share of the answers of the cell's servers, by the balancer's log; empty without any."""
    upstreams = seen.balancer.upstreams
    counts = {name: sum(upstreams.get(address, {}).values()) for name, address in seen.expected.items()}
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def busiest_slots(seen: Observation) -> tuple[str, float] | None:
    """The server whose slots were busiest, and to what share of the window; None where servers are not paced."""
    busy = {name: said.busy / said.offered for name, said in seen.slots.items() if said.offered}
    name = max(busy, key=lambda name: busy[name], default=None)
    return None if name is None else (name, busy[name])


def slots_lost(seen: Observation) -> tuple[str, float] | None:
    """The server that lost most of its slots' time for want of CPU, and that share; None where none is paced."""
    lost = {name: said.lost / said.offered for name, said in seen.slots.items() if said.offered}
    name = max(lost, key=lambda name: lost[name], default=None)
    return None if name is None else (name, lost[name])


def latest(seen: Observation) -> tuple[str, float] | None:
    """The server that answered latest after the ends of its slots, and by how many seconds on average."""
    late_s = {name: said.late / said.answers for name, said in seen.slots.items() if said.answers}
    name = max(late_s, key=lambda name: late_s[name], default=None)
    return None if name is None else (name, late_s[name])


def slowest(seen: Observation) -> tuple[str, float] | None:
    """The server whose requests cost it most, and how many times those of the cheapest (rule E12).

    Of its CPU; or of its slots' time where it is held to a rate, as its CPU then limits nothing.
    """
    costs = {}
    for name, said in seen.slots.items():
        if said.answers:
            costs[name] = said.busy / said.answers
    for name, share in ({} if seen.slots else shares(seen)).items():
        cap, used = seen.caps.get(name), cores_used(seen, name)
        if cap and used and share:
            costs[name] = used / cap / share
    if len(costs) < 2:
        return None
    dearest = max(costs, key=lambda name: costs[name])
    return dearest, costs[dearest] / min(costs.values())


def foreign_share(seen: Observation, machine: str) -> float | None:
    """Share of a machine's CPU that was used by what is not the study's, mean over the window.

    The study's are all containers (and the agent) that were read there; the kernel's interrupts are nobody's.
    """
    rows = [m for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
    used = [cores_used(seen, host) for host, where in seen.placed.items() if where == machine]
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


def retransmitted(seen: Observation) -> float | None:
    """Largest share of TCP segments that a host sent again; None when not read."""
    found = [
        counted["retransmits"] / counted["segments"]
        for counted in seen.network.values()
        if counted.get("segments", 0) > 1000 and "retransmits" in counted
    ]
    return max(found, default=None)

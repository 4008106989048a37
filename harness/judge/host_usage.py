"""CPU use of the hosts in one trial. Pure."""

from __future__ import annotations

import math

from harness.judge.figures import in_window
from harness.judge.observation import Observation


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
    if not seen.balancing.kind.forwards:  # its container only forwards health checks
        del roles["balancer"]
    if not seen.expected_servers:  # those of a platform are unknown
        del roles["servers"]
    found: dict[str, float | None] = {}
    for role, hosts in roles.items():
        used = [cores_used(seen, host) for host in hosts]
        known = [cores for cores in used if cores is not None]
        # fsum, because the order of hosts changes when they are written and read.
        whole = requests > 0 and len(known) == len(used)
        found[role] = math.fsum(known) * 1000 * len(seen.window) / requests if whole else None
    return found


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
    """Mean utilization of the busiest generator machine without server or balancer; None if there is none.

    A lab's generator may share its machine with a platform that the study does not observe.
    """
    if seen.kind == "lab" and not seen.expected_servers:
        return None
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


def fullest_machine(seen: Observation) -> tuple[str, float] | None:
    """The server with the least CPU left on its machine, and the share of that CPU in use; None without readings.

    CPU that the hypervisor took is in use: burstable instances without credits have no other sign of it.
    """
    used = {host: machine_used(seen, host) for host in seen.expected_servers}
    found = [(host, share) for host, share in used.items() if share is not None]
    return max(found, key=lambda one: one[1], default=None)


def machine_used(seen: Observation, host: str) -> float | None:
    """Share of the CPU of a host's machine that is in use or taken by the hypervisor; None without readings."""
    machine = seen.machine_of.get(host)
    rows = [m for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
    return sum(m.busy_cores / m.cores + m.steal_share for m in rows) / len(rows) if rows else None


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
    """Utilization of the busiest worker of the balancer, of a core or of the balancer's cap; None without readings.

    The container's CPU is apportioned to the workers by their CPU time since the start.
    """
    workers = seen.balancer.worker_cpu_s
    used, cap = cores_used(seen, seen.balancer_host), seen.caps.get(seen.balancer_host)
    if used is None or not workers or not sum(workers):
        return None
    of_core = used * max(workers) / sum(workers)
    return max(of_core, used / cap) if cap else of_core

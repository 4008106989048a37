"""Where a study was measured, and what that is worth. Pure."""

from __future__ import annotations

from harness.records.study import StudyRecord
from report import format as text


def told(study: StudyRecord, noise: float | None = None) -> str:
    """Some sentences for page 1; `noise` is the spread of a trial's throughput (0–1), None where it is not known."""
    machine = study.where.machine
    if study.kind in ("lab", "rehearsal"):
        on = f"one {machine.cores}-core machine ({machine.cpu})" if machine else "one machine"
        where = "in a Docker lab" if study.kind == "lab" else "on rehearsal machines, which are containers,"
        return " ".join(
            [
                f"Measured {where} on {on}: it shows that the method works and how the topology behaves, "
                "not what a rented host would deliver.",
                *_servers(study, noise),
                *_motion(study),
            ]
        )
    types = _types(study)
    return f"Measured on {types}." if types else "Measured on the hosts of the inventory."


def pace(study: StudyRecord) -> str:
    """What each server of a lab is held to, as in "140/s"; empty where it is not."""
    if study.shares or study.time_scaling is None:
        return ""
    configured = study.configuration
    servers = [said for said in configured.hosts.values() if said.get("group") == "ml_servers"]
    asked = [servers[0].get("lab_server_capacity") if servers else None]
    asked = [configured.grid.get("vars", {}).get("lab_server_capacity", asked[0])]
    return str(configured.grid["factors"].get("lab_server_capacity") or asked[0] or "")


def lab(study: StudyRecord) -> str:
    """What the servers of one machine were held to, or what they could use of it."""
    said = []
    rate = pace(study)
    if rate:
        said.append(f"every server holds itself to {rate}; method, queueing and balancer are real, its speed is chosen")
    if study.shares:
        each = ", ".join(f"{name} {cpus:g}" for name, cpus in study.shares.items())
        said.append(f"the machine’s cores are shared out: {each}")
    motion = study.time_scaling
    if motion and motion.needed_cores and motion.available_cores:
        costs = ", ".join(f"{host} {cost:.2f}" for host, cost in motion.cpu_ms.items())
        said.append(
            f"at full speed the planned cells need {motion.needed_cores:.2f} of the {motion.available_cores:.2f} "
            f"cores that containers got here (CPU ms a request: {costs})"
        )
    if study.factor != 1:
        said.append(f"played {study.factor:g} times slower")
    return "; ".join(said)


def _servers(study: StudyRecord, noise: float | None) -> list[str]:
    """What makes its servers comparable, and how well."""
    rate = pace(study)
    if rate:
        return [
            f"Its servers are paced to {rate} each: the method, the queueing and the balancer are real, the speed of a "
            "server is chosen."
        ]
    if study.shares:
        known = f": a trial’s throughput varied by ±{text.percent(noise, 1)} beside its block" if noise else ""
        return [f"Its servers share the machine’s cores, so its gains carry the machine’s own noise{known}."]
    return []


def _motion(study: StudyRecord) -> list[str]:
    factor = study.factor
    if factor == 1:
        return []
    return [
        f"Played in slow motion, {factor:g} times slower than the grid says: times are that much longer, "
        "rates that much lower; gains do not depend on it."
    ]


def _types(study: StudyRecord) -> str:
    """Hosts by what they are: their instance type where the inventory tells it, else their processor."""
    known = study.where.hosts
    alike: dict[str, list[str]] = {}
    for name in study.configuration.hosts:
        machine, rented = known.get(name), study.rented.get(name)
        cores = f"{text.count(machine.cores, 'core')} of {machine.cpu}" if machine else ""
        kind = (rented and rented.instance_type) or cores
        if kind:
            alike.setdefault(kind, []).append(name)
    return text.joined([f"{kind} ({', '.join(names)})" for kind, names in alike.items()])

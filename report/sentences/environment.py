"""Where a study was measured, and how far its results apply elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.language import tr
from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from report import format as text
from report import phrases


def sentences(study: StudyRecord, noise: float | None = None) -> str:
    """Some sentences for page 1; `noise` is the spread of a trial's throughput (0–1), None where it is unknown."""
    machine = study.where.machine
    if platform := study.nominal_grid.platform:
        types = _types(study) or (
            tr("one {cores}-core machine ({cpu})", cores=machine.cores, cpu=machine.cpu) if machine else ""
        )
        source = tr(" The load came from {types}.", types=types) if types else ""
        return tr(
            "Measured at {url}, a platform that {scale} scaled and that was not observed.{source}",
            url=platform.url,
            scale=platform.scale,
            source=source,
        )
    if study.kind in ("lab", "rehearsal"):
        on = (
            tr("one {cores}-core machine ({cpu})", cores=machine.cores, cpu=machine.cpu)
            if machine
            else tr("one machine")
        )
        where = tr("in a Docker lab") if study.kind == "lab" else tr("on rehearsal machines, which are containers,")
        scope = tr("The results show the method and the behaviour of the topology. They do not predict rented hosts.")
        return " ".join(
            [
                tr("Measured {where} on {on}. {scope}", where=where, on=on, scope=scope),
                *_servers(study, noise),
                *_scaling(study),
            ]
        )
    types = _types(study)
    return tr("Measured on {types}.", types=types) if types else tr("Measured on the hosts of the inventory.")


def when(study: StudyRecord, trials: Mapping[str, TrialData]) -> str:
    """When a study was measured, and how much of it there is."""
    blocks = max((data.record.repeat for data in trials.values()), default=0)
    amount = tr(
        "{trials} in {blocks}", trials=phrases.count(len(trials), "trial"), blocks=phrases.count(blocks, "block")
    )
    took = sum(run.duration_s for run in study.runs)
    return f"{phrases.moment(study.created_at)}, {amount}" + (f", {phrases.duration(took)}" if took else "") + "."


def paced_rate(study: StudyRecord) -> str:
    """The rate to which each server of a lab is paced: "140/s", or "70/s (small) or 140/s (large)"; else empty."""
    if study.shares or study.time_scaling is None:
        return ""
    configured = study.configuration
    servers = [host for host in configured.hosts.values() if host.get("group") == "ml_servers"]
    types: dict[str, list[str]] = configured.grid.get("server_types", {})
    if types:
        rates = {name: configured.hosts.get(own[0], {}).get("lab_server_capacity") for name, own in types.items()}
        return tr(" or ").join(f"{rate} ({name})" for name, rate in rates.items() if rate)
    default = servers[0].get("lab_server_capacity") if servers else None
    rate = configured.grid.get("vars", {}).get("lab_server_capacity", default)
    return str(configured.grid["factors"].get("lab_server_capacity") or rate or "")


def lab(study: StudyRecord) -> str:
    """How a lab's servers are paced, or how they share the machine's cores."""
    parts = []
    if rate := paced_rate(study):
        parts.append(
            tr(
                "each server is paced to {rate}; method, queueing and balancer are real, the server speed is set",
                rate=rate,
            )
        )
    if study.shares:
        each = ", ".join(f"{name} {cpus:g}" for name, cpus in study.shares.items())
        parts.append(tr("shares of the machine’s cores: {each}", each=each))
    scaling = study.time_scaling
    if scaling and scaling.needed_cores and scaling.available_cores:
        costs = ", ".join(f"{host} {cost:.2f}" for host, cost in scaling.cpu_ms.items())
        parts.append(
            tr(
                "at nominal speed the planned cells need {needed_cores:.2f} of {available_cores:.2f} "
                "available cores (CPU ms per request: {costs})",
                needed_cores=scaling.needed_cores,
                available_cores=scaling.available_cores,
                costs=costs,
            )
        )
    if study.factor != 1:
        parts.append(tr("time scaling: {factor:g} times slower", factor=study.factor))
    return "; ".join(parts)


def _servers(study: StudyRecord, noise: float | None) -> list[str]:
    """How the servers are made comparable, and how well."""
    if rate := paced_rate(study):
        return [
            tr(
                "Each server is paced to {rate}: the method, the queueing and the balancer are real, the "
                "server speed is set.",
                rate=rate,
            )
        ]
    if study.shares:
        known = (
            tr(": a trial’s throughput varied by ±{noise} within its block", noise=text.percent(noise, 1))
            if noise
            else ""
        )
        return [tr("The servers share the machine’s cores, so its noise is in the gains{known}.", known=known)]
    return []


def _scaling(study: StudyRecord) -> list[str]:
    factor = study.factor
    if factor == 1:
        return []
    return [
        tr(
            "Time scaling: the study ran {factor:g} times slower than the grid states. Times are that "
            "much longer and rates that much lower; gains do not depend on it.",
            factor=factor,
        )
    ]


def _types(study: StudyRecord) -> str:
    """Hosts by instance type where the inventory has it, else by processor."""
    known = study.where.hosts
    alike: dict[str, list[str]] = {}
    for name in study.configuration.hosts:
        machine, rented = known.get(name), study.rented.get(name)
        cores = tr("{cores} of {cpu}", cores=phrases.count(machine.cores, "core"), cpu=machine.cpu) if machine else ""
        kind = (rented and rented.instance_type) or cores
        if kind:
            alike.setdefault(kind, []).append(name)
    return phrases.joined([f"{kind} ({', '.join(names)})" for kind, names in alike.items()])

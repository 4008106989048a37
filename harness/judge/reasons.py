"""Render the reason for a bottleneck as a sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.language import joined, shown, tr
from harness.records.reasons import Reason, ReasonKind
from harness.words import percent

Figures = Mapping[str, float | None]


def sentence(reason: Reason, figures: Figures) -> str:
    """Render a reason with its figures, of one trial or means over many. An unknown figure is "–"."""
    return SENTENCES[reason.kind](reason, figures)


def _share(figures: Figures, name: str) -> str:
    value = figures.get(name)
    return "–" if value is None else percent(min(value, 1.0))


def _times(figures: Figures, name: str = "times") -> str:
    value = figures.get(name)
    return "–" if value is None else f"{value:.1f}"


def _detail(reason: Reason, _figures: Figures) -> str:
    return reason.detail_text


def _dead(reason: Reason, _figures: Figures) -> str:
    """The death of a dependency, whose name is the subject."""
    return shown(f"{_shared(reason)} {reason.detail}", reason.detail_sentence)


def _shared(reason: Reason) -> str:
    return reason.subject or tr("the dependency")


def _nearest(figures: Figures) -> str:
    """The dependency's larger share: CPU utilization, or connections in use."""
    shares = [figures.get(name) for name in ("dependency_cpu", "dependency_connections")]
    known = [share for share in shares if share is not None]
    return percent(min(max(known), 1.0)) if known else "–"


SENTENCES: dict[ReasonKind, Callable[[Reason, Figures], str]] = {
    ReasonKind.NO_SUCCESS: lambda _, __: tr("no request succeeded in the steady window"),
    ReasonKind.SERVER_DIED: _detail,
    ReasonKind.GENERATOR_LATE: lambda r, _: tr("the load generator did not keep up: {detail}", detail=r.detail_text),
    ReasonKind.SERVERS_STOPPED: lambda r, _: tr(
        "{subject} failed in mid-trial, so the window has no single bottleneck",
        subject=joined(r.subject.split(" and ")),
    ),
    ReasonKind.USERS_SERVED: lambda r, f: tr(
        "load-limited: {users} users generated {share} of their maximum rate",
        users=r.users,
        share=_share(f, "of_users_bound"),
    ),
    ReasonKind.RATE_SERVED: lambda _, f: tr(
        "load-limited: {share} of the offered requests succeeded", share=_share(f, "of_offered")
    ),
    ReasonKind.NO_CONNECTIONS: lambda r, _: tr(
        'the balancer had no free connection: it logged "{detail}"', detail=r.detail
    ),
    ReasonKind.BALANCER_CPU: lambda _, f: tr(
        "the CPU utilization of the balancer's busiest worker was {share}", share=_share(f, "balancer_cpu")
    ),
    ReasonKind.UNEVEN_SHARES: _detail,
    ReasonKind.OVER_ALLOWANCE: lambda r, f: tr(
        "{share} of {subject}'s segments exceeded its instance's allowance ({detail})",
        share=_share(f, "over_allowance"),
        subject=r.subject,
        detail=r.detail,
    ),
    ReasonKind.RETRANSMITS: lambda _, f: tr(
        "{share} of the TCP segments were retransmitted", share=_share(f, "retransmitted")
    ),
    ReasonKind.DEPENDENCY_DIED: _dead,
    ReasonKind.DEPENDENCY_CPU: lambda r, f: tr(
        "the CPU utilization of {shared} was {share}", shared=_shared(r), share=_share(f, "dependency_cpu")
    ),
    ReasonKind.DEPENDENCY_CONNECTIONS: lambda r, f: tr(
        "{share} of the connections of {shared} were in use",
        share=_share(f, "dependency_connections"),
        shared=_shared(r),
    ),
    ReasonKind.DEPENDENCY_WAIT: lambda r, f: tr(
        "servers wait for {shared}: responses took {times} times the unloaded time with the servers' "
        "CPU at {share}, and the dependency at {nearest} of its limit",
        shared=_shared(r),
        times=_times(f),
        share=_share(f, "server_cpu"),
        nearest=_nearest(f),
    ),
    ReasonKind.DEPENDENCY_LOCKS: lambda r, f: tr(
        "requests wait for locks in {shared}: they spent {times} times the unloaded response time there, with the "
        "servers' CPU at {share}",
        shared=_shared(r),
        times=_times(f, "dependency_times"),
        share=_share(f, "server_cpu"),
    ),
    ReasonKind.DEPENDENCY_TIME: lambda r, f: tr(
        "servers wait for {shared}, which is slow below its limits of CPU and connections: requests spent {times} "
        "times the unloaded response time there, with the servers' CPU at {share}",
        shared=_shared(r),
        times=_times(f, "dependency_times"),
        share=_share(f, "server_cpu"),
    ),
    ReasonKind.SLOW_SERVER: _detail,
    ReasonKind.SLOTS_BUSY: lambda r, f: tr(
        "the slots of {servers} were busy {share} of the time",
        servers=r.subject or tr("all servers"),
        share=_share(f, "server_slots"),
    ),
    ReasonKind.SERVER_CPU: lambda r, f: tr(
        "the CPU utilization of {servers} was {share}",
        servers=r.subject or tr("all servers"),
        share=_share(f, "server_cpu"),
    ),
    ReasonKind.SLOW_ELSEWHERE: lambda _, f: tr(
        "responses took {times} times the unloaded time, {share} of it at the servers: the rest is spent elsewhere",
        times=_times(f),
        share=_share(f, "served"),
    ),
    ReasonKind.MACHINE_CPU: lambda r, f: tr(
        "responses took {times} times the unloaded time while {detail} of the CPU of the machine of {server} was "
        "in use",
        times=_times(f),
        server=r.subject,
        detail=r.detail,
    ),
    ReasonKind.CONCURRENCY: lambda _, f: tr(
        "responses took {times} times the unloaded time with the CPU at {share}: requests wait for a "
        "slot, not for the CPU",
        times=_times(f),
        share=_share(f, "server_cpu"),
    ),
    ReasonKind.PLATFORM_WAIT: lambda _, f: tr(
        "responses took {times} times the unloaded time, and neither load nor load generator is the limit: "
        "which component of the platform is, was not observed",
        times=_times(f),
    ),
    ReasonKind.REJECTING: lambda _, __: tr(
        "the component that rejects them is the bottleneck; no measured resource is"
    ),
    ReasonKind.FAILING: lambda _, __: tr("no measured resource is exhausted; check the failed requests"),
    ReasonKind.NOTHING_EXHAUSTED: lambda _, __: tr("no measured resource is exhausted"),
}

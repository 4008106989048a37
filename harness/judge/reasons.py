"""Render the reason for a bottleneck as a sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.records.reasons import Reason, ReasonKind
from harness.words import percent

Figures = Mapping[str, float | None]


def sentence(reason: Reason, figures: Figures) -> str:
    """Render a reason with its figures, of one trial or means over many. An unknown figure is "–"."""
    return SENTENCES[reason.kind](reason, figures)


def _share(figures: Figures, name: str) -> str:
    value = figures.get(name)
    return "–" if value is None else percent(min(value, 1.0))


def _times(figures: Figures) -> str:
    value = figures.get("times")
    return "–" if value is None else f"{value:.1f}"


def _detail(reason: Reason, _figures: Figures) -> str:
    return reason.detail


def _shared(reason: Reason) -> str:
    return reason.subject or "the dependency"


def _nearest(figures: Figures) -> str:
    """The dependency's larger share: CPU utilization, or connections in use."""
    shares = [figures.get(name) for name in ("dependency_cpu", "dependency_connections")]
    known = [share for share in shares if share is not None]
    return percent(min(max(known), 1.0)) if known else "–"


SENTENCES: dict[ReasonKind, Callable[[Reason, Figures], str]] = {
    ReasonKind.NO_SUCCESS: lambda _, __: "no request succeeded in the steady window",
    ReasonKind.SERVER_DIED: _detail,
    ReasonKind.GENERATOR_LATE: lambda r, _: f"the load generator did not keep up: {r.detail}",
    ReasonKind.SERVERS_STOPPED: lambda r, _: f"{r.subject} failed in mid-trial, so the window has no single bottleneck",
    ReasonKind.USERS_SERVED: lambda r, f: (
        f"load-limited: {r.users} users generated {_share(f, 'of_users_bound')} of their maximum rate"
    ),
    ReasonKind.RATE_SERVED: lambda _, f: f"load-limited: {_share(f, 'of_offered')} of the offered requests succeeded",
    ReasonKind.NO_CONNECTIONS: lambda r, _: f'the balancer had no free connection: it logged "{r.detail}"',
    ReasonKind.BALANCER_CPU: lambda _, f: (
        f"the CPU utilization of the balancer's busiest worker was {_share(f, 'balancer_cpu')}"
    ),
    ReasonKind.UNEVEN_SHARES: _detail,
    ReasonKind.OVER_ALLOWANCE: lambda r, f: (
        f"{_share(f, 'over_allowance')} of {r.subject}'s segments exceeded its instance's allowance ({r.detail})"
    ),
    ReasonKind.RETRANSMITS: lambda _, f: f"{_share(f, 'retransmitted')} of the TCP segments were retransmitted",
    ReasonKind.DEPENDENCY_DIED: lambda r, _: f"{_shared(r)} {r.detail}",
    ReasonKind.DEPENDENCY_CPU: lambda r, f: f"the CPU utilization of {_shared(r)} was {_share(f, 'dependency_cpu')}",
    ReasonKind.DEPENDENCY_CONNECTIONS: lambda r, f: (
        f"{_share(f, 'dependency_connections')} of the connections of {_shared(r)} were in use"
    ),
    ReasonKind.DEPENDENCY_WAIT: lambda r, f: (
        f"servers wait for {_shared(r)}: responses took {_times(f)} times the unloaded time with the servers' CPU at "
        f"{_share(f, 'server_cpu')}, and the dependency at {_nearest(f)} of its limit"
    ),
    ReasonKind.SLOW_SERVER: _detail,
    ReasonKind.SLOTS_BUSY: lambda r, f: (
        f"the slots of {r.subject or 'all servers'} were busy {_share(f, 'server_slots')} of the time"
    ),
    ReasonKind.SERVER_CPU: lambda r, f: (
        f"the CPU utilization of {r.subject or 'all servers'} was {_share(f, 'server_cpu')}"
    ),
    ReasonKind.SLOW_ELSEWHERE: lambda _, f: (
        f"responses took {_times(f)} times the unloaded time, {_share(f, 'served')} of it at the servers: "
        "the rest is spent elsewhere"
    ),
    ReasonKind.CONCURRENCY: lambda _, f: (
        f"responses took {_times(f)} times the unloaded time with the CPU at {_share(f, 'server_cpu')}: "
        "requests wait for a slot, not for the CPU"
    ),
    ReasonKind.PLATFORM_WAIT: lambda _, f: (
        f"responses took {_times(f)} times the unloaded time, and neither load nor load generator is the limit: "
        "which component of the platform is, was not observed"
    ),
    ReasonKind.REJECTING: lambda _, __: "the component that rejects them is the bottleneck; no measured resource is",
    ReasonKind.FAILING: lambda _, __: "no measured resource is exhausted; check the failed requests",
    ReasonKind.NOTHING_EXHAUSTED: lambda _, __: "no measured resource is exhausted",
}

"""What a trial showed: everything the evidence rules look at, and what several of them compute. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import stats
from harness.results import HostSample, Sample


@dataclass(frozen=True)
class Observation:
    """Everything the rules look at. `samples` are the whole trial's; the window bounds are seconds."""

    users: int
    think_time_s: float
    window_from_s: float
    window_to_s: float
    samples: Sequence[Sample]
    hosts: Sequence[HostSample]
    caps: Mapping[str, float | None]  # host → cores it may use
    generators: Sequence[str]
    generator_errors: Mapping[str, int]
    lost_workers: int
    balancer: Mapping[str, Any]  # the balancer's own summary of its log
    served: Mapping[str, Mapping[str, int] | None]  # server → status → requests by its own count
    expected: Mapping[str, str]  # server → address that the cell asks for
    died: Mapping[str, str]  # server → what became of it

    @property
    def window(self) -> list[Sample]:
        """Samples of the steady window."""
        return stats.window(self.samples, self.window_from_s, self.window_to_s)


def little_gap(seen: Observation) -> float | None:
    """H of rule E5, as a share of the users; None when nobody was thinking."""
    rows = seen.window
    thinking_s, waiting = think_s(seen), in_flight(seen)
    if thinking_s is None or waiting is None:
        return None
    rate = sum(s.completed + s.failed for s in rows) / len(rows)
    return (seen.users - waiting - rate * thinking_s) / seen.users


def think_s(seen: Observation) -> float | None:
    """Mean think time drawn in the window; the mean it is drawn around where the engine does not count."""
    rows = seen.window
    if rows and all(s.thinks is None for s in rows):
        return seen.think_time_s
    return stats.mean_think_s(rows)


def in_flight(seen: Observation) -> float | None:
    """Mean number of requests in flight in the window, by the generator or else by the balancer."""
    counted = stats.mean_in_flight(seen.window)
    at_balancer = seen.balancer.get("mean_in_flight")
    return counted if counted is not None or at_balancer is None else float(at_balancer)


def generator_use(seen: Observation) -> float | None:
    """p95 of what the busiest generator process used, of a core or of its cap; None when not seen.

    An engine whose processes use many cores each is judged by its busiest host, of all it may use.
    """
    used = sorted(s.busiest_cpu_s for s in seen.window if s.busiest_cpu_s is not None)
    if used:
        cap = seen.caps.get(seen.generators[0])
        return stats.nearest_rank(used, 0.95) / (min(1.0, cap) if cap else 1.0)
    shares = []
    for host in seen.generators:
        rows = sorted(
            h.cpu_cores for h in seen.hosts if h.host == host and seen.window_from_s <= h.t_s - 1 <= seen.window_to_s
        )
        cap = seen.caps.get(host)
        if rows and cap:
            shares.append(stats.nearest_rank(rows, 0.95) / cap)
    return max(shares, default=None)

"""Times of events in a trial, for its chart. Pure."""

from __future__ import annotations

from harness.judge.observation import Observation


def of_trial(seen: Observation) -> list[tuple[float, str]]:
    """Return (second, event) for log events, server failures and deaths with a known time, in the order of time.

    A death has the time of the server's last reading, at most one second early.
    """
    found = [(at, event) for event, at in seen.balancer.events_first_s.items()]
    found += [(round(at, 1), f"{server} stopped") for server, at in seen.stopped.items()]
    for server, what in seen.died.items():
        readings = [h.t_s for h in seen.hosts if h.host == server]
        if readings:
            found.append((max(readings), f"{server} {what}"))
    return sorted(found)

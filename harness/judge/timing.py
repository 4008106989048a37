"""When something happened in a trial, for the picture of it. Pure."""

from __future__ import annotations

from harness.judge.observation import Observation


def of_trial(seen: Observation) -> list[tuple[float, str]]:
    """(second, what happened) of events, losses and deaths whose time is known, in the order of time.

    A server's death is at its last reading, which is at most a second early.
    """
    found = [(at, event) for event, at in seen.balancer.events_first_s.items()]
    found += [(round(at, 1), f"{server} stopped") for server, at in seen.stopped.items()]
    for server, what in seen.died.items():
        readings = [h.t_s for h in seen.hosts if h.host == server]
        if readings:
            found.append((max(readings), f"{server} {what}"))
    return sorted(found)

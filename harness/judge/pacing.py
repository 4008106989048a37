"""What the slots of servers that are held to a rate say. Pure."""

from __future__ import annotations

from harness.judge.observation import Observation


def busiest_slots(seen: Observation) -> tuple[str, float] | None:
    """The server whose slots were busiest, and to what share of the window; None where servers are not paced."""
    busy = {name: said.busy / said.offered for name, said in seen.pacing.items() if said.offered}
    name = max(busy, key=lambda name: busy[name], default=None)
    return None if name is None else (name, busy[name])


def slots_lost(seen: Observation) -> tuple[str, float] | None:
    """The server that lost most of its slots' time for want of CPU, and that share; None where none is paced."""
    lost = {name: said.lost / said.offered for name, said in seen.pacing.items() if said.offered}
    name = max(lost, key=lambda name: lost[name], default=None)
    return None if name is None else (name, lost[name])


def latest(seen: Observation) -> tuple[str, float] | None:
    """The server that answered latest after the ends of its slots, and by how many seconds on average."""
    late_s = {name: said.late / said.answers for name, said in seen.pacing.items() if said.answers}
    name = max(late_s, key=lambda name: late_s[name], default=None)
    return None if name is None else (name, late_s[name])

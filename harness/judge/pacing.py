"""Utilization, losses and delays of paced servers' slots. Pure."""

from __future__ import annotations

from harness.judge.observation import Observation


def busiest_slots(seen: Observation) -> tuple[str, float] | None:
    """The server with the busiest slots, and their utilization in the window; None without paced servers."""
    busy = {name: slots.busy / slots.offered for name, slots in seen.pacing.items() if slots.offered}
    name = max(busy, key=lambda name: busy[name], default=None)
    return None if name is None else (name, busy[name])


def slots_lost(seen: Observation) -> tuple[str, float] | None:
    """The server with the largest share of slot time lost for lack of CPU, and that share; None if not paced."""
    lost = {name: slots.lost / slots.offered for name, slots in seen.pacing.items() if slots.offered}
    name = max(lost, key=lambda name: lost[name], default=None)
    return None if name is None else (name, lost[name])


def largest_delay(seen: Observation) -> tuple[str, float] | None:
    """The server with the largest mean delay of responses after the end of their slots, in s; None without any."""
    late_s = {name: slots.late / slots.answers for name, slots in seen.pacing.items() if slots.answers}
    name = max(late_s, key=lambda name: late_s[name], default=None)
    return None if name is None else (name, late_s[name])

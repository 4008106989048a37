"""Verify that paced servers keep their rate: rule E23."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import pacing
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity
from harness.words import percent

TOO_SLOW = "this machine is too slow for the requested lab"
FIX = "stop other programs here, use more time scaling (lab_time_scaling), or lower lab_server_capacity"


def kept_rate(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E23: a paced server has the CPU for its rate.

    A slot that passes without CPU is lost, and with it throughput. A late response while other slots are idle slows
    down users without a queue at the server.
    """
    lost, late = pacing.slots_lost(seen), pacing.largest_delay(seen)
    if lost is not None and lost[1] > limits.slots_lost:
        yield Finding(
            rule="E23",
            severity=Severity.INVALID,
            cause=f"{TOO_SLOW}: {lost[0]} had no CPU for {percent(lost[1], 1)} of its slot time",
            next_step=FIX,
            figure=lost[1],
            threshold=limits.slots_lost,
        )
        return
    busy = pacing.busiest_slots(seen)
    if late is None or busy is None or busy[1] >= limits.slots_busy or seen.unloaded_s is None:
        return
    allowed_s = limits.answers_late * (seen.unloaded_s + seen.think_time_s)
    if seen.rate_per_s is not None:  # an open load does not wait: only latencies are uncertain
        allowed_s = max(limits.send_delay, allowed_s)
    if late[1] > allowed_s:
        yield Finding(
            rule="E23",
            severity=Severity.INVALID if seen.rate_per_s is None else Severity.WARNING,
            cause=f"{TOO_SLOW}: {late[0]} responded {late[1] * 1000:.0f} ms after a slot's end although others were "
            "idle",
            next_step=FIX,
            figure=late[1],
            threshold=allowed_s,
        )

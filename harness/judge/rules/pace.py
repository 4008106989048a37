"""Did paced servers keep their rate? Rule E23."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import pacing
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity
from harness.words import percent

TOO_SLOW = "this machine is too slow for the lab it was asked for"
MEND = "stop what else runs here, let the lab play slower (lab_time_scaling), or lower lab_server_capacity"


def kept(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E23: a server that is held to a rate must have the CPU to keep it.

    Slots whose time passed without CPU are lost, and with them throughput that the server should have had.
    Answers that come late while slots are free slow down users who do not wait for the server.
    """
    lost, late = pacing.slots_lost(seen), pacing.latest(seen)
    if lost is not None and lost[1] > limits.slots_lost:
        yield Finding(
            "E23",
            Severity.INVALID,
            f"{TOO_SLOW}: {lost[0]} had no CPU for {percent(lost[1], 1)} of its slots' time",
            MEND,
            lost[1],
            limits.slots_lost,
        )
        return
    busy = pacing.busiest_slots(seen)
    if late is None or busy is None or busy[1] >= limits.slots_busy or seen.unloaded_s is None:
        return
    allowed_s = limits.answers_late * (seen.unloaded_s + seen.think_time_s)
    if seen.rate_per_s is not None:  # nobody waits for them: latencies are that uncertain, and throughput is not
        allowed_s = max(limits.send_delay, allowed_s)
    if late[1] > allowed_s:
        yield Finding(
            "E23",
            Severity.INVALID if seen.rate_per_s is None else Severity.WARNING,
            f"{TOO_SLOW}: {late[0]} answered {late[1] * 1000:.0f} ms after the end of a slot although others were free",
            MEND,
            late[1],
            allowed_s,
        )

"""Verify that paced servers keep their rate: rule E23."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import pacing
from harness.judge.observation import Observation
from harness.language import sentence
from harness.records.findings import Finding, Severity
from harness.words import percent

FIX = sentence("stop other programs here, use more time scaling (lab_time_scaling), or lower lab_server_capacity")


def kept_rate(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E23: a paced server has the CPU for its rate.

    A slot that passes without CPU is lost, and with it throughput. A late response while other slots are idle slows
    down users without a queue at the server.
    """
    lost, late = pacing.slots_lost(seen), pacing.largest_delay(seen)
    if lost is not None and lost[1] > limits.slots_lost:
        yield Finding.of(
            rule="E23",
            severity=Severity.INVALID,
            cause=sentence(
                "this machine is too slow for the requested lab: {server} had no CPU for {share} of its slot time",
                server=lost[0],
                share=percent(lost[1], 1),
            ),
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
        yield Finding.of(
            rule="E23",
            severity=Severity.INVALID if seen.rate_per_s is None else Severity.WARNING,
            cause=sentence(
                "this machine is too slow for the requested lab: {server} responded {late_ms:,.0f} ms after a slot's "
                "end although others were idle",
                server=late[0],
                late_ms=late[1] * 1000,
            ),
            next_step=FIX,
            figure=late[1],
            threshold=allowed_s,
        )

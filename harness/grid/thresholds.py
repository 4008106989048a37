"""Every threshold of the evidence rules, in one place. A grid may override one under `evidence:`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from harness.grid.types import Count, Duration, Ratio, Share, Switch


class Thresholds(BaseModel):
    """Shares are 0–1, durations seconds. The rule that uses each stands in its description."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readings: Share = Field(0.5, description="E3: seconds in which every host's CPU was read, at least")
    loop_warning: Share = Field(0.02, description="E5: users that Little's law cannot place")
    loop_invalid: Share = Field(0.05, description="E5: the same, from here on invalid")
    in_flight_gap: Share = Field(0.05, description="E5: generator's against balancer's in-flight count")
    offered_invalid: Share = Field(0.01, description="E5 at a rate: that were due in the window and not sent")
    offered_warning: Share = Field(0.001, description="E5 at a rate: the same, from here on marked")
    offered_count: Count = Field(5, description="E5 at a rate: so many of them may be missing at the window's edges")
    send_delay: Duration = Field(0.005, description="E5 at a rate: p99 by which requests are sent late, at least")
    send_delay_share: Share = Field(0.05, description="E5 at a rate: the same of their mean latency, whichever is more")
    generator_cpu: Share = Field(0.80, description="E6: of a core or its cap, the busiest generator process")
    lag_invalid: Share = Field(0.05, description="E6: p99 of its event loop's delay, of R0 + think time")
    lag_warning: Duration = Field(0.050, description="E6: the same in seconds, from here on latencies are marked")
    ceiling: Switch = Field(True, description="E7: measure the generator's ceiling before the first trial")
    ceiling_note: Share = Field(0.50, description="E7: of what the generator reaches without a server")
    ceiling_invalid: Share = Field(0.80, description="E7: the same, from here on invalid")
    ceiling_wrong: Ratio = Field(
        1.25, description="E7: times that ceiling, from here on the ceiling itself is not believed"
    )
    errors_warning: Share = Field(0.01, description="E8: failed requests in the steady window")
    errors_first: Share = Field(
        0.10, description="E8: requests that were rejected or failed, from here on reported before all else"
    )
    errors_stop: Share = Field(0.50, description="E8: failed requests that stop a trial")
    errors_stop_for: Duration = Field(10.0, description="E8: for how long, in seconds")
    conntrack: Share = Field(0.90, description="E9: of the kernel's table of connections")
    steal_mean: Share = Field(0.01, description="E11: CPU that the hypervisor took, mean")
    steal_high: Share = Field(0.05, description="E11: the same, p99 over seconds")
    foreign_cpu: Share = Field(0.15, description="E11: CPU of a machine used by what is not the study's")
    balance: Share = Field(0.02, description="E12: a server's share may differ from 1/m by this")
    slow_server: Ratio = Field(1.5, description="E12: cost of a request in one trial, dearest against cheapest server")
    slower_server: Share = Field(0.05, description="E12: the same over a cell's trials, one server against the others")
    counters_share: Share = Field(0.005, description="E13: counters may differ by this share")
    counters_count: Count = Field(20, description="E13: or by this many requests, whichever is more")
    percentile_p99_samples: Count = Field(662, description="E4: requests a p99 needs")
    balancer_cpu: Share = Field(0.85, description="bottleneck balancer: of a core or its cap, the busiest worker")
    retransmits: Share = Field(0.01, description="bottleneck network: segments sent again")
    allowance: Share = Field(0.01, description="bottleneck network: segments beyond an instance's allowance")
    users_bound: Share = Field(0.95, description="bottleneck users: of what the users can ask for")
    load_served: Share = Field(0.98, description="bottleneck load: of the requests that were due in the window")
    load_rise: Ratio = Field(
        1.5, description="bottleneck load: mean latency of the window's second half against the first"
    )
    users_next: Share = Field(0.80, description="bottleneck: from here on users are the next limit")
    server_cpu: Share = Field(0.85, description="bottleneck server: of the CPU it may use")
    server_queue: Ratio = Field(3.0, description="bottleneck server: response time against unloaded")
    server_share: Share = Field(0.50, description="bottleneck server: of what it grew by, what servers took")
    slots_busy: Share = Field(0.95, description="bottleneck server: of a paced server's slots")
    slots_lost: Share = Field(0.01, description="E23: of a paced server's slots, lost for want of CPU")
    answers_late: Share = Field(0.02, description="E23: delay of a paced server's answers, of R0 + think time")
    statement_repeats: Count = Field(5, description="E15: repeats for a statement")
    interval_repeats: Count = Field(3, description="E15: repeats for an interval at all")
    predicted_idle: Switch = Field(
        True, description="E16: cells that take part in no statement, by a prediction, in few blocks"
    )
    predicted_idle_blocks: Count = Field(2, description="E16: blocks for such a cell")
    predicted_idle_margin: Ratio = Field(
        1.1, description="E16: capacity against the most that users can ask for, from here on a server more is idle"
    )
    failure_late: Duration = Field(2.0, description="E24: a server may be stopped so much beside the planned second")
    recovered_throughput: Share = Field(
        0.90, description="E24: of the throughput expected after a loss, from here on it is back"
    )
    recovered_latency: Ratio = Field(
        1.25, description="E24: mean latency against that before a loss, up to here it is back"
    )
    drift: Share = Field(0.05, description="E10: change between the halves of the window, over a cell's trials")
    latency_drift: Share = Field(
        0.05, description="E10: the same of the mean latency, from here on latencies are marked"
    )
    trend_p: Ratio = Field(0.01, description="E20: significance of a trend in the order of trials")
    outlier_p: Ratio = Field(0.01, description="E20: significance of an outlying block, Bonferroni over blocks")
    outlier_least: Share = Field(0.03, description="E20: an outlying block differs by this much at least")
    control_trial: Switch | None = Field(
        None, description="E20: repeat each block's first cell at its end; hosts only if unset"
    )
    same_within: Share = Field(0.05, description="E21: within this of 1 a whole interval allows the word same")
    speed_span: Ratio = Field(1.25, description="E22: CPU time of a request, slowest against fastest of equal trials")
    linear_width: Share = Field(0.05, description="E17: half width that allows the word linear")
    ideal_least: Share = Field(
        0.001, description="E17: an interval as near to the ideal as this holds it, as requests are counted whole"
    )
    peak_seconds: Count = Field(10, description="E2: consecutive seconds of the peak")


def overridden(thresholds: Thresholds) -> dict[str, tuple[float, float]]:
    """Name → (value, default) of every threshold that the grid changed."""
    return {
        name: (getattr(thresholds, name), field.default)
        for name, field in Thresholds.model_fields.items()
        if getattr(thresholds, name) != field.default
    }

"""Every threshold of the evidence rules, in one place. A grid may override one under `evidence:`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.grid.types import Count, Duration, Ratio, Share, Switch, WallClockDuration, WholeSeconds
from harness.language import tr

BOTTLENECK = "bottleneck"  # instead of a rule: the threshold identifies a bottleneck


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Description of a threshold.

    `rule` is the evidence rule that applies it, or `BOTTLENECK` with a `component`. `rates_only` is true if it only
    applies to an open load.
    """

    rule: str
    meaning: str
    component: str = ""
    rates_only: bool = False

    @property
    def shown_rule(self) -> str:
        """The rule as printed in the report."""
        if self.rule == BOTTLENECK:
            return tr("bottleneck {component}", component=tr(self.component)) if self.component else tr("bottleneck")
        return tr("{rule} at a rate", rule=self.rule) if self.rates_only else self.rule


def _threshold(rule: str, default: object, meaning: str, *, component: str = "", rates_only: bool = False) -> Any:
    """Declare a field with its rule."""
    declared: dict[str, Any] = {"rule": rule, "component": component, "rates_only": rates_only}
    return Field(default, description=meaning, json_schema_extra={"threshold": declared})


def _bottleneck(component: str, default: object, meaning: str, *, rates_only: bool = False) -> Any:
    """Declare a field that identifies a bottleneck."""
    return _threshold(BOTTLENECK, default, meaning, component=component, rates_only=rates_only)


class Thresholds(BaseModel):
    """All thresholds. Shares are 0–1, durations in seconds. `DECLARED` has the rule of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    readings: Share = _threshold("E3", 0.5, "least share of the seconds in which every host's CPU was read")
    loop_warning: Share = _threshold("E5", 0.02, "share of the users that neither wait nor think, for a warning")
    loop_invalid: Share = _threshold("E5", 0.05, "the same share, for an invalid trial")
    in_flight_gap: Share = _threshold("E5", 0.05, "difference between the in-flight counts of generator and balancer")
    offered_invalid: Share = _threshold(
        "E5", 0.01, "share of the due requests that were not sent in the window", rates_only=True
    )
    offered_warning: Share = _threshold("E5", 0.001, "the same share, for a warning", rates_only=True)
    offered_count: Count = _threshold(
        "E5", 5, "due requests that may be missing at the window's edges", rates_only=True
    )
    send_delay: Duration = _threshold("E5", 0.005, "allowed p99 of the send delay, at least", rates_only=True)
    send_delay_share: Share = _threshold(
        "E5", 0.05, "allowed p99 of the send delay as a share of the mean latency, if that is more", rates_only=True
    )
    generator_cpu: Share = _threshold("E6", 0.80, "utilization of the busiest generator process, of a core or its cap")
    lag_invalid: Share = _threshold("E6", 0.05, "p99 of the event loop's delay, as a share of R0 + think time")
    lag_warning: Duration = _threshold("E6", 0.050, "p99 of the event loop's delay, for a warning about latencies")
    lateness_share: Share = _threshold(
        "E6", 0.10, "send delay (p95) and event loop's delay (p99), as a share of the objective p95 − R0"
    )
    ceiling: Switch = _threshold("E7", True, "measure the generator's ceiling before the first trial")
    ceiling_note: Share = _threshold("E7", 0.50, "throughput as a share of the generator's ceiling, for a note")
    ceiling_invalid: Share = _threshold("E7", 0.80, "the same share, for an invalid trial")
    ceiling_wrong: Ratio = _threshold("E7", 1.25, "throughput over the ceiling at which the ceiling is discarded")
    errors_warning: Share = _threshold("E8", 0.01, "share of failed requests in the steady window")
    errors_first: Share = _threshold(
        "E8", 0.10, "share of rejected or failed requests that is reported before all else"
    )
    errors_stop: Share = _threshold("E8", 0.50, "share of failed requests that stops a trial")
    errors_stop_for: Duration = _threshold("E8", 10.0, "how long that share must last, in seconds")
    logins_invalid: Share = _threshold("E8", 0.05, "share of failed logins, for an invalid trial; any is a warning")
    conntrack: Share = _threshold("E9", 0.90, "utilization of the kernel's connection table")
    steal_mean: Share = _threshold("E11", 0.01, "mean share of the CPU that the hypervisor took")
    steal_high: Share = _threshold("E11", 0.05, "p99 of that share over the seconds")
    foreign_cpu: Share = _threshold("E11", 0.15, "share of a machine's CPU used by processes outside the study")
    balance: Share = _threshold("E12", 0.02, "difference of a server's share of the requests from 1/m")
    slow_server: Ratio = _threshold("E12", 1.5, "cost of a request in one trial, most expensive server over cheapest")
    slower_server: Share = _threshold("E12", 0.05, "cost of a request over a cell's trials, one server over the others")
    counters_share: Share = _threshold("E13", 0.005, "allowed difference between counters, as a share")
    counters_count: Count = _threshold("E13", 20, "allowed difference in requests, if that is more")
    percentile_p99_samples: Count = _threshold("E4", 662, "requests that a p99 needs")
    balancer_cpu: Share = _bottleneck("balancer", 0.85, "utilization of the busiest worker, of a core or its cap")
    retransmits: Share = _bottleneck("network", 0.01, "share of retransmitted segments")
    allowance: Share = _bottleneck("network", 0.01, "share of segments beyond an instance's allowance")
    dependency_cpu: Share = _bottleneck("dependency", 0.85, "utilization of the CPU that a dependency may use")
    dependency_connections: Share = _bottleneck(
        "dependency", 0.95, "connections in use, of the most that a dependency accepts, while servers are idle"
    )
    dependency_near: Share = _bottleneck(
        "dependency", 0.70, "either share from which idle servers with slow responses wait for the dependency"
    )
    users_bound: Share = _bottleneck("load", 0.95, "throughput as a share of the users' maximum rate")
    load_served: Share = _bottleneck("load", 0.98, "successful share of the due requests", rates_only=True)
    load_rise: Ratio = _bottleneck(
        "load", 1.5, "mean latency of the window's second half over the first", rates_only=True
    )
    users_next: Share = _bottleneck("", 0.80, "the share from which the load is the next bottleneck")
    server_cpu: Share = _bottleneck("server", 0.85, "utilization of the CPU that a server may use")
    server_queue: Ratio = _bottleneck("server", 3.0, "response time over the unloaded one")
    server_share: Share = _bottleneck("server", 0.50, "share of that increase spent in the servers")
    slots_busy: Share = _bottleneck("server", 0.95, "utilization of a paced server's slots")
    slots_lost: Share = _threshold("E23", 0.01, "share of a paced server's slots lost for lack of CPU")
    answers_late: Share = _threshold("E23", 0.02, "delay of a paced server's responses, as a share of R0 + think time")
    statement_repeats: Count = _threshold("E15", 5, "repeats that a conclusion needs")
    interval_repeats: Count = _threshold("E15", 3, "repeats that an interval needs")
    predicted_idle: Switch = _threshold(
        "E16", True, "measure cells without a conclusion, by a prediction, in few blocks"
    )
    predicted_idle_blocks: Count = _threshold("E16", 2, "blocks of a predicted-idle cell")
    predicted_idle_margin: Ratio = _threshold(
        "E16", 1.1, "capacity over the users' maximum rate from which one more server is idle"
    )
    failure_late: WallClockDuration = _threshold(
        "E24", 2.0, "allowed difference from the planned second of a server failure"
    )
    recovered_throughput: Share = _threshold("E24", 0.90, "share of the expected throughput that counts as recovered")
    recovered_latency: Ratio = _threshold("E24", 1.25, "mean latency over that before, up to which it has recovered")
    mix_held: Share = _threshold(
        "E25", 0.01, "difference of a request's share between two cells, or what chance explains if that is more"
    )
    drift: Share = _threshold("E10", 0.05, "change between the halves of the window, over a cell's trials")
    latency_drift: Share = _threshold("E10", 0.05, "the same change of the mean latency, for a caveat")
    trend_p: Ratio = _threshold("E20", 0.01, "significance of a trend in the order of trials")
    outlier_p: Ratio = _threshold("E20", 0.01, "significance of an outlying block, Bonferroni over blocks")
    outlier_least: Share = _threshold("E20", 0.03, "least difference of an outlying block")
    control_trial: Switch | None = _threshold(
        "E20", None, "repeat each block's first cell at its end; hosts only if unset"
    )
    same_within: Share = _threshold("E21", 0.05, "distance from 1 within which an interval means the same")
    speed_span: Ratio = _threshold("E22", 1.25, "CPU time of a request, slowest over fastest of equal trials")
    linear_width: Share = _threshold("E17", 0.05, "half width up to which a gain may be called linear")
    ideal_least: Share = _threshold(
        "E17", 0.001, "distance from linear speedup that counts as equal, as requests are whole"
    )
    peak_seconds: WholeSeconds = _threshold("E2", 10, "consecutive seconds of the peak")


def _declared() -> dict[str, Threshold]:
    found = {}
    for name, field in Thresholds.model_fields.items():
        extra: Any = field.json_schema_extra
        found[name] = Threshold(meaning=field.description or "", **extra["threshold"])
    return found


DECLARED: Mapping[str, Threshold] = _declared()


def of_rule(rule: str, *, rates_only: bool = False) -> list[str]:
    """Return the names of a rule's thresholds, for any load or with `rates_only` for open loads only."""
    return [name for name, declared in DECLARED.items() if declared.rule == rule and declared.rates_only == rates_only]


def overridden(thresholds: Thresholds) -> dict[str, tuple[float, float]]:
    """Return name → (value, default) for every threshold that the grid overrides."""
    return {
        name: (getattr(thresholds, name), field.default)
        for name, field in Thresholds.model_fields.items()
        if getattr(thresholds, name) != field.default
    }

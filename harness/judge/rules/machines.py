"""Verify that the machines were quiet and identical: rule E11."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import latency_stats
from harness.judge.figures import in_window
from harness.judge.host_usage import foreign_share
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity
from harness.words import percent


def noise(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E11: the hypervisor (steal) and processes outside the study used little CPU; processors are identical."""
    severe = Severity.WARNING if seen.kind == "hosts" else Severity.NOTE
    # The containers of a lab's machine may be those of a platform that the study does not observe.
    is_known = bool(seen.expected_servers) or seen.kind == "hosts"
    for machine in dict.fromkeys(m.machine for m in seen.machines):
        rows = [m for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
        steal = sorted(m.steal_share for m in rows)
        if not steal:
            continue
        mean, high = sum(steal) / len(steal), latency_stats.nearest_rank(steal, 0.99)
        if mean > limits.steal_mean or high > limits.steal_high:
            yield Finding(
                rule="E11",
                severity=severe,
                cause=f"{machine}: the hypervisor took {percent(mean, 1)} of the CPU on average, {percent(high, 1)} "
                "at p99",
                next_step="use another instance type or host, or unlimited credits for burstable instances",
                figure=mean,
                threshold=limits.steal_mean,
            )
        foreign = foreign_share(seen, machine)
        if foreign is not None and foreign > limits.foreign_cpu:
            yield Finding(
                rule="E11",
                severity=Severity.WARNING if is_known else Severity.NOTE,
                cause=f"{machine}: the CPU utilization by processes outside the study was {percent(foreign)}"
                + ("" if is_known else ", which may be those of the platform"),
                next_step="find these processes (top), and repeat the study when the machine is quiet",
                figure=foreign,
                threshold=limits.foreign_cpu,
            )
    models = {host: model for host, model in seen.cpu_models.items() if host in seen.expected_servers}
    if len(set(models.values())) > 1:
        shown = "; ".join(f"{host}: {model}" for host, model in models.items())
        yield Finding(
            rule="E11",
            severity=Severity.WARNING,
            cause=f"the servers' processors differ: {shown}",
            next_step="use machines of one type for the servers",
        )

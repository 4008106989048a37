"""Were the machines quiet? Rule E11."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import window_stats
from harness.judge.figures import foreign_share, in_window
from harness.judge.observation import Observation
from harness.records.findings import Finding, Severity
from harness.words import percent


def noise(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E11: CPU that others took: the hypervisor (steal), and processes that are not the study's."""
    severe = Severity.WARNING if seen.kind == "hosts" else Severity.NOTE
    for machine in dict.fromkeys(m.machine for m in seen.machines):
        rows = [m for m in seen.machines if m.machine == machine and in_window(seen, m.t_s)]
        steal = sorted(m.steal_share for m in rows)
        if not steal:
            continue
        mean, high = sum(steal) / len(steal), window_stats.nearest_rank(steal, 0.99)
        if mean > limits.steal_mean or high > limits.steal_high:
            yield Finding(
                "E11",
                severe,
                f"{machine}: the hypervisor took {percent(mean, 1)} of the CPU, at most {percent(high, 1)} in a second",
                "another instance type or host, or unlimited credits where instances are burstable",
                mean,
                limits.steal_mean,
            )
        foreign = foreign_share(seen, machine)
        if foreign is not None and foreign > limits.foreign_cpu:
            yield Finding(
                "E11",
                Severity.WARNING,
                f"{machine}: processes that are not the study's used {percent(foreign)} of its CPU",
                "look at what else runs there (top), and repeat the study when it is quiet",
                foreign,
                limits.foreign_cpu,
            )
    models = {host: model for host, model in seen.cpu_models.items() if host in seen.expected_servers}
    if len(set(models.values())) > 1:
        told = "; ".join(f"{host}: {model}" for host, model in models.items())
        yield Finding(
            "E11",
            Severity.WARNING,
            f"the servers' processors differ: {told}",
            "take machines of one type for the servers",
        )

"""Verify that the machines were quiet and identical: rule E11."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import latency_stats
from harness.judge.figures import in_window
from harness.judge.host_usage import foreign_share
from harness.judge.observation import Observation
from harness.language import Sentence, sentence
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
            yield Finding.of(
                rule="E11",
                severity=severe,
                cause=sentence(
                    "{machine}: the hypervisor took {mean} of the CPU on average, {high} at p99",
                    machine=machine,
                    mean=percent(mean, 1),
                    high=percent(high, 1),
                ),
                next_step=sentence("use another instance type or host, or unlimited credits for burstable instances"),
                figure=mean,
                threshold=limits.steal_mean,
            )
        foreign = foreign_share(seen, machine)
        if foreign is not None and foreign > limits.foreign_cpu:
            yield Finding.of(
                rule="E11",
                severity=Severity.WARNING if is_known else Severity.NOTE,
                cause=_foreign(machine, foreign, is_known=is_known),
                next_step=sentence("find these processes (top), and repeat the study when the machine is quiet"),
                figure=foreign,
                threshold=limits.foreign_cpu,
            )
    models = {host: model for host, model in seen.cpu_models.items() if host in seen.expected_servers}
    if len(set(models.values())) > 1:
        yield Finding.of(
            rule="E11",
            severity=Severity.WARNING,
            cause=sentence(
                "the servers' processors differ: {models}",
                models="; ".join(f"{host}: {model}" for host, model in models.items()),
            ),
            next_step=sentence("use machines of one type for the servers"),
        )


def _foreign(machine: str, share: float, *, is_known: bool) -> Sentence:
    return (
        sentence(
            "{machine}: the CPU utilization by processes outside the study was {share}",
            machine=machine,
            share=percent(share),
        )
        if is_known
        else sentence(
            "{machine}: the CPU utilization by processes outside the study was {share}, which may be those of the "
            "platform",
            machine=machine,
            share=percent(share),
        )
    )

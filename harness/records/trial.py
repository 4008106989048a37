"""trial.json: what is recorded of one trial, and its series."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from harness.errors import BadInput
from harness.records.series import BalancerSample, HostSample, MachineSample, Sample

FORMAT = 1


@dataclass
class TrialRecord:
    """trial.json. Sections are plain data, so that what a later version adds is kept when read."""

    id: str
    cell: dict[str, Any]
    repeat: int
    block_position: int
    started_at: str
    outcome: str
    cause: str = ""
    window: dict[str, float] = field(default_factory=dict)
    tps_mean: float | None = None
    tps_peak: float | None = None
    error_rate: float | None = None
    latency_ms: dict[str, float | None] = field(default_factory=dict)
    latency_source: str = "generator"
    unloaded_ms: float | None = None
    load_s: float | None = None
    overhead_s: float | None = None
    counters: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    verdict: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    sentinel: bool = False
    format: int = FORMAT

    @property
    def usable(self) -> bool:
        """Whether its throughput counts."""
        return self.outcome in ("ok", "degraded") and self.tps_mean is not None


@dataclass(frozen=True)
class TrialData:
    """A trial's record with its series."""

    record: TrialRecord
    samples: list[Sample]
    hosts: list[HostSample]
    balancer: list[BalancerSample]
    latencies: str = ""
    machines: list[MachineSample] = field(default_factory=list)
    ended_at: float | None = None  # Unix time at which the load was over, not recorded


def read_record(file: object, said: dict[str, Any]) -> TrialRecord:
    """A trial's record. Unknown keys of a later version are left out; missing ones are an error, which names `file`."""
    known = {f.name for f in dataclasses.fields(TrialRecord)}
    try:
        return TrialRecord(**{key: value for key, value in said.items() if key in known})
    except TypeError as error:
        raise BadInput(f"{file}: not a trial's record: {error}") from None

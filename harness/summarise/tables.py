"""The rows of cells.csv, gains.csv, capacity.csv and failover.csv, tidy; frames.py has their columns. Pure."""

from __future__ import annotations

from harness.summarise.capacity.capacity import with_one_lost
from harness.summarise.cells.failover import Spread
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import Summary


def cells(summary: Summary) -> list[dict[str, object]]:
    """One row a cell; `reason` gives the reason of its bottleneck, or of its having none."""
    rows: list[dict[str, object]] = []
    for cell in summary.cells:
        tps = cell.tps
        rows.append(
            {
                **cell.cell,
                "trials": cell.trials,
                "usable": cell.usable,
                "tps_mean": tps.value if tps else None,
                "tps_low": tps.low if tps else None,
                "tps_high": tps.high if tps else None,
                "tps_peak": cell.tps_peak,
                "p50_ms": cell.latency_ms.get("p50"),
                "p95_ms": cell.latency_ms.get("p95"),
                "p99_ms": cell.latency_ms.get("p99"),
                "error_rate": cell.error_rate,
                "outcome": cell.outcome,
                "bottleneck": cell.bottleneck,
                "reason": cell.reason,
            }
        )
    return rows


def gains(summary: Summary) -> list[dict[str, object]]:
    """One row a step between neighbouring topologies.

    `simultaneous_low` and `simultaneous_high` hold for all of them together.

    `minimum_detectable_gain` is the smallest gain, as a share, that 80 % of studies like this one would tell from none.

    Where the grid searches for limits a last column, `load`, tells the gains at saturation, which have no
    number of users in common.
    """
    rows: list[dict[str, object]] = []
    for gain in summary.gains:
        ratio = gain.ratio
        rows.append(
            {
                **gain.others,
                "from_servers": gain.from_servers,
                "to_servers": gain.to_servers,
                "gain": ratio.value if ratio else None,
                "low": ratio.low if ratio else None,
                "high": ratio.high if ratio else None,
                "peak_gain": gain.peak_ratio,
                "step_ideal": gain.step_ideal,
                "efficiency": gain.efficiency,
                "k": gain.k,
                "conclusion": gain.word,
                "reason": gain.reason,
                "simultaneous_low": gain.jointly.low if gain.jointly else None,
                "simultaneous_high": gain.jointly.high if gain.jointly else None,
                "minimum_detectable_gain": gain.detectable,
            }
        )
    return rows


def failover(summary: Summary) -> list[dict[str, object]]:
    """One row a cell that loses servers; times are seconds since the loss, of the trials whose number stands before."""
    return [
        {
            **one.cell,
            "failed_servers": one.lost,
            "trials": one.trials,
            **_ends("failed", one.failed),
            "failed_at_balancer": one.failed_at_balancer and one.failed_at_balancer.mean,
            "failing": one.failing,
            "to_the_end": one.to_the_end,
            **_ends("failing", one.failing_s, "_s"),
            "recovered": one.back,
            **_ends("recovery", one.recovery_s, "_s"),
            "expected": one.expected,
            **_ends("left", one.left),
            "still_failing": one.still_failing and one.still_failing.mean,
            "latency_recovered": one.latency_back,
            "latency_recovery_s": one.latency_recovery_s and one.latency_recovery_s.mean,
            "p95_recovered": one.p95_back,
            **_ends("p95_recovery", one.p95_recovery_s, "_s"),
            "before_ms": one.before_ms and one.before_ms.mean,
            "after_ms": one.after_ms and one.after_ms.mean,
            "p95_ms": one.p95_ms,
        }
        for one in summary.losses
    ]


def _ends(name: str, spread: Spread | None, unit: str = "") -> dict[str, object]:
    """A mean with the least and the most, under their names."""
    told = {"": spread and spread.mean, "_least": spread and spread.least, "_most": spread and spread.most}
    return {f"{name}{end}{unit}": value for end, value in told.items()}


def capacity(summary: Summary) -> list[dict[str, object]]:
    """One row a topology; its gain is over the next smaller one, whose row comes before; none without objectives.

    `factor` tells what the loads are, users (`vusers`) or requests per second (`rate`). `reference` is what servers of
    known speed carry by formula, `n_minus_1` what is left of a topology with one server fewer: nothing of one alone.
    """
    steps = {(tuple(gain.others.items()), gain.to_servers): gain for gain in summary.capacity_gains}
    rows: list[dict[str, object]] = []
    lost = with_one_lost(summary.capacities)
    for said, reference, left in zip(summary.capacities, summary.references, lost, strict=True):
        gain = steps.get((tuple(said.others.items()), said.servers))
        ratio = gain.ratio if gain else None
        rows.append(
            {
                "servers": said.servers,
                **said.others,
                "factor": said.factor,
                "capacity": said.value,
                "low": said.low,
                "high": said.high,
                "bound": said.bound,
                "blocks": said.blocks,
                "requests": said.requests,
                "bottleneck": said.limited_by,
                "gain": ratio.value if ratio else None,
                "gain_low": ratio.low if ratio else None,
                "gain_high": ratio.high if ratio and gain and gain.kind == GainKind.GAIN else None,
                "efficiency": gain.efficiency if gain else None,
                "conclusion": gain.word if gain else None,
                "reason": "; ".join(filter(None, (said.why, gain.reason if gain else ""))) or None,
                "reference": reference,
                "n_minus_1": 0.0 if said.servers == 1 else left and left.value,
                "n_minus_1_low": left and left.low,
                "n_minus_1_high": left and left.high,
            }
        )
    return rows

"""Rows of the tables next to a report, such as cells.csv; harness/records/frames.py has their columns. Pure."""

from __future__ import annotations

from harness.summarise.cells.failover import Spread
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import Summary


def cells(summary: Summary) -> list[dict[str, object]]:
    """One row a cell; `reason` is the reason of its bottleneck, or the reason why it has none."""
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


def requests(summary: Summary) -> list[dict[str, object]]:
    """One row a cell and request, and one for the transactions of a cell; none for one plain request."""
    return [
        {
            **cell.cell,
            "request": each.name,
            "kind": "transaction" if each is cell.transactions else "request",
            "requests": each.requests,
            "failed": each.failed,
            "share": each.share,
            "tps_mean": each.tps.value if each.tps else None,
            "tps_low": each.tps.low if each.tps else None,
            "tps_high": each.tps.high if each.tps else None,
            "error_rate": each.error_rate,
            **{f"{name}_ms": value for name, value in each.latency_ms.items()},
        }
        for cell in summary.cells
        for each in (*cell.by_request, *((cell.transactions,) if cell.transactions else ()))
    ]


def gains(summary: Summary) -> list[dict[str, object]]:
    """One row a step between neighbouring topologies; `simultaneous_low` and `simultaneous_high` are Bonferroni's.

    `minimum_detectable_gain` is the smallest gain, as a share, that studies like this one find with 80 % power.

    Where the grid searches, a last column `load` marks the gains at saturation, which have no number of users in
    common.
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
                "conclusion": gain.conclusion_text,
                "reason": gain.reason,
                "simultaneous_low": gain.simultaneous.low if gain.simultaneous else None,
                "simultaneous_high": gain.simultaneous.high if gain.simultaneous else None,
                "minimum_detectable_gain": gain.minimum_detectable_gain,
            }
        )
    return rows


def failover(summary: Summary) -> list[dict[str, object]]:
    """One row a cell with a server failure; times are seconds since it, over the trials counted before each time."""
    return [
        {
            **one.cell,
            "failed_servers": one.failed_servers,
            "trials": one.trials,
            **_ends("failed", one.failed),
            "failed_at_balancer": one.failed_at_balancer and one.failed_at_balancer.mean,
            "failing": one.failing,
            "to_the_end": one.to_the_end,
            **_ends("failing", one.failing_s, "_s"),
            "recovered": one.recovered,
            **_ends("recovery", one.recovery_s, "_s"),
            "expected": one.expected,
            **_ends("left", one.left),
            "still_failing": one.still_failing and one.still_failing.mean,
            "latency_recovered": one.latency_recovered,
            "latency_recovery_s": one.latency_recovery_s and one.latency_recovery_s.mean,
            "p95_recovered": one.p95_recovered,
            **_ends("p95_recovery", one.p95_recovery_s, "_s"),
            "before_ms": one.before_ms and one.before_ms.mean,
            "after_ms": one.after_ms and one.after_ms.mean,
            "p95_ms": one.p95_ms,
        }
        for one in summary.failovers
    ]


def _ends(name: str, spread: Spread | None, unit: str = "") -> dict[str, object]:
    """A mean with the least and the most, as columns."""
    ends = {"": spread and spread.mean, "_least": spread and spread.least, "_most": spread and spread.most}
    return {f"{name}{end}{unit}": value for end, value in ends.items()}


def capacity(summary: Summary) -> list[dict[str, object]]:
    """One row a topology, with its gain over the next smaller one in the row before; none without objectives.

    `factor` is the unit of the loads: users (`vusers`) or requests per second (`rate`). `reference` is the capacity of
    paced servers by formula, `n_minus_1` the capacity with one server fewer: 0 of a single server. `component` is the
    bottleneck of the trials just above the capacity.
    """
    steps = {(tuple(gain.others.items()), gain.to_servers): gain for gain in summary.capacity_gains}
    rows: list[dict[str, object]] = []
    for one in summary.capacities:
        gain, n_minus_1 = steps.get((tuple(one.others.items()), one.servers)), one.n_minus_1
        ratio = gain.ratio if gain else None
        rows.append(
            {
                "servers": one.servers,
                **one.others,
                "factor": one.factor,
                "capacity": one.value,
                "low": one.low,
                "high": one.high,
                "bound": one.bound,
                "blocks": one.blocks,
                "requests": one.requests,
                "bottleneck": one.first_missed,
                "gain": ratio.value if ratio else None,
                "gain_low": ratio.low if ratio else None,
                "gain_high": ratio.high if ratio and gain and gain.kind == GainKind.GAIN else None,
                "efficiency": gain.efficiency if gain else None,
                "conclusion": gain.conclusion_text if gain else None,
                "reason": "; ".join(filter(None, (one.reason, gain.reason if gain else ""))) or None,
                "reference": one.reference,
                "n_minus_1": 0.0 if one.servers == 1 else n_minus_1 and n_minus_1.value,
                "n_minus_1_low": n_minus_1 and n_minus_1.low,
                "n_minus_1_high": n_minus_1 and n_minus_1.high,
                "component": one.limit and one.limit.component,
            }
        )
    return rows

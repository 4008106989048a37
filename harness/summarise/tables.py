"""The rows of cells.csv, gains.csv, capacity.csv and losses.csv, tidy; frames.py has their columns. Pure."""

from __future__ import annotations

from harness.summarise.capacity.capacity import with_one_lost
from harness.summarise.cells.failover import Spread
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import Summary


def cells(summary: Summary) -> list[dict[str, object]]:
    """One row a cell; `why` gives the reason of its verdict, or of its having none."""
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
                "verdict": cell.verdict,
                "why": cell.why,
            }
        )
    return rows


def gains(summary: Summary) -> list[dict[str, object]]:
    """One row a step between neighbouring topologies; `joint_low` and `joint_high` hold for all of them together.

    `detectable_gain` is the smallest gain, as a share, that 80 % of studies like this one would tell from none.

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
                "word": gain.word,
                "reason": gain.reason,
                "joint_low": gain.jointly.low if gain.jointly else None,
                "joint_high": gain.jointly.high if gain.jointly else None,
                "detectable_gain": gain.detectable,
            }
        )
    return rows


def losses(summary: Summary) -> list[dict[str, object]]:
    """One row a cell that loses servers; times are seconds since the loss, of the trials whose number stands before."""
    return [
        {
            **one.cell,
            "lost": one.lost,
            "trials": one.trials,
            **_ends("failed", one.failed),
            "failed_at_balancer": one.failed_at_balancer and one.failed_at_balancer.mean,
            "failing": one.failing,
            "to_the_end": one.to_the_end,
            **_ends("failing", one.failing_s, "_s"),
            "back": one.back,
            **_ends("back", one.back_s, "_s"),
            "expected": one.expected,
            **_ends("left", one.left),
            "still_failing": one.still_failing and one.still_failing.mean,
            "latency_back": one.latency_back,
            "latency_back_s": one.latency_back_s and one.latency_back_s.mean,
            "p95_back": one.p95_back,
            **_ends("p95_back", one.p95_back_s, "_s"),
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
    known speed carry by formula, `one_lost` what is left of a topology with one server fewer: nothing of one alone.
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
                "limited_by": said.limited_by,
                "gain": ratio.value if ratio else None,
                "gain_low": ratio.low if ratio else None,
                "gain_high": ratio.high if ratio and gain and gain.kind == GainKind.GAIN else None,
                "efficiency": gain.efficiency if gain else None,
                "word": gain.word if gain else None,
                "reason": "; ".join(filter(None, (said.why, gain.reason if gain else ""))) or None,
                "reference": reference,
                "one_lost": 0.0 if said.servers == 1 else left and left.value,
                "one_lost_low": left and left.low,
                "one_lost_high": left and left.high,
            }
        )
    return rows

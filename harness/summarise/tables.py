"""cells.csv and gains.csv: tidy tables whose columns others rely on."""

from __future__ import annotations

import csv
import io
from typing import Any

from harness.summarise.summary import Summary


def cells_csv(summary: Summary) -> str:
    """One row a cell; `why` gives the reason of its verdict, or of its having none."""
    rows = []
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
    return _table(rows)


def gains_csv(summary: Summary) -> str:
    """One row a step between neighbouring topologies; `joint_low` and `joint_high` hold for all of them together.

    Where the grid searches for limits a last column, `load`, tells the gains at saturation, which have no
    number of users in common.
    """
    others = [name for name in summary.grid.factors if name != "servers"]
    columns = [
        *others,
        *("from_servers", "to_servers", "gain", "low", "high", "peak_gain", "step_ideal", "efficiency"),
        *("k", "word", "reason", "joint_low", "joint_high"),
        *(["load"] if summary.grid.search is not None else []),
    ]
    rows = []
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
            }
        )
    return _table(rows, columns)


def _table(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    out = io.StringIO()
    names = columns or (list(rows[0]) if rows else [])
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _field(value) for name, value in row.items()})
    return out.getvalue()


def _field(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value

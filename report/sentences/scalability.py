"""Rule E19 in words: the law of scalability, or the efficiencies that have to do. Pure."""

from __future__ import annotations

from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics import intervals, usl
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text


def told(summary: Summary) -> str:
    """Rule E19, by load; below six topologies the efficiencies of the table have to do."""
    told = []
    for load, law in summary.laws.items():
        pinned = f"; not identifiable: {', '.join(law.pinned)}" if law.pinned else ""
        peak = f"; most throughput near {law.peak_servers:.0f} servers" if law.peak_servers else ""
        told.append(
            f"at {load}: σ = {law.sigma.value:.3f} [{law.sigma.low:.3f}, {law.sigma.high:.3f}], "
            f"κ = {law.kappa.value:.4f} [{law.kappa.low:.4f}, {law.kappa.high:.4f}]{pinned}; "
            f"{law.next_servers} servers would give {text.rate_interval(law.next)} requests per second{peak}"
        )
    if told:
        return "; ".join(told)
    return "; ".join(
        [*_shapes(summary), "no law of scalability is fitted: that takes six topologies limited by servers at one load"]
    )


def _shapes(summary: Summary) -> list[str]:
    """Efficiencies and serial fractions by load, of the cells that servers limited."""
    loads: dict[str, dict[int, float]] = {}
    spans: dict[str, dict[int, tuple[float, float]]] = {}
    cells: dict[str, dict[int, CellSummary]] = {}
    for cell in summary.cells:
        if cell.bottleneck == Component.SERVER and cell.tps is not None:
            loads.setdefault(load_name(cell.others), {})[cell.servers] = cell.tps.value
            cells.setdefault(load_name(cell.others), {})[cell.servers] = cell
            if cell.tps.low is not None and cell.tps.high is not None:
                spans.setdefault(load_name(cell.others), {})[cell.servers] = cell.tps.low, cell.tps.high
    told = []
    for load, rates in loads.items():
        found = usl.shape(rates, spans.get(load, {}))
        if found is None:
            continue
        smallest = cells[load][min(rates)]
        each = ", ".join(
            f"E({m}) = {text.share_with_interval(e, _ends(smallest, cells[load][m]))}"
            for m, e in found.efficiency.items()
        )
        serial = ", ".join(f"{fraction:.3f}".replace("-", "−") for fraction in found.serial.values())
        odd = (
            "; it falls, which neither contention nor coherency does: the smallest topology was read too high"
            if found.suspect
            else ""
        )
        told.append(f"at {load} {each} of the smallest topology’s, serial fraction (Karp–Flatt) {serial}{odd}")
    return told


def _ends(smallest: CellSummary, cell: CellSummary) -> tuple[float, float] | None:
    """The interval of an efficiency, paired by block as that of a gain; None below three blocks."""
    common = sorted(smallest.by_block.keys() & cell.by_block.keys())
    if not common:
        return None
    ratio = intervals.gain([smallest.by_block[b] for b in common], [cell.by_block[b] for b in common], needs=3)
    ideal = cell.servers / smallest.servers
    return None if ratio.low is None or ratio.high is None else (ratio.low / ideal, ratio.high / ideal)

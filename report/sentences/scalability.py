"""Rule E19: the fitted law of scalability, or the efficiencies where too few topologies were measured. Pure."""

from __future__ import annotations

from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary
from harness.summarise.statistics import intervals, usl
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text


def sentence(summary: Summary) -> str:
    """The universal scalability law by load; below six topologies the efficiencies."""
    clauses = []
    for load, law in summary.laws.items():
        pinned = f"; not identifiable: {', '.join(law.pinned)}" if law.pinned else ""
        peak = f"; maximum throughput near {law.peak_servers:.0f} servers" if law.peak_servers else ""
        clauses.append(
            f"at {load}: σ = {law.sigma.value:.3f} [{law.sigma.low:.3f}, {law.sigma.high:.3f}], "
            f"κ = {law.kappa.value:.4f} [{law.kappa.low:.4f}, {law.kappa.high:.4f}]{pinned}; "
            f"expected for {law.next_servers} servers: {text.rate_interval(law.next)} req/s{peak}"
        )
    if clauses:
        return "; ".join(clauses)
    missing = "no law of scalability is fitted: it needs six topologies limited by servers at one load"
    return "; ".join([*_efficiencies(summary), missing])


def _efficiencies(summary: Summary) -> list[str]:
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
    clauses = []
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
            "; it falls, which neither contention nor coherency explains: the smallest topology is suspect"
            if found.suspect
            else ""
        )
        clauses.append(
            f"at {load} {each} relative to the smallest topology, serial fraction (Karp–Flatt) {serial}{odd}"
        )
    return clauses


def _ends(smallest: CellSummary, cell: CellSummary) -> tuple[float, float] | None:
    """The interval of an efficiency, paired by block as that of a gain; None below three blocks."""
    common = sorted(smallest.by_block.keys() & cell.by_block.keys())
    if not common:
        return None
    ratio = intervals.gain([smallest.by_block[b] for b in common], [cell.by_block[b] for b in common], needs=3)
    ideal = cell.servers / smallest.servers
    return None if ratio.low is None or ratio.high is None else (ratio.low / ideal, ratio.high / ideal)

"""Rule E19: the fitted law of scalability, or the efficiencies where too few topologies were measured. Pure."""

from __future__ import annotations

from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from report import format as text


def sentence(summary: Summary) -> str:
    """The universal scalability law by load; below six topologies the efficiencies."""
    clauses = []
    for load, law in summary.usl_fits.items():
        unknown = f"; not identifiable: {', '.join(law.not_identifiable)}" if law.not_identifiable else ""
        peak = f"; maximum throughput near {law.peak_servers:.0f} servers" if law.peak_servers else ""
        clauses.append(
            f"at {load}: σ = {law.sigma.value:.3f} [{law.sigma.low:.3f}, {law.sigma.high:.3f}], "
            f"κ = {law.kappa.value:.4f} [{law.kappa.low:.4f}, {law.kappa.high:.4f}]{unknown}; "
            f"expected for {law.next_servers} servers: {text.rate_interval(law.next)} req/s{peak}"
        )
    if clauses:
        return "; ".join(clauses)
    missing = "no law of scalability is fitted: it needs six topologies with a server bottleneck at one load"
    return "; ".join([*_efficiencies(summary), missing])


def _efficiencies(summary: Summary) -> list[str]:
    """Efficiencies and serial fractions by load, of the cells that servers limited."""
    clauses = []
    for load, found in summary.efficiency_profiles.items():
        each = ", ".join(
            f"E({servers}) = {text.share_with_interval(efficiency.value, _ends(efficiency))}"
            for servers, efficiency in found.efficiency.items()
        )
        serial = ", ".join(f"{fraction:.3f}".replace("-", "−") for fraction in found.serial_fraction.values())
        suspect = "; it falls, which neither contention nor coherency explains: the smallest topology is suspect"
        clauses.append(
            f"at {load} {each} relative to the smallest topology, serial fraction (Karp–Flatt) {serial}"
            f"{suspect if found.baseline_suspect else ''}"
        )
    return clauses


def _ends(efficiency: Interval) -> tuple[float, float] | None:
    return None if efficiency.low is None or efficiency.high is None else (efficiency.low, efficiency.high)

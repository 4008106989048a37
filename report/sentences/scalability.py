"""Rule E19 in words: the law of scalability, or the efficiencies that have to do. Pure."""

from __future__ import annotations

from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from report import format as text


def told(summary: Summary) -> str:
    """Rule E19, by load; below six topologies the efficiencies of the table have to do."""
    told = []
    for load, law in summary.usl_fits.items():
        pinned = f"; not identifiable: {', '.join(law.not_identifiable)}" if law.not_identifiable else ""
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
    told = []
    for load, found in summary.efficiency_profiles.items():
        each = ", ".join(f"E({m}) = {text.share_with_interval(e.value, _ends(e))}" for m, e in found.efficiency.items())
        serial = ", ".join(f"{fraction:.3f}".replace("-", "−") for fraction in found.serial_fraction.values())
        odd = (
            "; it falls, which neither contention nor coherency does: the smallest topology was read too high"
            if found.baseline_suspect
            else ""
        )
        told.append(f"at {load} {each} of the smallest topology’s, serial fraction (Karp–Flatt) {serial}{odd}")
    return told


def _ends(efficiency: Interval) -> tuple[float, float] | None:
    return None if efficiency.low is None or efficiency.high is None else (efficiency.low, efficiency.high)

"""Rule E19: the fitted law of scalability, or the efficiencies where too few topologies were measured. Pure."""

from __future__ import annotations

from harness.language import tr
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from report import format as text


def sentence(summary: Summary) -> str:
    """The universal scalability law by load; below six topologies the efficiencies."""
    clauses = []
    for load, law in summary.usl_fits.items():
        unknown = (
            tr("; not identifiable: {listed}", listed=", ".join(law.not_identifiable)) if law.not_identifiable else ""
        )
        peak = (
            tr("; maximum throughput near {peak_servers:.0f} servers", peak_servers=law.peak_servers)
            if law.peak_servers
            else ""
        )
        clauses.append(
            tr(
                "at {load}: σ = {value:.3f} [{low:.3f}, {high:.3f}], κ = {value_2:.4f} [{low_2:.4f}, "
                "{high_2:.4f}]{unknown}; expected for {next_servers} servers: {next} req/s{peak}",
                load=load,
                value=law.sigma.value,
                low=law.sigma.low,
                high=law.sigma.high,
                value_2=law.kappa.value,
                low_2=law.kappa.low,
                high_2=law.kappa.high,
                unknown=unknown,
                next_servers=law.next_servers,
                next=text.rate_interval(law.next),
                peak=peak,
            )
        )
    if clauses:
        return "; ".join(clauses)
    missing = tr("no law of scalability is fitted: it needs six topologies with a server bottleneck at one load")
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
        suspect = tr("; it falls, which neither contention nor coherency explains: the smallest topology is suspect")
        clauses.append(
            tr(
                "at {load} {each} relative to the smallest topology, serial fraction (Karp–Flatt) {serial}{suspect}",
                load=load,
                each=each,
                serial=serial,
                suspect=suspect if found.baseline_suspect else "",
            )
        )
    return clauses


def _ends(efficiency: Interval) -> tuple[float, float] | None:
    return None if efficiency.low is None or efficiency.high is None else (efficiency.low, efficiency.high)

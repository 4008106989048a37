"""Simulate studies of capacities whose truth is known, and print a table in Markdown.

    python -m benchmarks.capacity [STUDIES] [--only NAME]

STUDIES of each scenario (500); `--only` takes those whose name contains NAME. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.capacity.study import SCENARIOS, Scenario, Tally, one
from benchmarks.truth.tables import share

COLUMNS = (
    "scenario",
    "exact",
    "coverage",
    "coverage of the nominal capacity",
    "median error",
    "half width",
    "true bounds",
    "gains exact",
    "coverage of gains",
    "median error of gains",
    "bias",
    "probes",
    "loads off by (SD)",
)


def counted(scenario: Scenario, studies: int) -> Tally:
    """Studies 0 to `studies` of a scenario together."""
    total = Tally()
    for number in range(studies):
        total.add(one(scenario, number))
    return total


def row(scenario: Scenario, tally: Tally) -> str:
    """A scenario's row."""

    def typical(values: Sequence[float]) -> str:
        return f"{np.median(np.abs(values)):.1%}" if values else "–"

    cells = (
        scenario.name,
        share(tally.exact, tally.capacities),
        share(tally.covered, tally.exact),
        share(tally.covered_nominal, tally.exact),
        typical(tally.errors),
        f"±{typical(tally.widths)}",
        share(tally.bounds_covered, tally.bounds),
        share(tally.gains_exact, tally.gains),
        share(tally.gains_covered, tally.gains_exact),
        typical(tally.gain_errors),
        f"{np.mean(tally.errors):+.1%}" if tally.errors else "–",
        f"{tally.probes / max(tally.capacities, 1):.1f}",
        f"{np.mean(tally.offsets):+.1%} ± {np.std(tally.offsets):.1%}" if tally.offsets else "–",
    )
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Simulate and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("studies", nargs="?", type=int, default=500, help="of each scenario")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name contains this")
    arguments = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if arguments.only in scenario.name]
    if arguments.studies < 1 or not chosen:
        parser.error(f"STUDIES is at least 1. Allowed for NAME: {'; '.join(each.name for each in SCENARIOS)}")
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n")
    for scenario in chosen:
        sys.stdout.write(row(scenario, counted(scenario, arguments.studies)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()

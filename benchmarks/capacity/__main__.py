"""Simulate studies of capacities whose truth is known, and print a table in Markdown.

    python -m benchmarks.capacity [STUDIES] [--first NUMBER] [--only NAME]

STUDIES of each scenario (500), from study NUMBER (0) on; `--only` takes those whose name contains NAME. The seed of a
study is its number and the name of its scenario. Other studies are fresh ones: for those with which a rule was chosen,
its coverage looks better than it is.
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


def counted(scenario: Scenario, studies: int, first: int = 0) -> Tally:
    """As many `studies` of a scenario together, from the one with the number `first` on."""
    total = Tally()
    for number in range(first, first + studies):
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
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first study")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name contains this")
    arguments = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if arguments.only in scenario.name]
    if arguments.studies < 1 or arguments.first < 0 or not chosen:
        parser.error(
            f"STUDIES is at least 1, NUMBER at least 0. Allowed for NAME: {'; '.join(each.name for each in SCENARIOS)}"
        )
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n")
    for scenario in chosen:
        sys.stdout.write(row(scenario, counted(scenario, arguments.studies, arguments.first)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()

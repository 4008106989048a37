"""Studies of capacities whose truth is known, as a table in Markdown.

    python -m benchmarks.capacity [STUDIES] [--only NAME]

STUDIES of each scenario (500); `--only` takes those whose name holds NAME. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from benchmarks.capacity.study import SCENARIOS, Scenario, Tally, one

COLUMNS = (
    "scenario",
    "exact",
    "holds the truth",
    "median error",
    "half width",
    "bounds true",
    "gains exact",
    "gain holds the truth",
    "gain's median error",
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

    def share(part: int, whole: int) -> str:
        return f"{part / whole:.1%}" if whole else "–"

    cells = (
        scenario.name,
        share(tally.exact, tally.capacities),
        share(tally.held, tally.exact),
        f"{np.median(np.abs(tally.errors)):.1%}",
        f"±{np.median(tally.widths):.1%}",
        share(tally.bounds_held, tally.bounds),
        share(tally.gains_exact, tally.gains),
        share(tally.gains_held, tally.gains_exact),
        f"{np.median(np.abs(tally.gain_errors)):.1%}",
        f"{np.mean(tally.errors):+.1%}",
        f"{tally.probes / len(tally.offsets):.1f}",
        f"{np.mean(tally.offsets):+.1%} ± {np.std(tally.offsets):.1%}",
    )
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Simulate and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("studies", nargs="?", type=int, default=500, help="of each scenario")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name holds this")
    asked = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if asked.only in scenario.name]
    if asked.studies < 1 or not chosen:
        parser.error(f"STUDIES is from 1 on, and NAME one of: {'; '.join(each.name for each in SCENARIOS)}")
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n")
    for scenario in chosen:
        sys.stdout.write(row(scenario, counted(scenario, asked.studies)))
        sys.stdout.flush()


if __name__ == "__main__":
    main()

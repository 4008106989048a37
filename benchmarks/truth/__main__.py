"""Simulate studies whose truth is known, judge them by the product's own code, and print tables in Markdown.

    python -m benchmarks.truth [STUDIES] [--only NAME] [--jobs N]

STUDIES of each scenario (200); `--only` takes those whose name contains NAME. A study is reproducible by
its scenario and number. Coverage of the intervals alone: `python -m benchmarks.truth.intervals`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from benchmarks.truth import tables
from benchmarks.truth.scenarios import SCENARIOS
from benchmarks.truth.study import Tally, one, with_truth
from benchmarks.truth.world import Scenario


def tally(what: tuple[Scenario, int]) -> Tally:
    """The counts of one study."""
    return one(*what)[2]


def counted(scenario: Scenario, studies: int, pool: ProcessPoolExecutor | None) -> Tally:
    """Studies 0 to `studies` of a scenario together."""
    scenario = with_truth(scenario)
    wanted = [(scenario, number) for number in range(studies)]
    found: Iterator[Tally] = pool.map(tally, wanted) if pool else map(tally, wanted)
    total = Tally()
    for count in found:
        total.add(count)
    return total


def main() -> None:
    """Simulate and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("studies", nargs="?", type=int, default=200, help="of each scenario")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name contains this")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    arguments = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if arguments.only in scenario.name]
    if arguments.studies < 1 or arguments.jobs < 1:
        parser.error("STUDIES and --jobs are whole numbers from 1 on")
    if not chosen:
        parser.error(f"no scenario contains {arguments.only!r}. Allowed: {'; '.join(s.name for s in SCENARIOS)}")
    pool = ProcessPoolExecutor(arguments.jobs) if arguments.jobs > 1 else None
    found = {}
    out = sys.stdout
    out.write("## Coverage of the 95 % interval of a gain, and what became of the trials\n\n")
    out.write(tables.header(tables.COVERED))
    for scenario in chosen:
        found[scenario.name] = counted(scenario, arguments.studies, pool)
        out.write(tables.covered(scenario, found[scenario.name]))
        out.flush()
    out.write("\n## Wrong bottlenecks, of trials whose true one is clear\n\n")
    out.write(tables.false_bottlenecks(chosen, found))
    if pool:
        pool.shutdown()


if __name__ == "__main__":
    main()

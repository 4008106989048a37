"""Studies whose truth is known, simulated and judged by the code that judges real ones, as tables in Markdown.

    python -m benchmarks.truth [STUDIES] [--only NAME] [--jobs N]

STUDIES of each scenario (200); `--only` takes those whose name holds NAME. A study is the same one whenever it is
simulated, whatever else is. What the intervals alone promise: `python -m benchmarks.truth.intervals`.
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
    """What is counted of one study."""
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
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name holds this")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    asked = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if asked.only in scenario.name]
    if asked.studies < 1 or asked.jobs < 1:
        parser.error("STUDIES and --jobs are whole numbers from 1 on")
    if not chosen:
        parser.error(f"no scenario's name holds {asked.only!r}; there are: {'; '.join(s.name for s in SCENARIOS)}")
    pool = ProcessPoolExecutor(asked.jobs) if asked.jobs > 1 else None
    found = {}
    out = sys.stdout
    out.write("## Coverage of the 95 % interval of a gain, and what became of the trials\n\n")
    out.write(tables.header(tables.COVERED))
    for scenario in chosen:
        found[scenario.name] = counted(scenario, asked.studies, pool)
        out.write(tables.covered(scenario, found[scenario.name]))
        out.flush()
    out.write("\n## Wrong bottlenecks, of trials whose limit is clear\n\n")
    out.write(tables.false_verdicts(chosen, found))
    if pool:
        pool.shutdown()


if __name__ == "__main__":
    main()

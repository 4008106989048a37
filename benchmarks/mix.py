"""Simulate pairs of cells whose mix of requests drifts between them or not, and print a table in Markdown (rule E25).

    python -m benchmarks.mix [PAIRS]

PAIRS of each scenario (500). Seeds are fixed. Each pair is judged as the product judges a gain: its trials' records are
summarised to cells, and an invalid gain counts.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace

import numpy as np

from harness.grid.thresholds import Thresholds
from harness.records.reasons import Reason, ReasonKind
from harness.records.requests import RequestStats
from harness.records.trial import Bottleneck, Component, Outcome, TrialRecord
from harness.summarise.cells.cell import CellSummary, summarise
from harness.summarise.gains.gain import between
from harness.summarise.gains.obstacle import ObstacleKind

TRIALS = 5
LIMITS = Thresholds()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A mix by its shares, the requests of a trial, and the drift: points that the second cell moves to its last name.

    `burst` requests of one name follow each other, as of a user who repeats a task; 1 for a weighted mix.
    """

    name: str
    shares: tuple[float, ...]
    requests: int
    drift: float = 0.0
    burst: int = 1


MIXES = (
    Scenario(name="9 : 1", shares=(0.9, 0.1), requests=8_000),
    Scenario(name="6 : 3 : 1", shares=(0.6, 0.3, 0.1), requests=16_000),
    Scenario(name="ten equal names", shares=(0.1,) * 10, requests=8_000),
    Scenario(name="9 : 1, few requests", shares=(0.9, 0.1), requests=2_000),
    Scenario(name="9 : 1, very few requests", shares=(0.9, 0.1), requests=400),
    Scenario(name="9 : 1, tasks of 10 equal requests", shares=(0.9, 0.1), requests=20_000, burst=10),
)


def is_invalid(draw: np.random.Generator, drift: float, scenario: Scenario = MIXES[0]) -> bool:
    """Whether the gain of one pair is invalid because it compares different work."""
    scenario = replace(scenario, drift=drift)
    obstacle = between(_cell(scenario, 1, draw), _cell(scenario, 2, draw), LIMITS).obstacle
    return obstacle is not None and obstacle.kind is ObstacleKind.OTHER_WORK


def _cell(scenario: Scenario, servers: int, draw: np.random.Generator) -> CellSummary:
    shares = list(scenario.shares)
    if servers == 2:
        shares[0] -= scenario.drift
        shares[-1] += scenario.drift
    records = [_trial(scenario, shares, servers, block, draw) for block in range(1, TRIALS + 1)]
    return summarise({"servers": servers, "vusers": 100}, records, [], LIMITS)


def _trial(scenario: Scenario, shares: list[float], servers: int, block: int, draw: np.random.Generator) -> TrialRecord:
    counts = draw.multinomial(scenario.requests // scenario.burst, shares) * scenario.burst
    return TrialRecord(
        id=f"{servers}-{block}",
        cell={"servers": servers, "vusers": 100},
        repeat=block,
        block_position=block,
        started_at="2026-01-01T00:00:00+00:00",
        outcome=Outcome.OK,
        tps_mean=100.0 * servers,
        bottleneck=Bottleneck(component=Component.SERVER, basis=Reason(kind=ReasonKind.SERVER_CPU)),
        requests={f"request {place}": RequestStats(requests=int(count)) for place, count in enumerate(counts)},
    )


def main() -> int:
    """Print one row for each mix."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pairs", nargs="?", type=int, default=500)
    pairs = parser.parse_args().pairs
    sys.stdout.write(f"Invalid gains of {pairs} pairs:\n\n")
    sys.stdout.write("| mix | requests of a cell | healthy | drift of 3 points |\n|---|---|---|---|\n")
    for number, scenario in enumerate(MIXES):
        found = []
        for drift in (0.0, 0.03):
            draw = np.random.default_rng([25, number, round(100 * drift)])
            found.append(sum(is_invalid(draw, drift, scenario) for _ in range(pairs)))
        sys.stdout.write(f"| {scenario.name} | {TRIALS * scenario.requests:,} | {found[0]} | {found[1]} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

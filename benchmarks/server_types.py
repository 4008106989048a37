"""Simulate studies of servers of several types and count how often intervals contain the truth, as a Markdown table.

    python -m benchmarks.server_types [STUDIES]

STUDIES of each scenario (2000). Seeds are fixed. The simulation has its own truth: requests per second that each
server of a type delivers on average, and an efficiency of the mixed topology. Throughputs of a block share its speed;
each trial has noise of its own. The product only gets the records of trials. Counted are the interval of the efficiency
of two small and one large server, and of the two ratios that the report states: one large and two small servers, each
relative to one small server.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from harness.grid.schema import Grid
from harness.records.reasons import Reason, ReasonKind
from harness.records.trial import Bottleneck, Component, Outcome, TrialRecord
from harness.summarise.summary import summarise_records

TRUE_SMALL, TRUE_LARGE = 70.0, 133.0  # requests per second of one server, so that scale-up is 1.9
LOAD = 2000


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Blocks of a study, the relative noise of trials and of blocks, and the true efficiency of the mixed topology."""

    name: str
    blocks: int = 5
    trial_noise: float = 0.01
    block_noise: float = 0.05
    efficiency: float = 1.0
    server_noise: float = 0.0  # relative difference between the small servers, which take turns


SCENARIOS = (
    Scenario(name="5 blocks, trials ±1 %"),
    Scenario(name="5 blocks, trials ±5 %", trial_noise=0.05),
    Scenario(name="10 blocks, trials ±2 %, efficiency 75 %", blocks=10, trial_noise=0.02, efficiency=0.75),
    Scenario(name="8 blocks, trials ±1 %, small servers ±3 %", blocks=8, server_noise=0.03),
)


def covered(scenario: Scenario, studies: int) -> Counter[str]:
    """Return statement → studies whose interval contains the truth; `studies` are simulated with the seeds 0, 1, …"""
    found: Counter[str] = Counter()
    # With server noise one small server is the mean of both, as they take turns.
    truths = {"efficiency": scenario.efficiency, "one large": TRUE_LARGE / TRUE_SMALL, "two small": 2.0}
    for seed in range(studies):
        intervals = _intervals(scenario, seed)
        found.update(name for name, (low, high) in intervals.items() if low <= truths[name] <= high)
    return found


def _intervals(scenario: Scenario, seed: int) -> dict[str, tuple[float, float]]:
    """The product's intervals in one simulated study."""
    summary = summarise_records(_study(scenario), _records(scenario, seed))
    mixed = next(each for each in summary.gains if each.step == "2 small → 2 small + 1 large")
    (compared,) = summary.scale_ups
    by_topology = {each.to_servers: each.ratio for each in compared.options}
    found = {"efficiency": mixed.linear.efficiency if mixed.linear else None}
    found |= {"one large": by_topology.get("1 large"), "two small": by_topology.get("2 small")}
    return {
        name: (each.low, each.high)
        for name, each in found.items()
        if each is not None and each.low is not None and each.high is not None
    }


def _study(scenario: Scenario) -> Grid:
    levels = [{"small": 1}, {"small": 2}, {"large": 1}, {"small": 2, "large": 1}]
    types = {"small": ["server-1", "server-2"], "large": ["server-3"]}
    written = {
        "name": "types",
        "server_types": types,
        "factors": {"servers": levels, "vusers": [LOAD]},
        "load": {"think_time": "1s", "duration": "20s"},
        "request": {"path": "/"},
        "repeats": scenario.blocks,
    }
    return Grid.model_validate(written)


def _records(scenario: Scenario, seed: int) -> dict[str, TrialRecord]:
    draw = np.random.default_rng([seed, scenario.blocks, round(1000 * scenario.trial_noise)])
    spread = scenario.server_noise * draw.choice([-1.0, 1.0])
    small = (TRUE_SMALL * (1 + spread), TRUE_SMALL * (1 - spread))
    found = {}
    for block in range(1, scenario.blocks + 1):
        speed = math.exp(draw.normal(0, scenario.block_noise))
        delivered = {
            "1 small": small[block % 2],
            "2 small": sum(small),
            "1 large": TRUE_LARGE,
            "2 small + 1 large": scenario.efficiency * (sum(small) + TRUE_LARGE),
        }
        for level, rate in delivered.items():
            mean = rate * speed * math.exp(draw.normal(0, scenario.trial_noise))
            slug = f"servers-{level}_vusers-{LOAD}".replace(" ", "-").replace("+", "-")
            found[f"{slug}/r{block}"] = TrialRecord(
                id=f"{slug}-{block}",
                cell={"servers": level, "vusers": LOAD},
                repeat=block,
                block_position=1,
                started_at="2026-01-01T00:00:00+00:00",
                tps_mean=mean,
                outcome=Outcome.OK,
                bottleneck=Bottleneck(component=Component.SERVER, basis=Reason(kind=ReasonKind.SLOTS_BUSY)),
            )
    return found


def main(studies: int) -> None:
    """Print the table."""
    sys.stdout.write("| scenario | efficiency | one large / one small | two small / one small |\n|---|---|---|---|\n")
    for scenario in SCENARIOS:
        found = covered(scenario, studies)
        shares = (f"{100 * found[name] / studies:.1f} %" for name in ("efficiency", "one large", "two small"))
        sys.stdout.write(f"| {scenario.name} | {' | '.join(shares)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="?", type=int, default=2000)
    main(parser.parse_args().studies)

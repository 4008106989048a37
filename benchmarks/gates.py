"""Simulated gates: false alarms, slow builds found, and the time under load, as a table in Markdown.

    python -m benchmarks.gates [STUDIES]

The order of trials, the limits and the conclusion are the product's. A trial has the throughput of its build times the
disturbance of its scenario at that time of the study. Seeds follow from the names of the scenarios.
"""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.grid import derive
from harness.grid.cell import Cell
from harness.grid.gate import IMAGE
from harness.plan import order
from harness.summarise.comparison.gate import GateConclusion, conclude
from harness.summarise.statistics import sequential

Array = np.ndarray[Any, np.dtype[np.float64]]
Noise = Callable[[np.random.Generator, Array], Array]  # random numbers, times of trials (s) → ln of their speeds
TRIAL_S, SWITCH_S, LOAD_S, TOLERANCE = 15.0, 2.0, 600.0, 0.05
MOST = 2 * int(LOAD_S / (4 * TRIAL_S))  # blocks
BUILDS = tuple(Cell((("servers", 1), ("vusers", 2000), (IMAGE, name))) for name in ("old", "new"))


@dataclass(frozen=True)
class Scenario:
    """A kind of disturbance with its name, which is also its seed."""

    name: str
    noise: Noise


@dataclass(frozen=True)
class Gated:
    """The results of simulated gates of one true ratio: shares of the conclusions, and time under load in minutes."""

    shares: dict[GateConclusion, float]
    mean_min: float
    within_90_min: float


def _independent(share: float) -> Noise:
    """Trials that vary independently of each other, by this share."""
    return lambda random, times: random.normal(0, share, len(times))


def _dependent_seconds(random: np.random.Generator, times: Array) -> Array:
    """Noise between trials of 3 %, and seconds of 3 % with a correlation of 0.8 in a window of eight."""
    seconds = np.empty((len(times), 8))
    seconds[:, 0] = random.normal(0, 0.03, len(times))
    for second in range(1, 8):
        seconds[:, second] = 0.8 * seconds[:, second - 1] + random.normal(0, 0.018, len(times))
    mean: Array = seconds.mean(axis=1) + random.normal(0, 0.03, len(times))
    return mean


def _heavy_tails(random: np.random.Generator, times: Array) -> Array:
    """Noise of Student's t with three degrees of freedom, and a standard deviation of 3 %."""
    found: Array = random.standard_t(3, len(times)) * 0.03 / np.sqrt(3)
    return found


def _stalls(random: np.random.Generator, times: Array) -> Array:
    """Noise of 2 %, and stalls of 1 to 2 s in the window of a fifth of the trials."""
    lost = np.where(random.random(len(times)) < 0.2, random.uniform(1, 2, len(times)) / 8, 0.0)
    found: Array = np.log1p(-lost) + random.normal(0, 0.02, len(times))
    return found


def _drift(random: np.random.Generator, times: Array) -> Array:
    """Noise of 3 % on machines that slow down by 30 % over ten minutes."""
    found: Array = np.log1p(-0.3 * times / times[-1]) + random.normal(0, 0.03, len(times))
    return found


def _phases(random: np.random.Generator, times: Array) -> Array:
    """Noise of 2 % on a machine whose speed alternates by 25 % every 20 to 40 s; a trial has its mean."""
    ends = np.cumsum(random.uniform(20, 40, int(times[-1] / 20) + 3))
    fine = times[:, None] + np.linspace(TRIAL_S - 8, TRIAL_S, 9)
    speeds = np.where(np.searchsorted(ends, fine) % 2, 1.0, 0.75)
    found: Array = np.log(speeds.mean(axis=1)) + random.normal(0, 0.02, len(times))
    return found


def _wandering(random: np.random.Generator, times: Array) -> Array:
    """Noise of 2 % on a machine whose speed varies by 6 %, with a correlation of 0.8 between neighbouring trials."""
    speed = random.normal(0, 0.06, len(times))
    for trial in range(1, len(times)):
        speed[trial] = 0.8 * speed[trial - 1] + 0.6 * speed[trial]
    found: Array = speed + random.normal(0, 0.02, len(times))
    return found


def _tired(random: np.random.Generator, times: Array) -> Array:
    """Noise of 3 % on machines on which the second trial of each block is 3 % slower."""
    found: Array = random.normal(0, 0.03, len(times)) - 0.03 * (np.arange(len(times)) % 2)
    return found


SCENARIOS = (
    Scenario("paced servers, 0.1 %", _independent(0.001)),
    *(
        Scenario(f"independent, {100 * share:.0f} %", _independent(share))
        for share in (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.09)
    ),
    Scenario("3 %, dependent seconds", _dependent_seconds),
    Scenario("heavy tails, 3 %", _heavy_tails),
    Scenario("stalls of 1 to 2 s in 20 % of trials, 2 %", _stalls),
    Scenario("−30 % drift over the study, 3 %", _drift),
    Scenario("speed ±25 % in phases of 20 to 40 s, 2 %", _phases),
    Scenario("speed ±6 %, correlation 0.8, 2 %", _wandering),
    Scenario("second trial of a block 3 % slower, 3 %", _tired),
)


def simulate(scenario: Scenario, true_ratio: float, studies: int) -> Gated:
    """Return the results of this many gates; the candidate has `true_ratio` of the baseline's throughput."""
    conclusions, blocks = Counter[GateConclusion](), list[int]()
    for study in range(studies):
        random = np.random.default_rng([zlib.crc32(scenario.name.encode()), round(true_ratio * 1000), study])
        conclusion, used = one(scenario.noise, true_ratio, random)
        conclusions[conclusion] += 1
        blocks.append(used)
    minutes = np.asarray(blocks) * 2 * TRIAL_S / 60
    shares = {each: conclusions[each] / studies for each in GateConclusion}
    return Gated(shares, float(minutes.mean()), float(np.quantile(minutes, 0.9)))


def one(noise: Noise, true_ratio: float, random: np.random.Generator) -> tuple[GateConclusion, int]:
    """Return the conclusion of one gate and the number of its blocks."""
    seed = int(random.integers(2**31))
    trials = [trial.cell for block in range(1, MOST + 1) for trial in order.drawn(BUILDS, block, MOST, seed)]
    logs = noise(random, np.arange(len(trials), dtype=float) * (TRIAL_S + SWITCH_S))
    found, places = list[float](), list[int]()
    for block in range(1, MOST + 1):
        pair = {trials[place]: float(logs[place]) for place in (2 * block - 2, 2 * block - 1)}
        found.append(pair[BUILDS[1]] - pair[BUILDS[0]] + float(np.log(true_ratio)))
        places.append(1 if trials[2 * block - 2] == BUILDS[1] else -1)
        if block < derive.FEWEST_BLOCKS:
            continue
        conclusion = conclude(sequential.limits_of_blocks(found, places, MOST), TOLERANCE)
        if conclusion is not GateConclusion.UNDECIDED:
            return conclusion, block
    return GateConclusion.UNDECIDED, MOST


def main(studies: int) -> None:
    """Print a row for each scenario."""
    names = (
        *("disturbance", "A/A: regression", "pass", "undecided", "load (min): mean", "90 %"),
        *("5 % slower: regression", "pass", "undecided", "load (min): mean", "90 %"),
    )
    sys.stdout.write(f"{studies} gates each, at most {LOAD_S / 60:g} minutes of load\n\n| {' | '.join(names)} |\n")
    sys.stdout.write("|" + "---|" * len(names) + "\n")
    for scenario in SCENARIOS:
        fields = [scenario.name]
        for true_ratio in (1.0, 1 - TOLERANCE):
            found = simulate(scenario, true_ratio, studies)
            wanted = (GateConclusion.REGRESSION, GateConclusion.PASS, GateConclusion.UNDECIDED)
            fields += [f"{found.shares[each]:.2%}" for each in wanted]
            fields += [f"{found.mean_min:.1f}", f"{found.within_90_min:.1f}"]
        sys.stdout.write(f"| {' | '.join(fields)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)

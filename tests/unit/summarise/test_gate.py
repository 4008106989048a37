"""The conclusion of a gate: limits that hold for every number of looks, and gates simulated with the lab's noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from benchmarks import gates
from harness.summarise.comparison.attribution import RatioBound
from harness.summarise.comparison.gate import GateConclusion, conclude
from harness.summarise.statistics import sequential
from harness.summarise.statistics.intervals import Interval

Array = np.ndarray[Any, np.dtype[np.float64]]
SCENARIOS = {each.name: each for each in gates.SCENARIOS}
# The noise of the lab; above it, ten minutes do not suffice, and a gate is undecided more often.
WITHIN = ("paced servers, 0.1 %", "independent, 3 %", "heavy tails, 3 %")


def crossed(count: int, share: float, critical: Callable[[Array, Array], Array]) -> float:
    """Return the share of simulated means whose t value is above the critical one at any look."""
    random, looks = np.random.default_rng(7), np.arange(3, count + 1, dtype=float)
    values = random.normal(size=(200_000, count))
    sums, squares = (np.cumsum(values**power, axis=1)[:, 2:] for power in (1, 2))
    deviations = np.sqrt((squares - sums**2 / looks) / (looks - 1))
    levels = np.asarray(sequential.levels(count, share))
    return float((sums / np.sqrt(looks) > critical(levels, looks) * deviations).any(axis=1).mean())


@pytest.mark.parametrize("share", [sequential.ALARMS, sequential.MISSES])
@pytest.mark.parametrize("count", [5, 10])
def test_the_error_of_all_looks_together_stays_within_its_level(count: int, share: float) -> None:
    """However often the data are looked at, and although the variance is unknown."""
    found = crossed(count, 0.8 * share, lambda levels, looks: special.stdtrit(looks - 1, 1 - levels))
    assert 0.8 * share < found <= 1.03 * share, "0.03 is 1.3 standard errors of this simulation"


def test_the_levels_spend_the_error_of_their_time() -> None:
    """A power family with t³: early looks need strong evidence, and the last one is close to a single test."""
    levels = sequential.levels(20, 0.01)
    assert list(levels) == sorted(levels)
    assert levels[0] == pytest.approx(0.01 * (3 / 20) ** 3, rel=1e-6)
    assert 0.004 < levels[-1] < 0.01


def test_limits_are_those_of_a_t_interval_at_the_level_of_the_look() -> None:
    values = [0.02, -0.01, 0.005, 0.011]
    found = sequential.limits(values, 20)
    level = sequential.levels(20, 0.8 * sequential.ALARMS)[1]
    error = np.std(values, ddof=1) / 2
    assert found.value == pytest.approx(math.exp(np.mean(values)))
    assert found.high == pytest.approx(math.exp(np.mean(values) + special.stdtrit(3, 1 - level) * error))
    assert sequential.limits(values[:2], 20).low is None, "two values have no limits"


def test_a_value_is_a_pair_of_blocks_with_both_orders() -> None:
    """A steady difference between the first and the second trial of a block then cancels."""
    assert sequential.of_pairs({1: 0.03, 2: -0.03, 3: -0.01, 5: 0.02, 6: 0.04}) == pytest.approx([0.0, 0.03])


def test_builds_without_any_noise_are_decided() -> None:
    assert conclude(sequential.limits([0.0] * 3, 20), 0.05) is GateConclusion.PASS
    assert conclude(sequential.limits([-0.06] * 3, 20), 0.05) is GateConclusion.REGRESSION
    assert conclude(sequential.limits([-0.04] * 3, 20), 0.05) is GateConclusion.PASS, "slower, within the tolerance"


@pytest.mark.parametrize(
    ("low", "high", "bound", "expected"),
    [
        (0.96, 1.02, None, "pass"),
        (0.96, 0.99, None, "pass"),
        (0.90, 0.99, None, "regression"),
        (0.90, 1.00, None, "undecided"),
        (0.96, 1.02, RatioBound.AT_LEAST, "pass"),
        (0.96, 1.02, RatioBound.AT_MOST, "undecided"),
        (0.90, 0.99, RatioBound.AT_MOST, "regression"),
        (0.90, 0.99, RatioBound.AT_LEAST, "undecided"),
        (None, None, None, "undecided"),
    ],
)
def test_the_conclusion_follows_from_the_limits(
    low: float | None, high: float | None, bound: RatioBound | None, expected: str
) -> None:
    assert conclude(Interval(0.98, low, high), 0.05, bound) == expected


@pytest.mark.parametrize("name", WITHIN)
def test_identical_builds_are_no_regression_and_a_slow_one_is_found(name: str) -> None:
    """A short form of `python -m benchmarks.gates`, with the same seeds."""
    alike, slower = (gates.simulate(SCENARIOS[name], ratio, 150) for ratio in (1.0, 0.95))
    assert alike.shares[GateConclusion.REGRESSION] <= 4 / 150
    assert slower.shares[GateConclusion.REGRESSION] >= 0.85


@pytest.mark.long
@pytest.mark.parametrize("scenario", gates.SCENARIOS, ids=lambda each: each.name)
def test_false_alarms_stay_within_their_level_whatever_the_noise(scenario: gates.Scenario) -> None:
    """4,000 gates: a true 1 % has 57 false alarms or more in 0.3 % of such simulations.

    The exception are values of two sizes only, for which Student's t is too short.
    """
    alike = gates.simulate(scenario, 1.0, 4000)
    assert alike.shares[GateConclusion.REGRESSION] <= (0.02 if "phases" in scenario.name else 57 / 4000)

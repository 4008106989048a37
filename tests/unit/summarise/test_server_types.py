"""The intervals of servers of several types contain the truth of a simulation that shares no formula with them."""

from __future__ import annotations

import math

import pytest

from benchmarks import server_types

STATEMENTS = ("efficiency", "one large", "two small")


@pytest.mark.parametrize("scenario", server_types.SCENARIOS, ids=lambda each: each.name)
@pytest.mark.parametrize("studies", [60, pytest.param(1000, marks=pytest.mark.long)])
def test_intervals_contain_the_known_truth(studies: int, scenario: server_types.Scenario) -> None:
    """From 93 to 98 % of many studies; with a few studies at least 95 % minus four standard errors."""
    found = server_types.covered(scenario, studies)
    least = 0.93 if studies == 1000 else 0.95 - 4 * math.sqrt(0.95 * 0.05 / studies)
    for name in STATEMENTS:
        assert found[name] / studies >= least, (name, found)
        assert studies < 1000 or found[name] / studies <= 0.98 or scenario.server_noise, (name, found)


def test_a_wrong_truth_is_not_contained() -> None:
    """The simulation can see an error of the interval: an efficiency of 75 % is not one of 100 %."""
    low = server_types.SCENARIOS[2]
    wrong = server_types.Scenario(name="wrong", blocks=low.blocks, trial_noise=low.trial_noise)
    intervals = [server_types._intervals(low, seed)["efficiency"] for seed in range(20)]
    assert not any(lowest <= wrong.efficiency <= highest for lowest, highest in intervals)

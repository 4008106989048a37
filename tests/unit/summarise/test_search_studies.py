"""Simulated searches, from the first probe to the capacities: the short form of `python -m benchmarks.searches`."""

import pytest

from benchmarks.searches import SEARCH_SCENARIOS, SearchTally, simulate


def tally(name: str, studies: int = 4, *, single: bool = False) -> SearchTally:
    (scenario,) = (each for each in SEARCH_SCENARIOS if each.name == name)
    total = SearchTally()
    for number in range(studies):
        total.add(simulate(scenario, number, single=single))
    return total


@pytest.mark.parametrize("name", [each.name for each in SEARCH_SCENARIOS if each.name != "noise of 10 %"])
def test_searches_find_the_capacity_whatever_their_probes_do(name: str) -> None:
    found = tally(name)
    assert found.right_brackets >= found.topologies - 1  # the capacity of all requests is below that of most trials
    assert found.exact >= found.topologies - 1
    assert max(found.errors) <= 0.1
    assert found.false_bounds == 0


@pytest.mark.parametrize("name", ["cold first probe of each topology", "p95 worse below a third of the capacity"])
def test_single_probes_of_earlier_studies_ended_the_doubling(name: str) -> None:
    """The scenarios are hard: a study whose probes have no number keeps its search, which finds nothing here."""
    found = tally(name, 1, single=True)
    assert not found.right_brackets
    assert not found.exact

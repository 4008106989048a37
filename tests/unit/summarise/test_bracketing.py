"""A search for an objective's crossing doubles, then halves; no single probe ends it."""

from collections.abc import Callable

import pytest

from harness.summarise.search import bracketing
from harness.summarise.search.bracketing import MOST_REPEATS, Bracket, NextProbe, ProbeResult

MET, MISSED, BEHIND = ProbeResult.MET, ProbeResult.MISSED, ProbeResult.BEHIND
Results = dict[float, list[ProbeResult]]


def searched(
    crossing: float,
    least: float = 10.0,
    most: float = 1000.0,
    *,
    whole: bool = False,
    until: float = 0.05,
    wrong: Callable[[float, int], ProbeResult | None] = lambda _load, _number: None,
) -> Results:
    """All probes of a search; `wrong` has results of a load's probe that are not as the crossing has them."""
    results: Results = {}
    while (probe := bracketing.next_probe(least, most, until, results, whole=whole)) is not None:
        shown = results.setdefault(probe.load, [])
        assert probe.number == len(shown) + 1
        true = MET if probe.load <= crossing else BEHIND
        shown.append(wrong(probe.load, probe.number) or true)
    return results


def ends(results: Results) -> tuple[float, float]:
    found = bracketing.bracket(results)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_the_bracket_holds_the_crossing_and_is_as_narrow_as_asked() -> None:
    results = searched(237.0)
    low, high = ends(results)
    assert low <= 237 < high
    assert high - low <= 0.05 * high
    assert len(results) <= 11
    assert list(results)[:5] == [10, 20, 40, 80, 160]


def test_users_are_whole_numbers_and_only_misses_that_end_something_are_repeated() -> None:
    results = searched(7.5, 1.0, 100.0, whole=True)
    assert all(load == round(load) for load in results)
    assert bracketing.bracket(results) == Bracket(7, 8)
    assert {load for load, shown in results.items() if len(shown) > 1} == {8}
    repeated = {load: shown for load, shown in searched(300.0, whole=True).items() if len(shown) > 1}
    assert repeated.keys() == {320, bracketing.bracket(searched(300.0, whole=True)).high}


def test_a_span_that_does_not_hold_the_crossing_ends_at_its_side() -> None:
    assert bracketing.bracket(searched(5.0)) == Bracket(None, 10)
    assert list(searched(5.0).values()) == [[BEHIND, BEHIND]]
    assert bracketing.bracket(searched(5000.0)) == Bracket(1000, None)
    assert list(searched(5000.0))[-1] == 1000


def test_a_load_that_met_beyond_one_that_missed_counts_for_nothing() -> None:
    assert bracketing.bracket({10: [MET], 20: [MISSED, MISSED], 40: [MET]}) == Bracket(10, 20)


@pytest.mark.parametrize("bad", [MISSED, BEHIND])
@pytest.mark.parametrize("at", range(1, 9))
def test_one_cold_or_stalled_probe_ends_nothing(bad: ProbeResult, at: int) -> None:
    """Whichever load of the search it has, the bracket is the one without it."""
    load = list(searched(400.0))[at - 1]
    results = searched(400.0, wrong=lambda each, number: bad if (each, number) == (load, 1) else None)
    low, high = ends(results)
    assert low <= 400 < high
    assert high - low <= 0.05 * high


def test_two_probes_that_disagree_are_decided_by_a_third() -> None:
    results: Results = {10: [MET], 20: [MET], 40: [MISSED]}
    assert bracketing.next_probe(10, 1000, 0.05, results, whole=False) == NextProbe(40, 2)
    results[40].append(MET)
    assert bracketing.next_probe(10, 1000, 0.05, results, whole=False) == NextProbe(40, 3)
    missed = {**results, 40.0: [MISSED, MET, MISSED]}
    assert bracketing.next_probe(10, 1000, 0.05, missed, whole=False) == NextProbe(28.3, 1)
    met = {**results, 40.0: [MISSED, MET, MET]}
    assert bracketing.next_probe(10, 1000, 0.05, met, whole=False) == NextProbe(80, 1)


def test_loads_that_are_slow_below_others_that_meet_the_objectives_end_nothing() -> None:
    results = searched(400.0, 16.0, wrong=lambda load, _number: MISSED if load < 100 else None)
    low, high = ends(results)
    assert low <= 400 < high
    assert high - low <= 0.05 * high
    assert all(len(results[load]) == 1 for load in (16, 32, 64)), "they cost no repeats"


def test_where_no_load_meets_the_objectives_the_first_two_that_fall_behind_end_the_doubling() -> None:
    results = searched(0.0, wrong=lambda load, _number: MISSED if load < 100 else None)
    assert list(results) == [10, 20, 40, 80, 160]
    assert bracketing.bracket(results) == Bracket(None, 10)
    assert results[10] == [MISSED, MISSED], "no bound rests on a single probe"
    assert results[160] == [BEHIND, BEHIND]


def test_repeats_of_a_topology_are_limited() -> None:
    results = searched(400.0, wrong=lambda load, number: MISSED if number == 1 or load > 400 else MET, until=0.01)
    assert sum(len(shown) - 1 for shown in results.values()) == MOST_REPEATS

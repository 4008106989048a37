"""A search for an objective's crossing doubles, then halves."""

from harness.summarise.search import bracketing
from harness.summarise.search.bracketing import Bracket


def searched(crossing: float, least: float = 10.0, most: float = 1000.0, *, whole: bool = False) -> dict[float, bool]:
    met: dict[float, bool] = {}
    while (load := bracketing.next_load(least, most, 0.05, met, whole=whole)) is not None:
        met[load] = load <= crossing
    return met


def test_the_bracket_holds_the_crossing_and_is_as_narrow_as_asked() -> None:
    met = searched(237.0)
    found = bracketing.bracket(met)
    low, high = found.low, found.high
    assert low is not None
    assert high is not None
    assert low <= 237 < high
    assert high - low <= 0.05 * high
    assert len(met) <= 11
    assert list(met)[:5] == [10, 20, 40, 80, 160]


def test_users_are_whole_numbers_and_none_is_probed_twice() -> None:
    met = searched(7.5, 1.0, 100.0, whole=True)
    assert all(load == round(load) for load in met)
    assert bracketing.bracket(met) == Bracket(7, 8)


def test_a_span_that_does_not_hold_the_crossing_ends_at_its_side() -> None:
    assert bracketing.bracket(searched(5.0)) == Bracket(None, 10)
    assert bracketing.bracket(searched(5000.0)) == Bracket(1000, None)
    assert list(searched(5000.0))[-1] == 1000


def test_a_load_that_met_beyond_one_that_missed_counts_for_nothing() -> None:
    assert bracketing.bracket({10: True, 20: False, 40: True}) == Bracket(10, 20)

"""Blocks measure a capacity around the probes' bracket, and move until their loads enclose the crossing."""

import math

import pytest

from harness.summarise.capacity import placement
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.placement import LoadSpan
from tests.unit.summarise.test_capacity import P95, counts

SPAN = LoadSpan(10, 5000)


def blocks_until_enclosed(start: tuple[float, ...], at: float, span: LoadSpan = SPAN) -> tuple[int, tuple[float, ...]]:
    """Measure blocks with an exact crossing from these loads on; return the blocks, and the loads of the next one."""
    loads, trials = start, list[Count]()
    for block in range(1, 20):
        trials += [Count(**{**vars(each), "block": block}) for each in counts(loads, (1.0,), at=at)]
        loads = placement.following(loads, trials, P95, span)
        if min(loads) < at < max(loads) and max(loads) <= 1.34 * min(loads):
            return block, loads
    raise AssertionError("the loads never enclose the crossing")


def test_between_probes_that_are_far_apart_blocks_begin_in_the_middle_by_ratio() -> None:
    probes = counts((135.0, 270.0), (1.0,), at=150.0)
    assert placement.first(135, 270, probes, P95, SPAN) == pytest.approx((172, 185, 198), rel=5e-3)


def test_between_probes_that_are_near_blocks_begin_just_below_the_crossing_that_fits_them() -> None:
    probes = counts((50.0, 100.0, 75.0, 87.0, 93.0), (1.0,), at=90.0)
    assert placement.first(87, 93, probes, P95, SPAN) == pytest.approx((81.2, 87.3, 93.4), rel=2e-3)
    assert placement.first(87, 93, probes, P95, LoadSpan(10, 500, whole=True)) == (81, 87, 93)
    slow = [*probes, *counts((10.0, 20.0), (1.0,), at=5.0)]  # these miss the objectives at a small load
    assert placement.first(87, 93, slow, P95, SPAN) == placement.first(87, 93, probes, P95, SPAN)


def test_outside_the_range_of_the_search_blocks_begin_at_its_end() -> None:
    assert placement.first(5000, None, [], P95, SPAN) == (4650, 5000)
    assert placement.first(None, 10, [], P95, SPAN) == (9.3, 10, 10.7)
    assert placement.first(None, None, [], P95, SPAN) == ()


def test_loads_that_enclose_the_crossing_stay() -> None:
    assert placement.following((93, 100, 107), counts(at=100.0), P95, SPAN) == (93, 100, 107)


@pytest.mark.parametrize(("at", "most"), [(33.0, 2), (60.0, 4), (400.0, 6), (4500.0, 7)])
def test_blocks_that_all_met_the_objectives_move_up_until_one_misses(at: float, most: int) -> None:
    blocks, _ = blocks_until_enclosed((26.0, 28.0, 30.0), at)
    assert blocks <= most


@pytest.mark.parametrize(("at", "most"), [(700.0, 2), (60.0, 6)])
def test_blocks_that_all_missed_the_objectives_move_down_until_one_meets_them(at: float, most: int) -> None:
    blocks, _ = blocks_until_enclosed((744.0, 800.0, 856.0), at)
    assert blocks <= most


def test_each_move_is_as_wide_as_all_before_it_and_ends_at_the_range() -> None:
    loads: tuple[float, ...] = (26.0, 28.0, 30.0)
    trials, edges = list[Count](), list[float]()
    for block in range(1, 9):
        trials += [Count(block=block, load=load, requests=1000, late=0, failed=0) for load in loads]
        loads = placement.following(loads, trials, P95, SPAN)
        edges.append(max(loads))
    steps = [math.log(b / a) for a, b in zip([30.0, *edges], edges, strict=False)]
    assert steps[0] == pytest.approx(2 * math.log(30 / 26), rel=0.02)
    assert steps[1] > 2 * steps[0]
    assert max(steps) <= 2 * math.log(2) + 0.01
    assert edges[-1] == 5000


def test_a_single_stalled_trial_moves_nothing_the_wrong_way() -> None:
    trials = [
        Count(block=block, load=load, requests=1000, late=1000 if (block, load) == (1, 26.0) else 0, failed=0)
        for block in (1, 2)
        for load in (26.0, 28.0, 30.0)
    ]
    assert max(placement.following((26.0, 28.0, 30.0), trials, P95, SPAN)) > 35


def test_between_blocks_that_are_far_apart_the_next_one_divides_their_distance() -> None:
    trials = [
        Count(block=1, load=load, requests=1000, late=1000 if load > 250 else 0, failed=0)
        for load in (100.0, 200.0, 400.0)
    ]
    moved = placement.following((100.0, 200.0, 400.0), trials, P95, SPAN)
    assert moved == pytest.approx((238, 283, 336), rel=5e-3)

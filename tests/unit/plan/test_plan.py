"""The plan: complete blocks in an order that is balanced and drawn by the seed, resumed in the same order."""

import itertools
from collections import Counter

import pytest

from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.plan import order
from harness.plan.terms import Terms
from harness.records.study import Order
from tests.builders import grid

CELLS = [Cell((("servers", n), ("vusers", u))) for n in (1, 2, 3) for u in (100, 200)]


def test_every_block_holds_every_cell_once() -> None:
    for repeat in range(1, 5):
        block = order.order(CELLS, repeat, seed=1)
        assert {t.cell for t in block} == set(CELLS)
        assert len(block) == len(CELLS)
        assert {t.repeat for t in block} == {repeat}


def test_the_order_follows_the_seed_and_differs_between_blocks() -> None:
    one, other = ([order.order(CELLS, k, seed) for k in (1, 2, 3)] for seed in (1, 2))
    assert one == [order.order(CELLS, k, 1) for k in (1, 2, 3)]
    assert one != other
    blocks = [[t.cell for t in block] for block in one]
    assert len({tuple(block) for block in blocks}) == 3
    assert order.order(CELLS, 3, 1) == one[2], "the order of a block depends on nothing that was asked before"


def rows(count: int, blocks: range, seed: int) -> list[list[int]]:
    """Blocks of so many cells as numbers."""
    cells = [Cell((("servers", n), ("vusers", 1))) for n in range(count)]
    return [[trial.cell.servers for trial in order.order(cells, block, seed)] for block in blocks]


@pytest.mark.parametrize("seed", [0, 7, 999_999])
@pytest.mark.parametrize("count", range(1, 10))
def test_in_as_many_blocks_as_cells_every_cell_stands_at_every_place_once(count: int, seed: int) -> None:
    for turn in range(3):
        found = rows(count, range(1 + turn * count, 1 + (turn + 1) * count), seed)
        for place in range(count):
            assert sorted(row[place] for row in found) == list(range(count))


@pytest.mark.parametrize("seed", [0, 7, 999_999])
@pytest.mark.parametrize("count", range(2, 10))
def test_every_cell_follows_every_other_equally_often(count: int, seed: int) -> None:
    """Once in one square of an even number of cells, twice in both squares of an odd one."""
    squares = 1 + count % 2
    found = rows(count, range(1, squares * count + 1), seed)
    follows = Counter(pair for row in found for pair in itertools.pairwise(row))
    assert follows == dict.fromkeys(itertools.permutations(range(count), 2), squares)


def test_fewer_blocks_are_a_drawn_part_of_the_rows_and_later_turns_are_drawn_again() -> None:
    firsts = {tuple(rows(6, range(1, 2), seed)[0]) for seed in range(200)}
    assert len(firsts) > 100, "of 720 possible"
    places = Counter(rows(6, range(1, 2), seed)[0].index(3) for seed in range(600))
    assert all(60 < count < 140 for count in places.values())
    assert rows(6, range(1, 7), 5) != rows(6, range(7, 13), 5)


def test_thousands_of_cells_are_put_in_order() -> None:
    cells = [Cell((("servers", n % 1000 + 1), ("vusers", n // 1000 + 1))) for n in range(10_000)]
    found = [order.order(cells, block, 1) for block in range(1, 6)]
    assert all(len({trial.cell for trial in block}) == 10_000 for block in found)


def test_a_study_that_began_with_shuffled_blocks_keeps_them() -> None:
    shuffled = Terms(seed=2024, order=Order.SHUFFLED)
    found = [trial.cell.slug for trial in order.block(CELLS, 1, grid(), "lab", shuffled)]
    assert found == [
        "servers-3_vusers-100",
        "servers-1_vusers-200",
        "servers-2_vusers-200",
        "servers-1_vusers-100",
        "servers-3_vusers-200",
        "servers-2_vusers-100",
    ]
    assert order.order([], 1, 1) == []


def test_a_sentinel_repeats_the_blocks_first_cell_where_hosts_are_rented() -> None:
    assert not any(t.control for t in order.block(CELLS, 1, grid(), "lab"))
    rented = order.block(CELLS, 1, grid(), "hosts")
    assert len(rented) == len(CELLS) + 1
    assert rented[-1] == order.PlannedTrial(rented[0].cell, 1, control=True)
    assert rented[-1].path == f"{rented[0].cell.slug}/r1-control"
    assert order.block(CELLS, 1, grid(evidence={"control_trial": False}), "hosts") == rented[:-1]


def test_what_is_measured_is_not_measured_again() -> None:
    trials = [*order.order(CELLS, 1, 1), *order.order(CELLS, 2, 1)]
    left = order.remaining(trials, {trials[0].path, trials[5].path})
    assert left == [t for t in trials if t not in (trials[0], trials[5])]


def test_the_estimate_counts_what_saturated_users_need_to_finish() -> None:
    study: Grid = grid()
    assert order.drain_s(study, Cell((("servers", 1), ("vusers", 500))), capacity_per_s=100) == 4.0
    assert order.drain_s(study, Cell((("servers", 5), ("vusers", 500))), capacity_per_s=100) == 0.0
    assert order.drain_s(study, Cell((("servers", 1), ("vusers", 500))), capacity_per_s=None) == 0.0


def test_an_engine_whose_users_need_time_to_start_makes_a_plan_longer() -> None:
    trials = order.order(CELLS, 1, seed=1)
    quick, slow = (order.estimate_s(grid(load_generator=engine), trials, None) for engine in ("locust", "ngrinder"))
    assert slow - quick == len(trials) * 15


def test_the_estimate_of_a_rate_is_of_the_rate_as_it_is_played() -> None:
    """100/s in slow motion 2 are 50/s: a server of 40/s is behind by a quarter after 24 s."""
    written = grid(factors={"servers": [1], "rate": ["100/s"]}, load={"ramp_up": "2s", "duration": "12s"})
    cell = Cell((("servers", 1), ("rate", 100)))
    assert order.drain_s(written, cell, capacity_per_s=80) == pytest.approx(3)
    assert order.drain_s(written.slowed(2), cell, capacity_per_s=40) == pytest.approx(6)

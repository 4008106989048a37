"""The plan: complete blocks, shuffled by the seed, resumed in the same order."""

from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.plan import order
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
    assert blocks[0] != blocks[1] or blocks[1] != blocks[2]


def test_a_sentinel_repeats_the_blocks_first_cell_where_hosts_are_rented() -> None:
    assert not any(t.sentinel for t in order.block(CELLS, 1, grid(), "lab"))
    rented = order.block(CELLS, 1, grid(), "hosts")
    assert rented[-1] == order.PlannedTrial(rented[0].cell, 1, sentinel=True)
    assert rented[-1].path == f"{rented[0].cell.slug}/r1-sentinel"
    assert order.block(CELLS, 1, grid(evidence={"sentinel": False}), "hosts") == rented[:-1]


def test_what_is_measured_is_not_measured_again() -> None:
    trials = [*order.order(CELLS, 1, 1), *order.order(CELLS, 2, 1)]
    left = order.remaining(trials, {trials[0].path, trials[5].path})
    assert left == [t for t in trials if t not in (trials[0], trials[5])]


def test_the_estimate_counts_what_saturated_users_need_to_finish() -> None:
    study: Grid = grid()
    assert order.drain_s(study, Cell((("servers", 1), ("vusers", 500))), capacity_per_s=100) == 4.0
    assert order.drain_s(study, Cell((("servers", 5), ("vusers", 500))), capacity_per_s=100) == 0.0
    assert order.drain_s(study, Cell((("servers", 1), ("vusers", 500))), capacity_per_s=None) == 0.0

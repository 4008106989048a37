"""The plan: complete blocks, shuffled by the seed, resumed in the same order."""

from harness import plan
from harness.grid import Cell
from harness.gridmodel import Grid
from tests.unit.test_grid import grid

CELLS = [Cell((("servers", n), ("vusers", u))) for n in (1, 2, 3) for u in (100, 200)]


def test_every_block_holds_every_cell_once() -> None:
    trials = plan.order(CELLS, repeats=4, seed=1)
    for repeat in range(1, 5):
        assert {t.cell for t in trials if t.repeat == repeat} == set(CELLS)
    assert [t.repeat for t in trials] == sorted(t.repeat for t in trials)


def test_the_order_follows_the_seed_and_differs_between_blocks() -> None:
    one, same, other = plan.order(CELLS, 3, 1), plan.order(CELLS, 3, 1), plan.order(CELLS, 3, 2)
    assert one == same
    assert one != other
    blocks = [[t.cell for t in one if t.repeat == k] for k in (1, 2, 3)]
    assert blocks[0] != blocks[1] or blocks[1] != blocks[2]


def test_more_repeats_leave_the_first_blocks_as_they_are() -> None:
    assert plan.order(CELLS, 5, 7)[: 3 * len(CELLS)] == plan.order(CELLS, 3, 7)


def test_what_is_measured_is_not_measured_again() -> None:
    trials = plan.order(CELLS, 2, 1)
    left = plan.remaining(trials, {trials[0].path, trials[5].path})
    assert left == [t for t in trials if t not in (trials[0], trials[5])]


def test_the_estimate_counts_what_saturated_users_need_to_finish() -> None:
    study: Grid = grid()
    assert plan.drain_s(study, Cell((("servers", 1), ("vusers", 500))), capacity_per_s=100) == 4.0
    assert plan.drain_s(study, Cell((("servers", 5), ("vusers", 500))), capacity_per_s=100) == 0.0
    assert plan.drain_s(study, Cell((("servers", 1), ("vusers", 500))), capacity_per_s=None) == 0.0

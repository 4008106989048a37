"""Plans have complete blocks in a balanced order drawn from the seed. A resumed study has the same order."""

import itertools
from collections import Counter

import pytest

from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
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
    assert len({tuple(block) for block in blocks}) == 3
    assert order.order(CELLS, 3, 1) == one[2], "the order of a block does not depend on earlier calls"


def rows(count: int, blocks: range, seed: int) -> list[list[int]]:
    """Return blocks as numbers of cells."""
    cells = [Cell((("servers", n), ("vusers", 1))) for n in range(count)]
    return [[trial.cell.servers for trial in order.order(cells, block, seed)] for block in blocks]


@pytest.mark.parametrize("seed", [0, 7, 999_999])
@pytest.mark.parametrize("count", range(1, 10))
def test_in_as_many_blocks_as_cells_every_cell_has_every_position_once(count: int, seed: int) -> None:
    for turn in range(3):
        found = rows(count, range(1 + turn * count, 1 + (turn + 1) * count), seed)
        for place in range(count):
            assert sorted(row[place] for row in found) == list(range(count))


@pytest.mark.parametrize("seed", [0, 7, 999_999])
@pytest.mark.parametrize("count", range(2, 10))
def test_every_cell_follows_every_other_equally_often(count: int, seed: int) -> None:
    """Once in the square of an even number of cells, twice in the two squares of an odd one."""
    squares = 1 + count % 2
    found = rows(count, range(1, squares * count + 1), seed)
    follows = Counter(pair for row in found for pair in itertools.pairwise(row))
    assert follows == dict.fromkeys(itertools.permutations(range(count), 2), squares)


def test_fewer_blocks_are_drawn_rows_and_later_passes_are_drawn_again() -> None:
    firsts = {tuple(rows(6, range(1, 2), seed)[0]) for seed in range(200)}
    assert len(firsts) > 100, "of 720 possible"
    places = Counter(rows(6, range(1, 2), seed)[0].index(3) for seed in range(600))
    assert all(60 < count < 140 for count in places.values())
    assert rows(6, range(1, 7), 5) != rows(6, range(7, 13), 5)


def test_thousands_of_cells_are_ordered() -> None:
    cells = [Cell((("servers", n % 1000 + 1), ("vusers", n // 1000 + 1))) for n in range(10_000)]
    found = [order.order(cells, block, 1) for block in range(1, 6)]
    assert all(len({trial.cell for trial in block}) == 10_000 for block in found)


NAMES = [f"server-{n}" for n in range(1, 8)]


@pytest.mark.parametrize("seed", [0, 7, 999_999])
@pytest.mark.parametrize("servers", range(1, 8))
def test_in_as_many_blocks_as_servers_each_takes_part_in_each_topology_equally_often(servers: int, seed: int) -> None:
    for turn in range(3):
        orders = [order.rotation(NAMES[:servers], turn * servers + k, seed) for k in range(1, servers + 1)]
        for size in range(1, servers + 1):
            assert Counter(name for names in orders for name in names[:size]) == dict.fromkeys(NAMES[:servers], size)


def test_the_order_of_servers_follows_the_seed_and_not_the_order_of_their_names() -> None:
    orders = [order.rotation(NAMES, block, 1) for block in range(1, 15)]
    assert orders == [order.rotation(list(reversed(NAMES)), block, 1) for block in range(1, 15)]
    assert orders[:7] != orders[7:], "each turn is drawn again"
    firsts = Counter(order.rotation(NAMES, 1, seed)[0] for seed in range(700))
    assert all(60 < firsts[name] < 140 for name in NAMES)


def test_no_cells_make_no_block() -> None:
    assert order.order([], 1, 1) == []


def test_a_control_trial_repeats_the_first_cell_of_a_block_on_rented_hosts() -> None:
    assert not any(t.control for t in order.block(CELLS, 1, grid(), "lab"))
    rented = order.block(CELLS, 1, grid(), "hosts")
    assert len(rented) == len(CELLS) + 1
    assert rented[-1] == order.PlannedTrial(rented[0].cell, 1, control=True)
    assert rented[-1].path == f"{rented[0].cell.slug}/r1-control"
    assert order.block(CELLS, 1, grid(evidence={"control_trial": False}), "hosts") == rented[:-1]


def test_measured_trials_do_not_remain() -> None:
    trials = [*order.order(CELLS, 1, 1), *order.order(CELLS, 2, 1)]
    left = order.remaining(trials, {trials[0].path, trials[5].path})
    assert left == [t for t in trials if t not in (trials[0], trials[5])]


def test_the_estimate_includes_the_last_requests_of_saturated_users() -> None:
    study: Grid = grid()
    assert order.drain_s(study, Cell((("servers", 1), ("vusers", 500))), rates=ServerRates(100)) == 4.0
    assert order.drain_s(study, Cell((("servers", 5), ("vusers", 500))), rates=ServerRates(100)) == 0.0
    assert order.drain_s(study, Cell((("servers", 1), ("vusers", 500))), rates=None) == 0.0


def test_a_load_generator_with_a_slow_start_makes_a_plan_longer() -> None:
    trials = order.order(CELLS, 1, seed=1)
    quick, slow = (order.estimate_s(grid(load_generator=engine), trials, None) for engine in ("locust", "ngrinder"))
    assert slow - quick == len(trials) * 15


def test_the_estimate_of_an_open_load_uses_the_scaled_rate() -> None:
    """With time factor 2, 100 req/s are 50 req/s: a server of 40 req/s is behind by a quarter after 24 s."""
    written = grid(factors={"servers": [1], "rate": ["100/s"]}, load={"ramp_up": "2s", "duration": "12s"})
    cell = Cell((("servers", 1), ("rate", 100)))
    assert order.drain_s(written, cell, rates=ServerRates(80)) == pytest.approx(3)
    assert order.drain_s(written.scaled(2), cell, rates=ServerRates(40)) == pytest.approx(6)

"""Order the trials of a block, and estimate their duration. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.grid import load_generators
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.plan.terms import Terms
from harness.records.trial_path import TrialPath

NEW = Terms()

# Between two loads: switch the topology, verify it, collect data. Measured in the lab.
SWITCH_S = 2.0
RECOVERY_S = 8.0  # until servers that were killed in a trial are healthy again
# Before the first trial and after the last one: deployment, time factor, load generator's ceiling, report.
FIXED_S = 50.0


@dataclass(frozen=True)
class PlannedTrial:
    """One trial of a cell. Block k holds repeat k of every cell, from 1; repeat 0 is a probe of a search.

    `probe` numbers the probes of a cell from 1; None in blocks, and in a study that began without numbers. A control
    trial repeats the first cell of its block at the end. It is only compared with that cell (rule E20).
    """

    cell: Cell
    repeat: int
    control: bool = False
    probe: int | None = None

    @property
    def name(self) -> str:
        """Its cell, and which of several probes or control trials of the cell it is."""
        notes = ["control trial"] * self.control + [f"probe {self.probe}"] * ((self.probe or 1) > 1)
        return f"{self.cell.slug} ({', '.join(notes)})" if notes else self.cell.slug

    @property
    def path(self) -> str:
        """Path of its record below `trials/`."""
        path = TrialPath(cell=self.cell.slug, repeat=self.repeat, control=self.control, probe=self.probe or 1)
        return str(path)


def order(cells: Sequence[Cell], repeat: int, seed: int) -> list[PlannedTrial]:
    """Return one complete block in a balanced order (rule E15).

    Blocks are rows of Williams squares with drawn labels and drawn order of rows. In as many blocks as there are cells,
    each cell has each position once. An even number of cells also has each cell after each other cell once. An odd
    number has it twice, in two squares, one after the other. E. J. Williams, "Experimental Designs Balanced for the
    Estimation of Residual Effects of Treatments", Australian Journal of Scientific Research A 2 (1949). The order only
    depends on the cells, the seed and the repeat, so a resumed study keeps it.
    """
    count = len(cells)
    if not count:
        return []
    squares = 1 if count % 2 == 0 else 2
    turn, row = divmod(repeat - 1, squares * count)
    labels, rows = _drawn(count, seed, turn)
    square, row = divmod(row, count)
    places = _row(count, rows[square][row])
    if square:
        places.reverse()
    return [PlannedTrial(cells[labels[place]], repeat) for place in places]


def drawn(cells: Sequence[Cell], repeat: int, most: int, seed: int) -> list[PlannedTrial]:
    """Return one block of a gate with two cells: the one that is first in half of all `most` blocks, drawn by the seed.

    What the machine does during a block therefore has a random sign in the difference of both cells.
    """
    firsts = [block % len(cells) for block in range(most)]
    random.Random(f"{seed}/gate").shuffle(firsts)  # noqa: S311 - a reproducible order, no secret
    first = firsts[repeat - 1]
    return [PlannedTrial(cell, repeat) for cell in (*cells[first:], *cells[:first])]


def _row(count: int, first: int) -> list[int]:
    """Return a row of the cyclic Williams square: first, first + 1, first − 1, first + 2 and so on, modulo `count`.

    Neighbours differ by 1, −2, 3 and so on. For an even number of cells every difference occurs once. For an odd
    number the square of the reversed rows has the missing differences.
    """
    return [(first + ((place + 1) // 2 if place % 2 else -(place // 2))) % count for place in range(count)]


@lru_cache(maxsize=256)
def _drawn(count: int, seed: int, turn: int) -> tuple[list[int], list[list[int]]]:
    """Draw the labels of the cells and the order of the rows of each square, for one pass through the squares."""
    draw = random.Random(f"{seed}/balanced/{turn}")  # noqa: S311 - a reproducible order, no secret
    labels, first, second = list(range(count)), list(range(count)), list(range(count))
    for drawn in (labels, first, second):
        draw.shuffle(drawn)
    return labels, [first, second]


def rotation_by_type(
    servers: Collection[str], types: Mapping[str, Collection[str]], block: int, seed: int
) -> tuple[str, ...]:
    """Return `rotation`; with several types the servers of each type rotate among themselves, type after type by name.

    A topology has the first servers of each type.
    """
    if not types:
        return rotation(servers, block, seed)
    own = ([server for server in servers if server in members] for _, members in sorted(types.items()))
    return tuple(server for each in own if each for server in rotation(each, block, seed))


def rotation(servers: Collection[str], block: int, seed: int) -> tuple[str, ...]:
    """Return the order in which servers take part in a block, from 1: a topology of m servers has the first m of them.

    Rows of a cyclic Latin square with drawn labels. In as many blocks as there are servers, each of them takes part in
    each topology equally often, so a gain is not the speed of one server (Cochran and Cox, "Experimental Designs"
    (1957), chapter 4.3). Within a block a larger topology has all servers of a smaller one, as this gives gains the
    smallest variance. The order only depends on the names of the servers, the block and the seed.
    """
    turn, row = divmod(block - 1, max(len(servers), 1))
    labels = sorted(servers)
    random.Random(f"{seed}/servers/{turn}").shuffle(labels)  # noqa: S311 - a reproducible order, no secret
    return (*labels[row:], *labels[:row])


def block(cells: Sequence[Cell], repeat: int, grid: Grid, kind: str, terms: Terms = NEW) -> list[PlannedTrial]:
    """Return one block, with its control trial where the study has one: by default on rented hosts (rule E20)."""
    is_drawn = grid.gate is not None and grid.gate.order == "drawn"
    found = drawn(cells, repeat, grid.repeats.max, terms.seed) if is_drawn else order(cells, repeat, terms.seed)
    wanted = grid.evidence.control_trial if grid.evidence.control_trial is not None else kind == "hosts"
    return [*found, PlannedTrial(found[0].cell, repeat, control=True)] if wanted and found else found


def remaining(trials: list[PlannedTrial], measured: Collection[str]) -> list[PlannedTrial]:
    """Return the trials without a record, in order."""
    return [trial for trial in trials if trial.path not in measured]


def drain_s(grid: Grid, cell: Cell, rates: ServerRates | None) -> float:
    """Return how long the last requests take after the load: the response time of a saturated topology.

    Closed loop, by Little's law: R = N / (m·µ) − Z. Open loop of rate λ after T seconds: R = (λ / (m·µ) − 1)·T. The
    result is 0 when the capacity µ is not known. With several types the topology's rate replaces m·µ. `rates` are in
    the time of the grid.
    """
    if not rates:
        return 0.0
    served_per_s = rates.of(cell.servers_level)
    if grid.is_open:
        over = grid.scaled_per_s(cell.rate) / served_per_s - 1
        return min(max(over, 0.0) * grid.load.duration, grid.load.timeout)
    response_s = cell.vusers / served_per_s - grid.think_per_request_s
    return min(max(response_s, 0.0), grid.load.timeout)


def estimate_s(grid: Grid, trials: list[PlannedTrial], rates: ServerRates | None) -> float:
    """Estimate the duration of these trials in seconds, without `FIXED_S`."""
    each_s = grid.load.duration + SWITCH_S + load_generators.BY_NAME[grid.load_generator].lead_s
    bare_s = sum(each_s + drain_s(grid, trial.cell, rates) for trial in trials)
    return bare_s + RECOVERY_S * sum(trial.cell.fail_servers > 0 for trial in trials)

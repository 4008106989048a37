"""Whether a load's window is long enough to tell a capacity by. Pure."""

from __future__ import annotations

from harness.grid.schema import Grid
from harness.words import percent

ENOUGH = 100  # times the objective p95
FEW = 20  # below so many the error is no such share any more


def too_short(grid: Grid) -> str:
    """A sentence where the window is short for the objective p95; empty where it is not, or none is set.

    A queue is long only now and then, and the more seldom it is within one window, the smaller is the share of most
    trials against that of the long run. One server's capacity comes out too large by about p95 / window, three servers'
    by half of that, in simulations of queues M/D/c at any p95 from 1.5 to 4 times the service time.
    """
    p95_s, length_s = grid.objectives.p95, grid.load.duration - grid.load.window_from_s
    if p95_s is None or length_s >= ENOUGH * p95_s:
        return ""
    slower = grid.time_factor
    enough = f"{ENOUGH} times p95, {ENOUGH * p95_s / slower:.3g} s"
    much = f"up to {percent(p95_s / length_s)}" if length_s >= FEW * p95_s else f"{percent(1 / FEW)} and more"
    return (
        f"a window of {length_s / slower:.3g} s is short for p95 below {1000 * p95_s / slower:.0f} ms: capacities come "
        f"out too large by {much}; with {enough}, by {percent(1 / ENOUGH)}"
    )

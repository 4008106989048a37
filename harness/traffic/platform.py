"""Verify before a trial that the user's platform answers every request as the grid expects."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from harness.errors import TrialFailed
from harness.grid.cell import Cell
from harness.grid.target import Platform
from harness.traffic import exchanges
from harness.traffic.load_generator import Exchange
from harness.traffic.run_load import TrafficContext, load_spec

ROUNDS = 2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


def verify(context: TrafficContext, cell: Cell, platform: Platform, trial: str) -> float:
    """Wait until the URL answers every request as the grid expects; return the unloaded response time R0 in s.

    The load generator's own client sends them, two rounds for each server without a failure in between. R0 is the mean
    of the requests' lower medians, weighted by their weights. Which servers answered is not known. Raises TrialFailed
    after the platform's `ready_timeout`.
    """
    grid = context.grid
    spec = load_spec(context, 1, f"{trial}.verify", cell.by_name)
    spec = replace(spec, traffic=replace(spec.traffic, sessions=0), users=cell.servers if grid.has_script else 1)
    least = max(ROUNDS, math.ceil(ROUNDS * cell.servers / max(1, len(grid.requests))))
    began, waited_s, pause_s = time.monotonic(), 0.0, FIRST_PAUSE_S
    every: list[Exchange] = []
    rounds = 0
    while rounds < least:
        found = context.load_generator.send_each(spec)
        failed = exchanges.first_failed(grid, found)
        if failed is None:
            every, rounds = [*every, *found], rounds + 1
            continue
        every, rounds = [], 0
        if max(time.monotonic() - began, waited_s) >= platform.ready_timeout_s:
            raise TrialFailed(
                f"{platform.url} did not answer as the grid expects within {platform.ready_timeout_s:g} s "
                f"(target.ready_timeout): {failed.by_client(grid)}"
            )
        context.wait(pause_s)
        waited_s, pause_s = waited_s + pause_s, min(LONGEST_PAUSE_S, 2 * pause_s)
    exchanges.require_a_success(every)
    return exchanges.script_r0(every) if grid.has_script else exchanges.weighted_r0(grid.requests, every)

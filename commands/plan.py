"""`study.py plan`: show what a study would measure, in which order, and how long it would take."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from commands import options

if TYPE_CHECKING:
    from commands.console import Console
    from harness.grid.cell import Cell
    from harness.plan.order import PlannedTrial
    from harness.study.config import StudyConfig


def plan(
    grid: options.Grid = options.GRID,
    other_inventory: options.Inventory = None,
    results: options.Results = options.RESULTS,
    as_json: options.Json = False,
    quick: options.Quick = False,
) -> None:
    """Show cells, order and estimated duration. No host is touched.

    An inventory may be a program. The command runs that program and prints a note before.

    Example: `study.py plan --grid grids/capacity.yaml --json`
    """
    from commands.console import Console
    from harness.study.config import resolve

    console = Console(as_json)
    config = resolve(options.ROOT, results, grid, other_inventory, console.warn, options.derived(quick))
    shown = Plan.of(config)
    if as_json:
        console.json(shown.as_data())
        return
    shown.print_trials(console)
    shown.print_duration(console)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan of a study. `trials` are in the grid's order while the seed is not drawn (`order_known` is False)."""

    config: StudyConfig
    cells: list[Cell]
    trials: list[PlannedTrial]
    remaining: set[str]
    order_known: bool

    @classmethod
    def of(cls, config: StudyConfig) -> Plan:
        """Return the plan of a study that may have started."""
        cells, trials, order_known = list(config.grid.cells.known), config.planned_trials(), config.has_seed()
        if not order_known:
            position = {cell: number for number, cell in enumerate(cells)}
            trials.sort(key=lambda trial: (trial.repeat, trial.control, position[trial.cell]))
        remaining = {trial.path for trial in config.remaining_trials()}
        return cls(config=config, cells=cells, trials=trials, remaining=remaining, order_known=order_known)

    @cached_property
    def duration_s(self) -> float:
        """Estimated duration of the remaining trials; 0 without any."""
        return self.config.duration_s(self.config.remaining_trials()) if self.remaining else 0.0

    @cached_property
    def largest(self) -> list[PlannedTrial]:
        """The largest plan that the study can have; the planned trials when it cannot have more."""
        largest = self.config.largest_plan() if self.remaining else []
        return largest if len(largest) > len(self.trials) else self.trials

    @cached_property
    def largest_duration_s(self) -> float:
        """Estimated duration of the largest plan; 0 when no trial remains."""
        grows = len(self.largest) > len(self.trials)
        return self.config.duration_s(self.largest) if grows else self.duration_s

    def as_data(self) -> dict[str, Any]:
        """Return the plan for `--json`."""
        cost, largest_cost = (self._cost_usd(seconds) for seconds in (self.duration_s, self.largest_duration_s))
        return {
            "directory": str(self.config.directory.path),
            "indicative": self.config.grid.quick,
            "cells": [cell.by_name for cell in self.cells],
            "seed": self.config.terms().seed if self.order_known else None,
            "order": [{"trial": trial.path, "measured": trial.path not in self.remaining} for trial in self.trials],
            "estimate_s": round(self.duration_s),
            "estimate_usd": None if cost is None else round(cost, 2),
            "most_trials": len(self.largest),
            "most_s": round(self.largest_duration_s),
            "most_usd": None if largest_cost is None else round(largest_cost, 2),
        }

    def print_trials(self, console: Console) -> None:
        """Print cells, blocks, seed and forecast."""
        from harness.grid.load import written
        from harness.study import forecast

        names = list(self.config.grid.factors)
        console.table(names, [[str(written(name, cell.by_name[name])) for name in names] for cell in self.cells])
        for repeat, block in itertools.groupby(self.trials, key=lambda trial: trial.repeat):
            console.print(f"block {repeat}: {', '.join(self._name(trial) for trial in block)}")
        if self.order_known:
            console.print(f"seed {self.config.terms().seed}")
        else:
            console.print("The order within blocks is drawn when the study starts. Set seed in the grid to fix it.")
        for sentence in forecast.sentences(self.config):
            console.print(sentence)

    def print_duration(self, console: Console) -> None:
        """Print the number of trials, their estimated duration and price, and the directory."""
        from commands.console import trials
        from commands.study_view import duration

        if not self.remaining:
            console.print(f"no trial remains: all {trials(len(self.trials))} are measured")
            console.print(f"results are in {self.config.directory.path}")
            return
        if self.config.grid.quick:
            console.print("a quick study is indicative; without --quick the plan has the whole grid")
        price = self._price(self.duration_s)
        total = trials(len(self.trials))
        console.print(f"{len(self.remaining)} of {total} to measure, about {duration(self.duration_s)}{price}")
        if len(self.largest) > len(self.trials):
            price = self._price(self.largest_duration_s)
            console.print(f"at most {trials(len(self.largest))}, about {duration(self.largest_duration_s)}{price}")
        console.print(f"results go to {self.config.directory.path}")

    def _cost_usd(self, seconds: float) -> float | None:
        return self.config.cost_usd(seconds) if self.remaining else 0.0

    def _price(self, seconds: float) -> str:
        cost = self._cost_usd(seconds)
        return f", {cost:.2f} USD" if cost else ""

    def _name(self, trial: PlannedTrial) -> str:
        """Name of a trial in its block. The cell of a control trial is only known with the order."""
        if trial.control and not self.order_known:
            return "control trial"
        return f"{trial.name}{'' if trial.path in self.remaining else ' (measured)'}"

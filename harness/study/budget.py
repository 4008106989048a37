"""Reject a plan that may exceed the budget of its grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.grid.cells import SearchedCells
from harness.grid.yamldata import Path_

if TYPE_CHECKING:
    from harness.study.config import StudyConfig


def problems(config: StudyConfig) -> list[tuple[Path_, str]]:
    """Return (path in the grid, message) for each limit of the budget that the largest plan exceeds."""
    budget = config.grid.budget
    if budget.time is None and budget.cost is None:
        return []
    plan = config.largest_plan()
    duration_s = config.duration_s(plan)
    cost = config.cost_usd(duration_s) if budget.cost is not None else None
    found = []
    if budget.time is not None and duration_s > budget.time:
        found.append(
            f"budget: time: {_name(config, len(plan))} takes about {_time(duration_s)}. "
            f"Allowed: {_time(budget.time)}. Fix: {_fix(config)}."
        )
    if budget.cost is not None and cost is None:
        found.append(
            f"budget: cost: a host of {config.inventory.path} has no study_usd_per_hour. "
            "Fix: set each group's price in the inventory, or remove cost."
        )
    if budget.cost is not None and cost is not None and cost > budget.cost:
        found.append(
            f"budget: cost: {_name(config, len(plan))} costs about {cost:.2f} USD. "
            f"Allowed: {budget.cost:.2f} USD. Fix: {_fix(config)}, or use smaller machines."
        )
    return [(("budget",), words) for words in found]


def _time(seconds: float) -> str:
    """Format a duration in minutes, or in seconds below two minutes."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.3g} s"


def _name(config: StudyConfig, trials: int) -> str:
    searched = isinstance(config.grid.cells, SearchedCells)
    return f"a search of at most {trials} trials" if searched else f"a plan of {trials} trials"


def _fix(config: StudyConfig) -> str:
    searched = isinstance(config.grid.cells, SearchedCells)
    cells = "narrow from..to, raise until" if searched else "use fewer cells"
    return f"{cells}, use fewer repeats, shorten the trials, or raise the budget"

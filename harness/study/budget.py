"""Reject a plan that may exceed the budget of its grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import BadInput
from harness.grid.cells import SearchedCells

if TYPE_CHECKING:
    from harness.study.config import StudyConfig


def check(where: str, config: StudyConfig) -> None:
    """Raise BadInput when the largest plan takes longer or costs more than the budget. `where` is its file and line."""
    budget = config.grid.budget
    if budget.time is None and budget.cost is None:
        return
    plan = config.largest_plan()
    duration_s = config.duration_s(plan)
    cost = config.cost_usd(duration_s) if budget.cost is not None else None
    problems = []
    if budget.time is not None and duration_s > budget.time:
        problems.append(
            f"{where}: budget: time: {_name(config, len(plan))} takes about {duration_s / 60:.0f} min. "
            f"Allowed: {budget.time / 60:.0f} min. Fix: {_fix(config)}."
        )
    if budget.cost is not None and cost is None:
        problems.append(
            f"{where}: budget: cost: a host of {config.inventory.path} has no study_usd_per_hour. "
            "Fix: set each group's price in the inventory, or remove cost."
        )
    if budget.cost is not None and cost is not None and cost > budget.cost:
        problems.append(
            f"{where}: budget: cost: {_name(config, len(plan))} costs about {cost:.2f} USD. "
            f"Allowed: {budget.cost:.2f} USD. Fix: {_fix(config)}, or use smaller machines."
        )
    if problems:
        raise BadInput(*problems)


def _name(config: StudyConfig, trials: int) -> str:
    searched = isinstance(config.grid.cells, SearchedCells)
    return f"a search of at most {trials} trials" if searched else f"a plan of {trials} trials"


def _fix(config: StudyConfig) -> str:
    searched = isinstance(config.grid.cells, SearchedCells)
    cells = "narrow from..to, raise until" if searched else "use fewer cells"
    return f"{cells}, use fewer repeats, shorten the trials, or raise the budget"

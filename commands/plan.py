"""What would be measured, in which order, and for how long."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from commands import options

if TYPE_CHECKING:
    from harness.plan.order import PlannedTrial


def plan(
    grid: options.Grid = options.GRID,
    other_inventory: options.Inventory = None,
    results: options.Results = options.RESULTS,
    as_json: options.Json = False,
) -> None:
    """Show cells, order and estimated time; touch no host. An inventory that is a program is run, and said to be."""
    from commands.console import Console, clock, trials
    from harness.grid.cell import expand
    from harness.grid.load import written
    from harness.study import forecast
    from harness.study.config import resolve

    console = Console(as_json)
    setting = resolve(options.ROOT, results, grid, other_inventory, console.warn)
    grid_, left = setting.grid, {trial.path for trial in setting.left}
    takes_s, known = setting.takes_s(setting.left), setting.order_known
    terms, cells = setting.terms, expand(grid_)
    planned = setting.planned
    if not known:
        place = {cell: number for number, cell in enumerate(cells)}
        planned.sort(key=lambda trial: (trial.repeat, trial.control, place[trial.cell]))
    cost = setting.cost_usd(takes_s) if left else 0.0
    most = setting.most if left and len(setting.most) > len(planned) else []
    most_s = setting.takes_s(most) if most else takes_s
    most_usd = setting.cost_usd(most_s)
    if as_json:
        console.json(
            {
                "directory": str(setting.directory.path),
                "cells": [cell.by_name for cell in cells],
                "seed": terms.seed if known else None,
                "order": [{"trial": t.path, "measured": t.path not in left} for t in planned],
                "estimate_s": round(takes_s) if left else 0,
                "estimate_usd": None if cost is None else round(cost, 2),
                "most_trials": len(most) or len(planned),
                "most_s": round(most_s) if left else 0,
                "most_usd": None if most_usd is None else round(most_usd, 2) if left else 0.0,
            }
        )
        return
    names = list(grid_.factors)
    console.table(names, [[str(written(name, cell.by_name[name])) for name in names] for cell in cells])
    for repeat, members in itertools.groupby(planned, key=lambda t: t.repeat):
        names_ = (_told(trial, trial.path in left, known) for trial in members)
        console.say(f"block {repeat}: {', '.join(names_)}")
    console.say(
        f"seed {terms.seed}" if known else "the order inside blocks is drawn when the study begins; seed gives one"
    )
    for sentence in forecast.sentences(setting):
        console.say(sentence)
    if not left:
        console.say(f"nothing is left: all {trials(len(planned))} are measured")
        console.say(f"results are in {setting.directory.path}")
        return
    priced = f", {cost:.2f} USD" if cost else ""
    console.say(f"{len(left)} of {trials(len(planned))} to measure, about {clock(takes_s)}{priced}")
    if most:
        priced = f", {most_usd:.2f} USD" if most_usd else ""
        console.say(f"at most {trials(len(most))} in all, about {clock(most_s)}{priced}")
    console.say(f"results go to {setting.directory.path}")


def _told(trial: PlannedTrial, left: bool, known: bool) -> str:
    """A trial in its block; of a control trial only where it is known which cell is the first."""
    if trial.control and not known:
        return "the first again"
    return f"{trial.cell.slug}{' again' if trial.control else ''}{'' if left else ' (measured)'}"

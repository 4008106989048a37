"""What would be measured, in which order, and for how long."""

import itertools

from commands import options


def plan(
    grid: options.Grid = options.GRID,
    other_inventory: options.Inventory = None,
    results: options.Results = options.RESULTS,
    as_json: options.Json = False,
) -> None:
    """Show cells, order and estimated time; touch nothing."""
    from commands.console import Console, clock, trials
    from harness.grid.cell import expand
    from harness.study.setup import resolve

    console = Console(as_json)
    setting = resolve(options.ROOT, results, grid, other_inventory)
    grid_, left = setting.grid, {trial.path for trial in setting.left}
    takes_s = setting.takes_s(setting.left)
    cost = setting.cost_usd(takes_s)
    if as_json:
        console.json(
            {
                "directory": str(setting.directory.path),
                "cells": [cell.by_name for cell in expand(grid_)],
                "order": [{"trial": t.path, "measured": t.path not in left} for t in setting.planned],
                "estimate_s": round(takes_s),
                "estimate_usd": None if cost is None else round(cost, 2),
            }
        )
        return
    names = list(grid_.factors)
    console.table(names, [[str(cell.by_name[name]) for name in names] for cell in expand(grid_)])
    for repeat, members in itertools.groupby(setting.planned, key=lambda t: t.repeat):
        block = list(members)
        names_ = (
            f"{t.cell.slug}{' again' if t.sentinel else ''}{'' if t.path in left else ' (measured)'}" for t in block
        )
        console.say(f"block {repeat}: {', '.join(names_)}")
    for sentence in [*setting.prediction(), *setting.rule()]:
        console.say(sentence)
    priced = f", {cost:.2f} USD" if cost else ""
    console.say(f"{len(left)} of {trials(len(setting.planned))} to measure, about {clock(takes_s)}{priced}")
    console.say(f"results go to {setting.directory.path}")

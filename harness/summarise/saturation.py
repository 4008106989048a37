"""The limit of each topology: the load from which throughput no longer grows. Pure.

`vusers: {from: 100, to: 5000, until: 5%}` doubles the users until throughput grows by less than
`until`, then halves the bracket around the knee that fits all probes best, until it is that narrow. The
fitted knee with its interval is the answer (harness/summarise/knee.py). With objectives the largest load that
still meets them is bracketed too. Each probe is one trial (repeat 0) and counts for nothing else; cells
well beyond the knees are then measured in blocks like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.grid.amount import Search
from harness.grid.cell import Cell, expand
from harness.grid.load import VUSERS
from harness.grid.schema import Grid, Objectives
from harness.grid.types import Levels
from harness.records.trial import TrialRecord
from harness.summarise import knee as knees
from harness.summarise import probing
from harness.summarise.knee import Knee
from harness.summarise.probing import Bracket


@dataclass(frozen=True)
class Limit:
    """One topology's answer: where throughput stops growing, what it is there, and what meets the objectives.

    `saturation` are the probed loads around the knee; `users` those at which blocks are measured, at most
    `most`, and `broke` is the load from which on no probe counts. `knee` and `users` are None where none does at all.
    Of `objectives`, `low` is the largest load that was seen to meet them, `high` the smallest that was not.
    """

    others: Levels
    saturation: Bracket
    knee: Knee | None
    users: int | None
    most: int
    broke: int | None
    objectives: Bracket | None
    factor: str = VUSERS  # of which the loads are levels

    def named(self, load: float) -> str:
        """A load in words."""
        return f"{load:.0f} users" if self.factor == VUSERS else f"{load:.10g}/s"


def topologies(grid: Grid) -> list[Cell]:
    """Every cell but for its users, which are where the search begins."""
    return expand(grid)


def at(cell: Cell, users: int) -> Cell:
    """The same cell under another load."""
    return cell.at(users)


def probes(cell: Cell, records: Mapping[str, TrialRecord]) -> dict[int, TrialRecord]:
    """Users → probe of a topology, as far as they are recorded."""
    factor = cell.load_factor
    wanted = {name: level for name, level in cell.levels if name != factor}
    return {
        int(record.cell[factor]): record
        for record in records.values()
        if record.repeat == 0 and {n: level for n, level in record.cell.items() if n != factor} == wanted
    }


def planned(grid: Grid, records: Mapping[str, TrialRecord]) -> tuple[list[Cell], bool]:
    """Cells of all probes settled by what is recorded, round by round over the topologies, and whether that is all."""
    assert grid.search is not None  # noqa: S101 - asked for only with a search
    found: list[Cell] = []
    seen: dict[Cell, dict[int, TrialRecord]] = {cell: {} for cell in topologies(grid)}
    known = {cell: probes(cell, records) for cell in seen}
    while True:
        wanted = {cell: probing.next_load(grid.search, grid.objectives, so_far) for cell, so_far in seen.items()}
        round_ = [(cell, load) for cell, load in wanted.items() if load is not None]
        if not round_:
            return found, True
        found += [at(cell, load) for cell, load in round_]
        if any(load not in known[cell] for cell, load in round_):
            return found, False
        for cell, load in round_:
            seen[cell][load] = known[cell][load]


def limits(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Limit]:
    """What was found of every topology's limit; nothing before the search is over."""
    if not planned(grid, records)[1]:
        return []
    assert grid.search is not None  # noqa: S101 - as `planned` has made sure
    found = []
    for cell in topologies(grid):
        seen = probes(cell, records)
        others = {name: level for name, level in cell.levels if name != cell.load_factor}
        found.append(_limit(grid.search, grid.objectives, others, seen))
    return found


def _limit(span: Search, objectives: Objectives, others: Levels, seen: Mapping[int, TrialRecord]) -> Limit:
    """Blocks are measured where servers surely are the limit, but never beyond what was asked for or what broke."""
    found, broken = knees.fit(probing.counting(seen)), probing.broke(seen)
    most = span.most if broken is None else max(probing.counting(seen), default=span.least)
    users = None
    if found is not None:
        users = min(knees.saturating(found), most) if found.level else most
    met = probing.meeting(objectives, seen)
    return Limit(others, probing.around_knee(seen), found, users, most, broken, met, span.factor)


def cells(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Cell]:
    """The cells that are measured in blocks: the grid's own, or with a search those at saturation.

    Each topology at its own, and all of them at the users that saturate the last of them.
    """
    if grid.search is None:
        return expand(grid)
    own = at_saturation(grid, records)
    most = max((int(cell.load) for cell in own), default=0)
    return list(dict.fromkeys([*own, *(at(cell, most) for cell in own)]))


def at_saturation(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Cell]:
    """The cells of `cells` that are at their own saturation, in the topologies' order; none without a search."""
    if grid.search is None:
        return []
    found = zip(topologies(grid), limits(grid, records), strict=False)  # no limits before the search is over
    return [at(cell, limit.users) for cell, limit in found if limit.users is not None]


def sentences(found: Sequence[Limit]) -> list[str]:
    """What the search found, one sentence for each topology."""
    told = []
    for limit in found:
        who = ", ".join(f"{name} {level}" for name, level in limit.others.items())
        text = f"{who}: {_knee(limit)}"
        if limit.objectives is not None and limit.knee is not None:
            met, missed = limit.objectives.low, limit.objectives.high
            best = f"up to {limit.named(met)}" if met is not None else "at no load that was tried"
            beyond = f", missed at {limit.named(missed)}" if missed is not None else ""
            text += f"; objectives are met {best}{beyond}"
        told.append(text)
    return told


def _knee(limit: Limit) -> str:
    """Where throughput stops growing, and at what load the blocks are measured."""
    found = limit.knee
    if found is None or limit.users is None:
        return "no probe counts"
    why = (
        "the most that the search may ask for"
        if limit.broke is None
        else f"the most at which a probe counts, as none does from {limit.named(limit.broke)} on"
    )
    if not found.level:
        return (
            f"throughput still grows at {limit.named(limit.users)} ({_per_s(found.rate)}/s), {why}; "
            "blocks are measured there, not surely at saturation"
        )
    rate = knees.rate(found)
    level = f"{_per_s(rate.value)}/s{_between(rate, _per_s)}"
    if not found.rising:
        text = f"throughput does not grow from {limit.named(found.users)} on, where the search began ({level})"
        bounded = f", {why}" if limit.users == limit.most else ""
        return f"{text}; blocks are measured at {limit.named(limit.users)}{bounded}"
    users = knees.users(found)
    times = limit.users / found.users
    text = (
        f"throughput grows up to {limit.named(users.value)}{_between(users, '{:.0f}'.format)} and stays at {level} "
        f"from there on ({found.probes} probes"
    )
    if users.low is None:
        text += f", of which {len(found.rising)} below and {len(found.level)} beyond: too few for an interval"
    text += f"); blocks are measured at {limit.named(limit.users)}, {times:.2f} times as many"
    if limit.users < knees.saturating(found) and times < knees.LEAST:
        text += f" and {why}: too few to be sure of saturation"
    return text


def _between(found: knees.Estimate, written: Callable[[float], str]) -> str:
    return "" if found.low is None or found.high is None else f" [{written(found.low)}, {written(found.high)}]"


def _per_s(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"

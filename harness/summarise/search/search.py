"""The limit of each topology: where throughput no longer grows, and the largest load that meets objectives. Pure.

`vusers: {from: 100, to: 5000, until: 5%}` doubles the users until throughput grows by less than
`until`, then halves the bracket around the knee that fits all probes best, until it is that narrow. The
fitted knee with its interval is the answer (harness/summarise/search/knee.py). With objectives, the largest load that
meets them is bracketed too, and blocks are measured around it (harness/summarise/search/loads.py). A search over `rate`
does only that. Each probe is one trial (repeat 0) and is used for nothing else; cells well beyond the knees are then
measured in blocks like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.grid.amount import Search
from harness.grid.cell import Cell, expand
from harness.grid.load import RATE, VUSERS
from harness.grid.schema import Grid, Objectives
from harness.grid.types import Levels
from harness.records.trial import TrialRecord
from harness.summarise.capacity import counts
from harness.summarise.search import knee as knees
from harness.summarise.search import probing, topologies
from harness.summarise.search.knee import Knee
from harness.summarise.search.probing import Bracket

_NOWHERE = "objectives are met at no load that was tried"


@dataclass(frozen=True)
class Limit:
    """One topology's answer: where throughput stops growing, what it is there, and what meets the objectives.

    `saturation` are the probed loads around the knee; `users` those at which blocks are measured, at most
    `most`, and `broke` is the load from which on no probe counts. `knee` and `users` are None where none does at all.
    Of `objectives`, `low` is the largest load that was seen to meet them, `high` the smallest that was not; `told` is
    what the requests of these two probes can tell. `factor` is the load's: of a `rate` there is no knee. `loads` are
    those around the crossing of the objectives at which blocks are measured, as far as these are settled.
    """

    others: Levels
    saturation: Bracket
    knee: Knee | None
    users: int | None
    most: int
    broke: int | None
    objectives: Bracket | None
    factor: str = VUSERS
    loads: tuple[float, ...] = ()
    told: tuple[str, str] = ("", "")


def planned(grid: Grid, records: Mapping[str, TrialRecord]) -> tuple[list[Cell], bool]:
    """Cells of all probes settled by what is recorded, round by round over the topologies, and whether that is all."""
    assert grid.search is not None  # noqa: S101 - asked for only with a search
    factor = grid.load_factor
    found: list[Cell] = []
    seen: dict[Cell, dict[int, TrialRecord]] = {cell: {} for cell in expand(grid)}
    known = {cell: topologies.probes(cell, records) for cell in seen}
    while True:
        wanted = {
            cell: probing.next_load(grid.search, grid.objectives, so_far, factor) for cell, so_far in seen.items()
        }
        round_ = [(cell, load) for cell, load in wanted.items() if load is not None]
        if not round_:
            return found, True
        found += [topologies.at(cell, load) for cell, load in round_]
        if any(load not in known[cell] for cell, load in round_):
            return found, False
        for cell, load in round_:
            seen[cell][load] = known[cell][load]


def limits(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Limit]:
    """What was found of every topology's limit; nothing before the search is over."""
    found = _brackets(grid, records)
    if not found or not moves(grid):
        return found
    from harness.summarise.search import loads  # with numpy, which a plan mostly does not need

    wanted, told = counts.wanted(grid.objectives), []
    for cell, limit in zip(expand(grid), found, strict=True):
        seen, ends = topologies.probes(cell, records), limit.objectives or Bracket(None, None)
        low, high = (counts.sentence(seen.get(load or 0), wanted) for load in (ends.low, ends.high))
        around = {load for block in loads.loads(grid, cell, records, _blocks(records)) for load in block}
        told.append(replace(limit, loads=tuple(sorted(around)), told=(low, high)))
    return told


def _brackets(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Limit]:
    """The same by the probes alone."""
    if not planned(grid, records)[1]:
        return []
    assert grid.search is not None  # noqa: S101 - as `planned` has made sure
    factor = grid.load_factor
    found = []
    for cell in expand(grid):
        seen = topologies.probes(cell, records)
        others = {name: level for name, level in cell.levels if name != factor}
        if factor == VUSERS:
            found.append(_limit(grid.search, grid.objectives, others, seen))
        else:
            met = probing.meeting(grid.objectives, seen)
            found.append(Limit(others, Bracket(None, None), None, None, grid.search.most, None, met, factor))
    return found


def _blocks(records: Mapping[str, TrialRecord]) -> int:
    """Blocks that are settled as far as loads go: those of which something is recorded, and the first one."""
    return max((record.repeat for record in records.values()), default=0) or 1


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

    Each topology at its own, and all of them at the users that saturate the last of them; and those around the crossing
    of objectives, of every block so far. Those of a search are in the order of their topologies, and then of the load.
    """
    if grid.search is None:
        return expand(grid)
    found = _saturated(grid, records) + _around(grid, records, range(1, _blocks(records) + 1))
    places = {cell.topology: place for place, cell in enumerate(expand(grid))}
    return sorted(dict.fromkeys(found), key=lambda cell: (places[cell.topology], cell.load))


def moves(grid: Grid) -> bool:
    """Whether the loads of a block may depend on the blocks before it: where a search measures capacities."""
    return grid.search is not None and bool(counts.wanted(grid.objectives))


def in_block(grid: Grid, records: Mapping[str, TrialRecord], block: int) -> list[Cell]:
    """The same for one block, which is settled once those before it are measured."""
    if grid.search is None:
        return expand(grid)
    return _saturated(grid, records) + _around(grid, records, [block])


def _saturated(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Cell]:
    own = at_saturation(grid, records)
    most = max((cell.vusers for cell in own), default=0)
    return list(dict.fromkeys([*own, *(topologies.at(cell, most) for cell in own)]))


def _around(grid: Grid, records: Mapping[str, TrialRecord], blocks: Sequence[int]) -> list[Cell]:
    """The cells around crossings in these blocks that are not measured at saturation anyway."""
    if not moves(grid) or not planned(grid, records)[1]:
        return []
    from harness.summarise.search import loads  # with numpy, as above

    found = []
    for cell in expand(grid):
        by_block = loads.loads(grid, cell, records, max(blocks))
        found += [topologies.at(cell, load) for block in blocks for load in by_block[block - 1]]
    there = set(_saturated(grid, records))
    return [cell for cell in dict.fromkeys(found) if cell not in there]


def at_saturation(grid: Grid, records: Mapping[str, TrialRecord]) -> list[Cell]:
    """The cells of `cells` that are at their own saturation, in the topologies' order; none without a search."""
    if grid.search is None:
        return []
    found = zip(expand(grid), _brackets(grid, records), strict=False)  # none before the search is over
    return [topologies.at(cell, limit.users) for cell, limit in found if limit.users is not None]


def sentences(found: Sequence[Limit]) -> list[str]:
    """What the search found, one sentence for each topology."""
    told = []
    for limit in found:
        who = ", ".join(f"{name} {level}" for name, level in limit.others.items())
        clauses = [_knee(limit)] if limit.factor == VUSERS else []
        if limit.objectives is not None and (limit.knee is not None or limit.factor == RATE):
            clauses.append(_objectives(limit, limit.objectives))
        told.append(f"{who}: {'; '.join(clauses)}")
    return told


def _objectives(limit: Limit, bracket: Bracket) -> str:
    """Up to which load single probes met the objectives, what they can tell, and where blocks are measured."""
    met, missed = bracket.low, bracket.high
    because = [f" ({text})" if text else "" for text in limit.told]
    text = f"objectives are met up to {_load(limit, met)}{because[0]}" if met is not None else _NOWHERE
    text += f", missed at {_load(limit, missed)}{because[1]}" if missed is not None else ""
    if limit.loads:
        text += f"; their crossing is measured in blocks at {', '.join(_load(limit, load) for load in limit.loads)}"
    return text


def _load(limit: Limit, load: float) -> str:
    return f"{load:.10g}/s" if limit.factor == RATE else f"{load:.0f} users"


def _knee(limit: Limit) -> str:
    """Where throughput stops growing, and at what load the blocks are measured."""
    found = limit.knee
    if found is None or limit.users is None:
        return "no probe counts"
    why = (
        "the most that the search may ask for"
        if limit.broke is None
        else f"the most at which a probe counts, as none does from {_load(limit, limit.broke)} on"
    )
    if not found.level:
        return (
            f"throughput still grows at {_load(limit, limit.users)} ({_per_s(found.rate)}/s), {why}; "
            "blocks are measured there, not surely at saturation"
        )
    rate = knees.rate(found)
    level = f"{_per_s(rate.value)}/s{_between(rate, _per_s)}"
    if not found.rising:
        text = f"throughput does not grow from {_load(limit, found.users)} on, where the search began ({level})"
        bounded = f", {why}" if limit.users == limit.most else ""
        return f"{text}; blocks are measured at {_load(limit, limit.users)}{bounded}"
    users = knees.users(found)
    times = limit.users / found.users
    text = (
        f"throughput grows up to {_load(limit, users.value)}{_between(users, '{:.0f}'.format)} and stays at {level} "
        f"from there on ({found.probes} probes"
    )
    if users.low is None:
        text += f", of which {len(found.rising)} below and {len(found.level)} beyond: too few for an interval"
    text += f"); blocks are measured at {_load(limit, limit.users)}, {times:.2f} times as many"
    if limit.users < knees.saturating(found) and times < knees.LEAST:
        text += f" and {why}: too few to be sure of saturation"
    return text


def _between(found: knees.Estimate, written: Callable[[float], str]) -> str:
    return "" if found.low is None or found.high is None else f" [{written(found.low)}, {written(found.high)}]"


def _per_s(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"

"""The search: the loads to probe, the result for each topology, and the cells that blocks measure. Pure.

`vusers: {from: 100, to: 5000, until: 5%}` doubles the users until throughput grows by less than `until`, then halves
the bracket around the fitted knee until it is within `until`. The knee with its interval is the result
(harness/summarise/search/knee.py). With objectives, the largest load that meets them is bracketed too, and blocks are
measured around it (harness/summarise/search/loads.py). A search over `rate` does only that. Each probe is one trial
(repeat 0) and is used for nothing else; cells well above the knees are then measured in blocks as any others.

The first probe of a study is a warm-up: it is repeated, and its result is never used. Later probes that would end
something alone are repeated (harness/summarise/search/bracketing.py), as `r0-probe2`. A study whose probes have no
number began before that and keeps its search (harness/summarise/search/single_probes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from harness.grid.amount import Search
from harness.grid.cell import Cell, Topology
from harness.grid.cells import SearchedCells
from harness.grid.load import VUSERS
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.grid.types import Levels
from harness.records.trial import TrialRecord
from harness.summarise.capacity import by_objective
from harness.summarise.search import bracketing, falling, knee, probing, single_probes, topologies
from harness.summarise.search.bracketing import Bracket, NextProbe
from harness.summarise.search.probing import Probes
from harness.summarise.search.result import SearchResult


@dataclass(frozen=True)
class PlannedProbe:
    """A probe of a cell: its number at this cell, from 1; None in a study that began without numbers."""

    cell: Cell
    number: int | None


def loads_adapt(grid: Grid) -> bool:
    """Whether the loads of a block may depend on the blocks before it: when a search measures capacities."""
    return isinstance(grid.cells, SearchedCells) and grid.objectives.for_a_load


def state_of(grid: Grid, records: Mapping[str, TrialRecord]) -> FixedState | SearchState:
    """The state of a study by its records: the cells to measure, and the results of a search."""
    cells = grid.cells
    return SearchState(grid, cells, records) if isinstance(cells, SearchedCells) else FixedState(cells=cells.known)


@dataclass(frozen=True, kw_only=True)
class FixedState:
    """The state of a study without a search: the same cells in every block, no probes and no results."""

    cells: Sequence[Cell]
    probes: Sequence[PlannedProbe] = field(default=(), init=False)
    complete: bool = field(default=True, init=False)
    results: Sequence[SearchResult] = field(default=(), init=False)
    at_saturation: Sequence[Cell] = field(default=(), init=False)

    def in_block(self, _block: int) -> Sequence[Cell]:
        """The cells of one block: all of them."""
        return self.cells


@dataclass(frozen=True)
class SearchState:
    """The state of a study's search by its records, each part computed once."""

    grid: Grid
    searched: SearchedCells
    records: Mapping[str, TrialRecord]
    _loads: dict[Topology, list[tuple[float, ...]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def probes(self) -> list[PlannedProbe]:
        """All probes that are settled by the records: the warm-up, then round by round over the topologies."""
        return self._planned[0]

    @property
    def complete(self) -> bool:
        """Whether all probes are measured."""
        return self._planned[1]

    @cached_property
    def results(self) -> list[SearchResult]:
        """The result of every topology; empty before the search is complete."""
        if not loads_adapt(self.grid):
            return self._brackets
        names = by_objective.names_of(self.records.values())
        allowed, found = by_objective.allowed_shares(self.grid.objectives, names), []
        for topology, result in self._with_brackets:
            probes, ends = self._known[topology], result.objectives or Bracket(None, None)
            low, high = (by_objective.sentence(self._deciding(probes, load), allowed) for load in (ends.low, ends.high))
            around = {load for block in self._loads_of(topology, self._blocks) for load in block}
            found.append(replace(result, loads=tuple(sorted(around)), evidence=(low, high)))
        return found

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells that are measured in blocks.

        Each topology at its own saturation, all of them at the users that saturate the last one, and the loads around
        the crossing of the objectives in every block so far; by topology, then by load.
        """
        found = [*self._saturated, *self._around(range(1, self._blocks + 1))]
        order = {topology: place for place, topology in enumerate(self.searched.topologies)}
        return sorted(dict.fromkeys(found), key=lambda cell: (order[cell.topology], cell.load))

    def in_block(self, block: int) -> list[Cell]:
        """The cells of one block, which are settled when the blocks before it are measured."""
        return [*self._saturated, *self._around([block])]

    @cached_property
    def at_saturation(self) -> list[Cell]:
        """The cells at their own saturation, in the order of the topologies."""
        return [self._at(each, result.users) for each, result in self._with_brackets if result.users is not None]

    def _at(self, topology: Topology, load: float) -> Cell:
        return topology.at(self.searched.search.factor, load)

    @cached_property
    def _trials(self) -> dict[topologies.Levels, list[TrialRecord]]:
        return topologies.by_topology(each for each in self.records.values() if not self._is_warm_up(each))

    @cached_property
    def _is_numbered(self) -> bool:
        """Whether probes have numbers: in all studies but those that began without."""
        return all(record.probe is not None for record in self.records.values() if not record.repeat)

    def _is_warm_up(self, record: TrialRecord) -> bool:
        """Whether a trial is the study's first probe, which only warms the hosts up."""
        return record.repeat == 0 and record.probe == 1 and record.cell == self.searched.known[0].by_name

    @cached_property
    def _known(self) -> dict[Topology, dict[int, list[TrialRecord]]]:
        """The recorded probes of each topology, without the warm-up."""
        factor = self.searched.search.factor
        return {each: topologies.probes(each, factor, self._trials) for each in self.searched.topologies}

    def _next(self, probes: Probes) -> NextProbe | None:
        """The next probe of a topology."""
        rule = probing.next_probe if self._is_numbered else single_probes.next_probe
        return rule(self.searched.search, self.grid.objectives, probes, self.searched.search.factor)

    @cached_property
    def _planned(self) -> tuple[list[PlannedProbe], bool]:
        warm_up, found = self.searched.known[0], list[PlannedProbe]()
        if self._is_numbered:
            found.append(PlannedProbe(warm_up, 1))
        probed: dict[Topology, dict[int, list[TrialRecord]]] = {each: {} for each in self.searched.topologies}
        while True:
            following = {topology: self._next(so_far) for topology, so_far in probed.items()}
            round_ = [(topology, probe) for topology, probe in following.items() if probe is not None]
            if not round_:
                return found, found[0].number is None or any(map(self._is_warm_up, self.records.values()))
            for topology, probe in round_:
                cell = self._at(topology, probe.load)
                number = probe.number + (cell == warm_up) if self._is_numbered else None
                found.append(PlannedProbe(cell, number))
            known = [(self._known[topology].get(int(probe.load), []), probe.number) for topology, probe in round_]
            if any(len(records) < number for records, number in known):
                return found, False
            for (topology, probe), (records, number) in zip(round_, known, strict=True):
                probed[topology][int(probe.load)] = records[:number]

    def _deciding(self, probes: Probes, load: float | None) -> TrialRecord | None:
        """The last probe of a load with the result of this load."""
        shown = list(probes.get(int(load or 0), ()))
        results = probing.results(self.grid.objectives, {0: shown})[0]
        is_met = bracketing.has_met(results)
        of_load = [each for each, result in zip(shown, results, strict=True) if bracketing.has_met([result]) == is_met]
        return of_load[-1] if of_load else None

    @cached_property
    def _brackets(self) -> list[SearchResult]:
        """The results by the probes alone."""
        if not self.complete:
            return []
        span, known = self.searched.search, self._known
        meeting = probing.meeting if self._is_numbered else single_probes.meeting
        found = []
        for each in self.searched.topologies:
            objectives = meeting(self.grid.objectives, known[each])
            if span.factor == VUSERS:
                found.append(_of_users(span, objectives, each.by_name, known[each], may_fall=self._is_numbered))
            else:
                uncounted = probing.first_uncounted(self.grid.objectives, known[each])
                found.append(_of_rate(span, objectives, each.by_name, uncounted))
            if self._is_numbered and objectives is not None:
                found[-1] = replace(
                    found[-1], missed_below=_missed_below(self.grid.objectives, objectives, known[each])
                )
        return found

    @property
    def _with_brackets(self) -> Iterable[tuple[Topology, SearchResult]]:
        """The topologies with their results by the probes alone; none before the search is complete."""
        return zip(self.searched.topologies, self._brackets, strict=False)

    @cached_property
    def _blocks(self) -> int:
        """Number of blocks with fixed loads: those with a record, and the first one."""
        return max((record.repeat for record in self.records.values()), default=0) or 1

    @cached_property
    def _saturated(self) -> list[Cell]:
        own = self.at_saturation
        most = max((cell.vusers for cell in own), default=0)
        peaks = [
            self._at(each, result.falling.users) for each, result in self._with_brackets if result.falling is not None
        ]
        return list(dict.fromkeys([*own, *peaks, *(self._at(cell.topology, most) for cell in own)]))

    def _around(self, blocks: Iterable[int]) -> list[Cell]:
        """The cells around crossings in these blocks, without those that are measured at saturation."""
        if not loads_adapt(self.grid) or not self.complete:
            return []
        wanted = list(blocks)
        found = []
        for topology in self.searched.topologies:
            by_block = self._loads_of(topology, max(wanted))
            found += [self._at(topology, load) for block in wanted for load in by_block[block - 1]]
        return [cell for cell in dict.fromkeys(found) if cell not in self._saturated]

    def _loads_of(self, topology: Topology, blocks: int) -> list[tuple[float, ...]]:
        """The loads of a topology in each of the first blocks; those of a block follow from the blocks before it."""
        from harness.summarise.search import loads  # here, because a plan mostly needs no numpy

        if len(self._loads.get(topology, ())) < blocks:
            trials = topologies.trials(topology, self._trials)
            results = dict(self._with_brackets)
            ends = results[topology].objectives if self._is_numbered and topology in results else None
            self._loads[topology] = loads.loads(self.grid, self.searched.search, trials, blocks, ends)
        return self._loads[topology][:blocks]


def _missed_below(objectives: Objectives, found: Bracket, probes: Probes) -> tuple[float, ...]:
    """The probed loads that missed the objectives below the largest one that met them."""
    shown = probing.results(objectives, probes)
    return tuple(sorted(load for load in shown if load < (found.low or 0) and not bracketing.has_met(shown[load])))


def _of_users(
    span: Search, objectives: Bracket | None, others: Levels, probes: Probes, *, may_fall: bool
) -> SearchResult:
    """A closed loop: blocks need saturated servers, within the span and below the first invalid probe."""
    found, invalid_from = knee.fit(probing.rates(probes)), probing.first_invalid(probes)
    most = span.most if invalid_from is None else max(probing.rates(probes), default=span.least)
    users = None
    if found is not None:
        users = min(found.saturating_users, most) if found.level else most
    curve = falling.of_rates(probing.usable_rates(probes), found) if found is not None and may_fall else None
    if curve is not None and curve.is_saturated:
        users = curve.users
    return SearchResult(
        others=others,
        saturation=probing.around_knee(probes),
        knee=found,
        users=users,
        most=most,
        invalid_from=invalid_from,
        objectives=objectives,
        factor=span.factor,
        falling=curve,
    )


def _of_rate(span: Search, objectives: Bracket | None, others: Levels, invalid_from: int | None) -> SearchResult:
    """An open load: only the objectives are searched."""
    return SearchResult(
        others=others,
        saturation=Bracket(None, None),
        knee=None,
        users=None,
        most=span.most,
        invalid_from=invalid_from,
        objectives=objectives,
        factor=span.factor,
    )

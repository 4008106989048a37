"""Decide when a study has measured enough (rule E16). Pure.

Every block up to the minimum number holds all cells, except predicted-idle ones (`harness.plan.predicted_idle`).
Further blocks hold the watched cells only, until every watched gain is as precise as requested. The plan is a function
of the recorded trials, so a resumed study has the same plan as an uninterrupted one. A gate has a rule of its own: it
ends with the block that decides it, by limits that hold for every number of looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.grid.amount import Repeats
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.language import Sentence, messages, sentence
from harness.plan import order, predicted_idle
from harness.plan.order import PlannedTrial
from harness.plan.terms import Terms
from harness.records.study import Decision
from harness.records.trial import TrialRecord
from harness.summarise.search.search import loads_adapt, state_of
from harness.words import percent

if TYPE_CHECKING:
    from harness.summarise.capacity.capacity import Capacity
    from harness.summarise.comparison.gate import GateResult
    from harness.summarise.gains.gain import Gain


def watched(gains: Sequence[Gain]) -> list[Gain]:
    """Return the gains that are estimates; lower bounds and load-limited pairs are not watched."""
    from harness.summarise.gains.gain import GainKind  # imports numpy, as below

    return [gain for gain in gains if gain.kind == GainKind.GAIN]


def decide(
    rule: Repeats,
    target: float,
    blocks: int,
    gains: Sequence[Gain],
    capacities: Sequence[Capacity] = (),
    *,
    earliest: int = 1,
) -> Decision:
    """Decide after `blocks` complete blocks whether another one is needed.

    `target` is the requested half width of an interval, as a share. Watched are gains, and capacities when a search
    measures them. The rule uses the widths of intervals and never their positions, so it does not favour a result. Few
    blocks are often alike by chance: intervals that end a study after three have a coverage of 90 %, so precision ends
    none before block `earliest`.
    """
    if rule.fixed:
        return _decision(sentence("all {blocks} requested blocks are measured", blocks=blocks), go_on=False)
    halves = [(gain, gain.ratio.half_width if gain.ratio else None) for gain in watched(gains)]
    wide = [gain for gain, half in halves if half is None or half > target]
    names = tuple(f"{gain.step} at {gain.load}" for gain in wide)
    names += tuple(f"capacity of {each.name}" for each in capacities if each.wider_than(target))
    if not names and blocks < min(earliest, rule.max):
        why = sentence("precision ends a study after {blocks} blocks or more", blocks=earliest)
        return _decision(why, go_on=True)
    if not names:
        reached = ALL_PRECISE if capacities else GAINS_PRECISE
        return _decision(sentence(reached, target=percent(target), blocks=blocks), go_on=False)
    if blocks >= rule.max:
        why = sentence(
            "{blocks} blocks (the maximum) did not reach ±{target} for {names}",
            blocks=blocks,
            target=percent(target),
            names=list(names),
        )
        return _decision(why, go_on=False).model_copy(update={"imprecise": names})
    return _decision(
        sentence("not yet within ±{target}: {names}", target=percent(target), names=list(names)), go_on=True
    )


GAINS_PRECISE = messages("every watched gain is within ±{target} after {blocks} blocks")
ALL_PRECISE = messages("every watched gain and capacity is within ±{target} after {blocks} blocks")


def _decision(why: Sentence, *, go_on: bool) -> Decision:
    return Decision(go_on=go_on, why=str(why), why_sentence=why)


def decide_gate(found: GateResult | None, blocks: int, most: int) -> Decision:
    """Decide after `blocks` complete blocks of at most `most` whether a gate needs another one."""
    from harness.summarise.comparison.gate import GateConclusion  # imports numpy

    conclusion = found.conclusion if found else GateConclusion.UNDECIDED
    if conclusion is not GateConclusion.UNDECIDED:
        why = sentence(
            "the gate is decided after {blocks} blocks: {conclusion}",
            blocks=blocks,
            conclusion=sentence(conclusion.value),
        )
        return _decision(why, go_on=False)
    if found is not None and found.obstacle and found.is_hopeless:
        return _decision(sentence("the gate cannot be decided: {reason}", reason=found.obstacle.text), go_on=False)
    if blocks >= most:
        return _decision(sentence("{blocks} blocks (the maximum) did not decide the gate", blocks=blocks), go_on=False)
    why = sentence("the gate is not decided after {blocks} of {most} blocks", blocks=blocks, most=most)
    return _decision(why, go_on=True)


def trials(
    grid: Grid, kind: str, records: Mapping[str, TrialRecord], terms: Terms = order.NEW
) -> tuple[list[PlannedTrial], Decision | None]:
    """Return every trial that follows from the recorded ones, in order, and the last decision.

    The decision is None before the first one. `kind` is the inventory's; `records` are the study's by path.
    """
    planned: list[PlannedTrial] = []
    state = state_of(grid, records)
    planned += [PlannedTrial(probe.cell, 0, probe=probe.number) for probe in state.probes]
    if not state.complete:
        return planned, None
    cells, rule = state.cells, grid.repeats
    idle = predicted_idle.verified(terms.predicted_idle, cells, records)
    for block in range(1, rule.min + 1):
        if loads_adapt(grid) and any(trial.path not in records for trial in planned):
            return planned, None  # the loads of this block depend on the block before
        in_block = state.in_block(block)
        planned += order.block(predicted_idle.in_block(idle, in_block, block), block, grid, kind, terms)
    for blocks in range(rule.min, rule.max + 1):
        if any(trial.path not in records for trial in planned):
            return planned, None
        from harness.summarise.summary import summarise_records  # imports numpy; most plans end before this

        so_far = {where: record for where, record in records.items() if record.repeat <= blocks}
        summary = summarise_records(grid, so_far)
        if grid.gate is not None:
            decision = decide_gate(summary.gate, blocks, rule.max)
            if not decision.go_on:
                break
            planned += order.block(cells, blocks + 1, grid, kind, terms)
            continue
        capacities = summary.capacities if loads_adapt(grid) else []
        decision = decide(rule, rule.target(kind), blocks, summary.gains, capacities, earliest=terms.earliest_stop)
        if not decision.go_on:
            break
        more = _cells_of(cells, watched(summary.gains))
        if capacities:
            around = state_of(grid, so_far).in_block(blocks + 1)
            more += [cell for cell in around if cell not in more and any(_measures(cell, each) for each in capacities)]
        planned += order.block(more, blocks + 1, grid, kind, terms)
    return planned, decision


def _measures(cell: Cell, capacity: Capacity) -> bool:
    """Whether a cell's trials measure a watched capacity: it has the same topology."""
    return {**capacity.others, "servers": capacity.servers}.items() <= cell.by_name.items()


def _cells_of(cells: Sequence[Cell], gains: Sequence[Gain]) -> list[Cell]:
    """Return the cells of the gains' topologies, in the grid's order."""
    wanted = [{**gain.others, "servers": servers} for gain in gains for servers in (gain.from_servers, gain.to_servers)]
    return [cell for cell in cells if cell.by_name in wanted]

"""Whether a recorded study's plan follows from what was settled when it began and from its trials (rule E16)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from harness.grid.cell import expand
from harness.grid.schema import Grid
from harness.plan import predicted_idle, stopping, terms
from harness.records.study import StudyRecord
from harness.records.trial import TrialRecord


def order_and_stopping(study: StudyRecord, grid: Grid, records: Mapping[str, TrialRecord]) -> list[str]:
    """What is wrong with the plan and the decision to stop."""
    planned, decision = stopping.trials(grid, study.kind, records, terms.of(study))
    wrong = []
    if tuple(trial.path for trial in planned) != study.plan:
        wrong.append("the order of the trials does not follow from seed, rule and what was measured")
    kept = study.stopping.decision if study.stopping else None
    if kept and decision and kept != decision:
        wrong.append(f"stopped because {kept.why!r}, the trials give {decision.why!r}")
    return wrong


def few_blocks(study: StudyRecord, records: Mapping[str, TrialRecord], attempts: Collection[str]) -> list[str]:
    """What is wrong with the cells that rest: their choice, and whether their first blocks showed what was predicted.

    `attempts` are the places of all trials, those that were measured again included.
    """
    kept, grid = study.predicted_idle, study.written_grid
    if kept is None:
        return []
    wrong = []
    again = predicted_idle.settle(grid, kept.capacity_per_s, kept.unloaded_s, grid.load.think_time)
    if again is None or (again.blocks, again.cells) != (kept.blocks, kept.cells):
        wrong.append("the cells with few blocks do not follow from the prediction that is stored with them")
    found = predicted_idle.decided(kept.model_copy(update={"contradicted": None}), expand(grid), records)
    # What was decided by a trial that was measured again afterwards cannot be told; a study that was killed may not
    # have written yet what follows from its trials.
    retried = {where.partition("-attempt")[0] for where in attempts if "-attempt" in where} & records.keys()
    if found and kept.contradicted not in (None, found.contradicted) and not retried:
        told, given = predicted_idle.outcome(kept), predicted_idle.outcome(found) or "nothing yet"
        wrong.append(f"of the cells with few blocks {told!r} is recorded, the trials give {given!r}")
    return wrong

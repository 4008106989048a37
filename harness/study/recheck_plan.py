"""Check that a recorded plan follows from the study's terms and its trials (rule E16)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from harness.grid import server_types
from harness.grid.schema import Grid
from harness.plan import order, predicted_idle, stopping, terms
from harness.records.study import StudyRecord
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath


def order_and_stopping(study: StudyRecord, grid: Grid, records: Mapping[str, TrialRecord]) -> list[str]:
    """Return the differences in the plan and in the last stopping decision."""
    planned, decision = stopping.trials(grid, study.kind, records, terms.of_study(study))
    problems = []
    if tuple(trial.path for trial in planned) != study.plan:
        problems.append("the order of the trials does not follow from the seed, the stopping rule and the trials")
    recorded = study.stopping.decision if study.stopping else None
    if recorded and decision and not recorded.is_same(decision):
        problems.append(f"the recorded stopping reason is {recorded.why!r}, the trials give {decision.why!r}")
    return problems


def server_order(study: StudyRecord, records: Mapping[str, TrialRecord]) -> list[str]:
    """Return the differences in which servers took part: by the seed in each block, and by the plan in each trial."""
    names = study.server_order[0] if study.server_order else ()
    problems = [
        f"the order of servers in block {block} does not follow from the seed"
        for block, found in enumerate(study.server_order, 1)
        if found != order.rotation_by_type(names, study.nominal_grid.server_types, block, study.seed)
    ]
    for where, record in records.items():
        planned = study.servers(record.repeat, server_types.level_of(record.cell))
        if planned and record.context and set(record.context.expected_servers) != set(planned):
            took_part = ", ".join(record.context.expected_servers)
            problems.append(f"{where} was measured on {took_part}, the plan has {', '.join(planned)}")
    return problems


def predicted_idle_cells(
    study: StudyRecord, records: Mapping[str, TrialRecord], attempts: Collection[str]
) -> list[str]:
    """Return the differences in the predicted-idle cells: their choice, and whether their prediction held.

    `attempts` are the paths of all trials, with attempts that were repeated.
    """
    recorded, grid = study.predicted_idle, study.nominal_grid
    if recorded is None:
        return []
    problems = []
    again = predicted_idle.predict(
        grid, predicted_idle.rates_of(recorded), recorded.unloaded_s, grid.think_per_request_s
    )
    if again is None or (again.blocks, again.cells) != (recorded.blocks, recorded.cells):
        problems.append("the predicted-idle cells do not follow from the recorded prediction")
    undecided = recorded.model_copy(update={"contradicted": None})
    found = predicted_idle.verified(undecided, grid.cells.known, records)
    # A decision that used a later repeated attempt cannot be recomputed. A killed study may lack its last decision.
    paths = map(TrialPath.parse, attempts)
    repeated = {str(path.current) for path in paths if not path.is_current} & records.keys()
    if found and recorded.contradicted not in (None, found.contradicted) and not repeated:
        before, after = predicted_idle.outcome(recorded), predicted_idle.outcome(found) or "no result yet"
        problems.append(f"predicted-idle cells: {before!r} is recorded, the trials give {after!r}")
    return problems

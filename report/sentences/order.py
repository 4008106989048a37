"""The order of the trials, and cells measured in few blocks. Pure."""

from __future__ import annotations

from harness.language import tr
from harness.plan import predicted_idle
from harness.records.study import StudyRecord
from report import phrases


def sentence(study: StudyRecord, blocks: int) -> str:
    """How the blocks were ordered, and the source of the seed."""
    drawn = "" if study.nominal_grid.seed is not None else tr(", drawn at the start of the study")
    return tr(
        "{blocks} in balanced order (rows of Williams squares), seed {seed}{drawn}",
        blocks=phrases.count(blocks, "randomised block"),
        seed=str(study.seed),  # a name
        drawn=drawn,
    )


def few_blocks(study: StudyRecord) -> str:
    """The predicted-idle cells, their prediction and its outcome."""
    think_s = study.nominal_grid.think_per_request_s
    clauses = predicted_idle.sentences(study.predicted_idle, study.nominal_grid, think_s)
    needed = study.scaled_grid.evidence.interval_repeats
    if study.predicted_idle is not None and study.predicted_idle.blocks < needed:
        clauses.append(tr("fewer than {needed} trials have no interval", needed=needed))
    return "; ".join([*clauses, *filter(None, [predicted_idle.outcome(study.predicted_idle)])])

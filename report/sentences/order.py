"""In which order trials were measured, and which cells in few blocks, in words. Pure."""

from __future__ import annotations

from harness.plan import predicted_idle
from harness.records.study import Order, StudyRecord
from report import format as text


def told(study: StudyRecord, blocks: int) -> str:
    """How the blocks were put in order, and where the seed is from."""
    if study.order == Order.SHUFFLED:
        return f"{text.count(blocks, 'randomised complete block')}, seed {study.seed}"
    drawn = "" if study.written_grid.seed is not None else ", drawn when the study began"
    return (
        f"{text.count(blocks, 'randomised block')} in balanced order (rows of Williams squares), "
        f"seed {study.seed}{drawn}"
    )


def few_blocks(study: StudyRecord) -> str:
    """What was settled beforehand of cells that take part in no statement, by which prediction, and what came of it."""
    said = predicted_idle.sentences(study.predicted_idle, study.written_grid, study.written_grid.load.think_time)
    needs = study.grid.evidence.interval_repeats
    if study.predicted_idle is not None and study.predicted_idle.blocks < needs:
        said.append(f"fewer than {needs} trials have no interval")
    return "; ".join([*said, *filter(None, [predicted_idle.outcome(study.predicted_idle)])])

"""What a study's directory says, summarised."""

from __future__ import annotations

from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from harness.records.study import grid_of
from harness.summarise.summary import Summary, summarise_records


def from_directory(directory: StudyDirectory) -> Summary:
    """Summarise what was measured; raises BadInput when there is no study."""
    study = directory.read_json("study.json")
    if study is None:
        raise BadInput(f"{directory.path}: there is no study.json")
    grid, records = grid_of(study), directory.trials()
    return summarise_records(grid, records, directory.latencies)

"""What a study's directory says, summarised."""

from __future__ import annotations

from harness.records.directory import StudyDirectory
from harness.summarise.summary import Summary, summarise_records


def from_directory(directory: StudyDirectory) -> Summary:
    """Summarise what was measured; raises BadInput when there is no study."""
    grid, records = directory.need_study().grid, directory.trials()
    return summarise_records(grid, records, directory.latencies, directory.failures)

"""What a study's directory says, summarised."""

from __future__ import annotations

from collections.abc import Mapping

from harness.records.directory import StudyDirectory
from harness.records.study import StudyRecord
from harness.records.trial import TrialRecord
from harness.summarise import tables
from harness.summarise.cost import Prices
from harness.summarise.summary import Summary, summarise_records


def from_directory(directory: StudyDirectory) -> Summary:
    """Summarise what was measured; raises BadInput when there is no study."""
    return summarise_study(directory, directory.need_study(), directory.trials())


def summarise_study(directory: StudyDirectory, study: StudyRecord, records: Mapping[str, TrialRecord]) -> Summary:
    """Summarise these records of a study, with the histograms of its directory and the prices of its hosts."""
    return summarise_records(study.grid, records, directory.latencies, directory.failures, prices_of(study))


def prices_of(study: StudyRecord) -> Prices:
    """The prices and the groups of a study's hosts."""
    groups = {name: str(host.get("group")) for name, host in study.configuration.hosts.items()}
    return Prices({name: host.usd_per_hour for name, host in study.rented.items()}, groups)


def csv_files(summary: Summary) -> dict[str, str]:
    """The tables beside the report, by their names."""
    from harness.records import frames  # pandas, which the page of a running study should not wait for

    files = {
        "cells.csv": frames.cells_csv(tables.cells(summary)),
        "gains.csv": frames.gains_csv(tables.gains(summary), summary.grid),
    }
    if summary.failovers:
        files["failover.csv"] = frames.failover_csv(tables.failover(summary))
    if any(capacity.requests for capacity in summary.capacities):
        files["capacity.csv"] = frames.capacity_csv(tables.capacity(summary), summary.grid)
    return files

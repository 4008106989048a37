"""The summary of a study's recorded trials, and the tables that follow from it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.records.directory import StudyDirectory
from harness.records.study import StudyRecord
from harness.records.trial import TrialRecord
from harness.summarise import tables
from harness.summarise.summary import Summary, prices_of, summarise_records


def summarise_study(directory: StudyDirectory, study: StudyRecord, records: Mapping[str, TrialRecord]) -> Summary:
    """Summarise these records of a study, with the histograms of its directory and the prices of its hosts."""
    return summarise_records(
        study.scaled_grid,
        records,
        directory.latencies,
        directory.failures,
        prices_of(study),
        directory.request_histograms,
    )


def csv_files(summary: Summary) -> dict[str, str]:
    """Return the content of the tables next to the report, by file name."""
    from harness.records import (
        csv_tables,  # imports pandas, which the page of a running study does not need
    )

    files = {
        "cells.csv": csv_tables.cells_csv(tables.cells(summary)),
        "gains.csv": csv_tables.gains_csv(tables.gains(summary), summary.grid),
    }
    if rows := tables.requests(summary):
        files["requests.csv"] = csv_tables.requests_csv(rows)
    if summary.failovers:
        files["failover.csv"] = csv_tables.failover_csv(tables.failover(summary))
    if any(capacity.requests for capacity in summary.capacities):
        files["capacity.csv"] = csv_tables.capacity_csv(tables.capacity(summary), summary.grid)
    return files

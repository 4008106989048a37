"""Write a study's report and tables into its directory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from harness.records.directory import StudyDirectory
from harness.records.files import replace
from harness.records.trial import TrialData, TrialRecord
from harness.study.summaries import csv_files, summarise_study
from harness.summarise.summary import Summary
from report import model
from report.charts import gain_data
from report.elements import anchor, anchor_of
from report.model import Report
from report.output import html, live_data


def model_of(study: StudyDirectory) -> tuple[Report, Summary]:
    """Read a study and make its view model; raises BadInput when there is none."""
    said = study.need_study()
    records = study.trials(attempts=True)
    current = {where: record for where, record in records.items() if "-attempt" not in where}
    summary = summarise_study(study, said, current)
    drawn = {anchor(cell.cell) for cell in gain_data.drawn(summary.cells)}
    trials = {where: _shown(study, where, record, anchor_of(where) in drawn) for where, record in records.items()}
    return model.build(said, summary, trials, study.path.name), summary


def _shown(study: StudyDirectory, where: str, record: TrialRecord, drawn: bool) -> TrialData:
    """A trial as far as it is shown: its series and latencies only where a chart draws them."""
    if not drawn:
        return TrialData(record, [], [], [])
    return TrialData(record, study.samples(where), [], [], study.latencies(where))


def write(
    study: StudyDirectory,
    kinds: Collection[str] = ("html", "pdf", "data"),
    paper: str = "A4",
    warn: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Render "html", "pdf" and "data" (results.parquet), and the tables; returns the files, each replaced whole.

    `warn` is told of what could not be drawn.
    """
    from harness.records import frames  # pandas, which the page of a running study should not wait for

    report, summary = model_of(study)
    files = {name: content.encode() for name, content in csv_files(summary).items()}
    if "data" in kinds:
        files["results.parquet"] = frames.parquet(study)
    if "html" in kinds:
        files["report.html"] = html.html(report).encode()
    if "pdf" in kinds:
        from report.output import pdf  # its libraries take a second that a page alone should not wait for

        files["report.pdf"] = pdf.pdf(report, paper, warn)
    for name, content in files.items():
        replace(study.path / name, content)
    if "html" in kinds:
        live_data.remove(study.path)
    return [study.path / name for name in files]

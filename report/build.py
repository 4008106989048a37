"""Write the report and the tables of a study into its directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from harness.language import ENGLISH, use
from harness.records import files
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData, TrialRecord
from harness.records.trial_path import TrialPath
from harness.study.summaries import csv_files, summarise_study
from harness.summarise.summary import Summary
from report import language as languages
from report import model
from report.elements import anchor, anchor_of, drawn
from report.model import Report
from report.output import html, live_data


def model_of(study: StudyDirectory, *, running: bool = False, language: str = "en") -> tuple[Report, Summary]:
    """Read a study and make its view model in a language of `report.language`; raises BadInput when there is none.

    While it is `running` the pages of cells have no utilization, which takes the most files to read.
    """
    record = study.need_study()
    records = study.trials(attempts=True)
    current = {path: trial for path, trial in records.items() if TrialPath.parse(path).is_current}
    with use(languages.of(language)):
        summary = summarise_study(study, record, current)
        trials = _shown(study, records, summary, running=running)
        return model.build(record, summary, trials, study.path.name), summary


def _shown(
    study: StudyDirectory, records: Mapping[str, TrialRecord], summary: Summary, *, running: bool
) -> dict[str, TrialData]:
    """The trials with what the charts show of them."""
    shown = {anchor(cell.cell) for cell in drawn(summary.cells)}
    trials = {}
    for path, trial in records.items():
        data = _trial(study, path, trial, drawn=anchor_of(path) in shown)
        trials[path] = data if running or anchor_of(path) not in shown else _with_hosts(study, path, data)
    return trials


def _trial(study: StudyDirectory, path: str, record: TrialRecord, *, drawn: bool) -> TrialData:
    """A trial with its series and latencies where a chart draws them."""
    if not drawn:
        return TrialData(record=record, samples=[], hosts=[], balancer=[])
    return TrialData(record=record, samples=study.samples(path), hosts=[], balancer=[], latencies=study.latencies(path))


def _with_hosts(study: StudyDirectory, path: str, data: TrialData) -> TrialData:
    """The trial with the resource usage of its hosts, of which a paced server's is in the balancer's log."""
    paced = bool(data.record.context and data.record.context.pacing)
    balancer = study.balancer(path) if paced else []
    return replace(data, hosts=study.hosts(path), machines=study.machines(path), balancer=balancer)


def write(
    study: StudyDirectory,
    kinds: Collection[str] = ("html", "pdf", "data"),
    paper: str = "A4",
    warn: Callable[[str], None] = lambda _: None,
    language: str = "en",
) -> list[Path]:
    """Render "html", "pdf" and "data" (results.parquet), and the tables; returns the files, each replaced whole.

    `warn` is called with a message for characters that could not be drawn. The report is in the language, the data
    and the tables are in English.
    """
    from harness.records import frames  # pandas, which the page of a running study does not need

    report, summary = model_of(study, language=language)
    if report.language is not ENGLISH:
        _, summary = model_of(study, running=True)  # for the tables
    written = {name: content.encode() for name, content in csv_files(summary).items()}
    if "data" in kinds:
        written["results.parquet"] = frames.parquet(study)
    if "html" in kinds:
        written["report.html"] = html.html(report).encode()
    if "pdf" in kinds:
        from report.output import pdf  # its libraries take a second to import

        written["report.pdf"] = pdf.pdf(report, paper, warn)
    for name, content in written.items():
        files.replace(study.path / name, content)
    if "html" in kinds:
        live_data.remove(study.path)
    return [study.path / name for name in written]


def page(study: StudyDirectory, script: str = "", language: str = "en") -> str:
    """The HTML page of a study; `script` is the name of the file with updates while it runs."""
    return html.html(model_of(study, running=True, language=language)[0], script)


def update(study: StudyDirectory, language: str = "en") -> str:
    """The current contents of the page, as a script for a page that is open."""
    return html.update(model_of(study, running=True, language=language)[0])

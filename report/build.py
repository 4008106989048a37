"""Write a study's report and tables into its directory."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness import cells, tables
from harness.errors import BadInput
from harness.files import replace
from harness.results import StudyDirectory
from report import model, render
from report.model import Report


def model_of(study: StudyDirectory) -> tuple[Report, cells.Summary]:
    """Read a study and make its view model; raises BadInput when there is none."""
    said = study.read_json("study.json")
    if said is None:
        raise BadInput(f"{study.path}: there is no study.json")
    summary = cells.from_directory(study)
    trials = {where: study.trial(where) for where in study.trials(attempts=True)}
    return model.build(said, summary, trials, study.path.name), summary


def write(study: StudyDirectory, kinds: Collection[str] = ("html", "pdf"), paper: str = "A4") -> list[Path]:
    """Render "html" and "pdf" and the tables; returns the files, each replaced whole."""
    report, summary = model_of(study)
    files = {
        "cells.csv": tables.cells_csv(summary).encode(),
        "gains.csv": tables.gains_csv(summary).encode(),
    }
    if "html" in kinds:
        files["report.html"] = render.html(report).encode()
    if "pdf" in kinds:
        files["report.pdf"] = render.pdf(report, paper)
    for name, content in files.items():
        replace(study.path / name, content)
    return [study.path / name for name in files]

"""Print the summary at the end of a study, and determine the exit code."""

from __future__ import annotations

from commands.console import Console
from harness import errors
from harness.errors import Interrupted
from harness.records.study import CalibrationResult
from harness.study import calibrations
from harness.study.config import StudyConfig
from harness.summarise.summary import Summary, summarise_directory
from report.sentences import answer, capacity, failover, grade, rejections


def print_summary(console: Console, config: StudyConfig, interrupted: bool) -> int:
    """Print outcomes, gains, capacities, objectives and the report's files; return the exit code."""
    directory = config.directory
    if not directory.trials():
        console.print("no trial was measured")
        return Interrupted.exit_code if interrupted else errors.EXIT_FAILED_CELLS
    summary = summarise_directory(directory)
    console.outcomes(list(directory.trials().values()))
    for sentence in rejections.sentences(summary) + capacity.sentences(summary):
        console.print(sentence)
    console.gains(summary.gains)
    for sentence in failover.sentences(summary.failovers, config.grid.objectives):
        console.print(sentence)
    if graded := grade.sentence(summary.evidence_grade):
        console.print(f"evidence: {graded}")
    if config.grid.calibration and not interrupted:
        report_calibration(console, config, summary)
    missed = [result for result in summary.objectives if not result.met]
    for result in missed:
        console.warn(f"objective not met: {result.text}")
    for name in ("report.pdf", "report.html"):
        if (directory.path / name).exists():
            console.print(f"{name}: {directory.path / name}")
    if config.grid.quick:
        console.print(answer.INDICATIVE)
    if interrupted:
        console.print("interrupted; run the same command to resume the study")
        return Interrupted.exit_code
    if any(not cell.usable for cell in summary.cells):
        return errors.EXIT_FAILED_CELLS
    return errors.EXIT_OBJECTIVE_MISSED if missed else 0


def report_calibration(console: Console, config: StudyConfig, summary: Summary) -> None:
    """Judge a calibration, print its result, and store it for other studies on the same hosts."""
    study = config.directory.need_study()
    found = summary.calibration
    if found is None:
        return
    result = CalibrationResult(
        site=calibrations.site_id(study),
        passed=found.passed,
        text=found.text,
        measured_at=study.created_at,
        study=config.directory.path.name,
    )
    calibrations.store(config.directory.path.parent, result)
    console.print(f"calibration: {found.text_with_result}")

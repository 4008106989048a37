"""Print the summary at the end of a study, and determine the exit code."""

from __future__ import annotations

from commands import conclusion
from commands.console import Console
from harness import errors
from harness.errors import Interrupted
from harness.records.study import CalibrationResult
from harness.study import calibrations
from harness.study.config import StudyConfig
from harness.summarise.summary import Summary, summarise_directory
from report.sentences import answer, capacity, failover, grade, rejections


def print_summary(console: Console, config: StudyConfig, interrupted: bool) -> int:
    """Print the answer, the gains and the paths of the report, and missed objectives; return the exit code."""
    directory = config.directory
    if not directory.trials():
        console.print("no trial was measured")
        return Interrupted.exit_code if interrupted else errors.EXIT_FAILED_CELLS
    summary = summarise_directory(directory)
    calibration = ""
    if config.grid.calibration and not interrupted:
        calibration = store_calibration(config, summary)
    missed = [result for result in summary.objectives if not result.met]
    for result in missed:
        console.warn(f"objective not met: {result.text}")
    if console.is_json:
        write_events(console, config, summary, calibration, interrupted)
    else:
        for line in conclusion.lines(summary, directory, interrupted=interrupted, calibration=calibration):
            console.print(line)
    if interrupted:
        return Interrupted.exit_code
    if any(not cell.usable for cell in summary.cells):
        return errors.EXIT_FAILED_CELLS
    return errors.EXIT_OBJECTIVE_MISSED if missed else 0


def write_events(console: Console, config: StudyConfig, summary: Summary, calibration: str, interrupted: bool) -> None:
    """Write the results as events: a message for each sentence and file, and an event for each gain."""
    directory = config.directory
    console.outcomes(list(directory.trials().values()))
    for sentence in rejections.sentences(summary) + capacity.sentences(summary):
        console.print(sentence)
    console.gains(summary.gains)
    for sentence in failover.sentences(summary.failovers, config.grid.objectives):
        console.print(sentence)
    if graded := grade.sentence(summary.evidence_grade):
        console.print(f"evidence: {graded}")
    if calibration:
        console.print(f"calibration: {calibration}")
    for name in ("report.pdf", "report.html"):
        if (directory.path / name).exists():
            console.print(f"{name}: {directory.path / name}")
    if config.grid.quick:
        console.print(answer.INDICATIVE)
    if interrupted:
        console.print("interrupted; run the same command to resume the study")


def store_calibration(config: StudyConfig, summary: Summary) -> str:
    """Store the result of a calibration for other studies on the same hosts; return it as a sentence."""
    study = config.directory.need_study()
    found = summary.calibration
    if found is None:
        return ""
    result = CalibrationResult(
        site=calibrations.site_id(study),
        passed=found.passed,
        text=found.text,
        measured_at=study.created_at,
        study=config.directory.path.name,
    )
    calibrations.store(config.directory.path.parent, result)
    return found.text_with_result

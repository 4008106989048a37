"""What a study's command says last: outcomes, gains, objectives, and its exit code."""

from __future__ import annotations

from commands.console import Console
from harness import errors
from harness.errors import Interrupted
from harness.records.study import CalibrationResult
from harness.study import calibrations, measured
from harness.study.config import Setting
from harness.summarise import calibration, objectives
from harness.summarise.summary import Summary
from report.sentences import capacity, failover, rejections


def closing(console: Console, setting: Setting, interrupted: bool) -> int:
    """The closing summary; returns the exit code."""
    directory = setting.directory
    if not directory.trials():
        console.say("nothing was measured")
        return Interrupted.exit_code if interrupted else errors.EXIT_FAILED_CELLS
    summary = measured.from_directory(directory)
    console.outcomes(list(directory.trials().values()))
    for sentence in rejections.sentences(summary) + capacity.sentences(summary):
        console.say(sentence)
    console.gains(summary.gains)
    for sentence in failover.sentences(summary.losses, setting.grid.objectives):
        console.say(sentence)
    if setting.grid.calibration and not interrupted:
        tell_instrument(console, setting, summary)
    missed = [judged for judged in objectives.judge(summary) if not judged.met]
    for judged in missed:
        console.warn(f"objective not met: {judged.text}")
    for name in ("report.pdf", "report.html"):
        if (directory.path / name).exists():
            console.say(f"{name}: {directory.path / name}")
    if interrupted:
        console.say("interrupted; the same command goes on from here")
        return Interrupted.exit_code
    if any(not cell.usable for cell in summary.cells):
        return errors.EXIT_FAILED_CELLS
    return errors.EXIT_OBJECTIVE_MISSED if missed else 0


def tell_instrument(console: Console, setting: Setting, summary: Summary) -> None:
    """Judge a study whose truth is known, say so, and keep it for the site's other studies."""
    study = setting.directory.need_study()
    passed, text = calibration.of_study(summary)
    name = setting.directory.path.name
    check = CalibrationResult(
        site=calibrations.site_of(study), passed=passed, text=text, measured_at=study.created_at, study=name
    )
    calibrations.keep(setting.directory.path.parent, check)
    console.say(f"instrument check: {calibration.with_verdict(text, passed)}")

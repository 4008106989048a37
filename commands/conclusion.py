"""The last three lines of a study: its answer, its gains, and the paths of its report."""

from __future__ import annotations

from collections.abc import Sequence

from commands.console import trials
from commands.running_study import outcomes
from harness.records.directory import StudyDirectory
from harness.summarise.capacity.capacity import CapacityGain
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report.sentences import answer, grade

MOST_CHARACTERS = 400  # of the answer; further sentences are in the report
MOST_GAINS = 6


def lines(summary: Summary, directory: StudyDirectory, *, interrupted: bool, calibration: str = "") -> list[str]:
    """Return the answer, the gains and the paths, one line each."""
    notes = [f"Calibration: {calibration}."] if calibration else []
    found = answer.answer(summary)
    if summary.grid.quick:
        notes, found = [*notes, found[0]], found[1:]
    begin = "answer (interrupted; run the same command to resume the study)" if interrupted else "answer"
    gains: Sequence[Gain | CapacityGain] = answer.in_order(summary.gains) or summary.capacity_gains
    graded = summary.evidence_grade
    last = [f"Evidence of {grade.in_short(graded)}."] if graded and graded.letter != "A" else []
    return [f"{begin}: {' '.join([*notes, *_within(found), *last])}", f"gains: {in_short(gains)}", _paths(directory)]


def in_short(gains: Sequence[Gain | CapacityGain]) -> str:
    """Return gains in one line, with their intervals; the first six, grouped by load."""
    by_load: dict[str, list[str]] = {}
    for gain in gains[:MOST_GAINS]:
        by_load.setdefault(load_name(gain.others), []).append(_gain(gain))
    groups = [f"{load}: {', '.join(steps)}" if load else ", ".join(steps) for load, steps in by_load.items()]
    more = f"; {len(gains) - MOST_GAINS} more in the report" if len(gains) > MOST_GAINS else ""
    return ("; ".join(groups) or "none, as a gain needs two topologies at one load") + more


def _gain(gain: Gain | CapacityGain) -> str:
    step = f"{gain.step} servers"
    if gain.ratio is None:
        return f"{step} –"
    bound = {GainKind.LOWER_BOUND: "at least ", GainKind.NOT_MEASURABLE: "not measurable, "}
    return f"{step} {bound.get(gain.kind, '')}{text.ratio_with_interval(gain.ratio)} ({gain.conclusion_text})"


def _within(sentences: Sequence[str]) -> list[str]:
    """Return as many sentences as fit, at least one."""
    shown = list(sentences[:1])
    for sentence in sentences[1:]:
        if sum(map(len, shown)) + len(sentence) > MOST_CHARACTERS:
            return [*shown, "The report has more."]
        shown.append(sentence)
    return shown


def _paths(directory: StudyDirectory) -> str:
    records = list(directory.trials().values())
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcomes(records).items())
    files = [str(directory.path / name) for name in ("report.html", "report.pdf") if (directory.path / name).exists()]
    return f"report: {', '.join(files) or 'none'} ({trials(len(records))}: {counts})"

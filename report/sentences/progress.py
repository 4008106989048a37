"""The progress of a running study. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grid.load import level_of
from harness.language import tr
from harness.plan import remaining_time
from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from harness.records.trial_path import TrialPath
from harness.summarise.gains.gain import Gain, GainKind
from report import format as text
from report import phrases

SHOWN = 6  # of the next trials


def sentences(study: StudyRecord, trials: Mapping[str, TrialData]) -> list[str]:
    """The number of measured trials, the remaining time as on the console, and the next trials."""
    left = [path for path in study.plan if path not in trials]
    records = {path: data.record for path, data in trials.items() if TrialPath.parse(path).is_current}
    first = tr(
        "{plan} of {plan_2} measured", plan=len(study.plan) - len(left), plan_2=phrases.count(len(study.plan), "trial")
    )
    if any(record.load_s for record in records.values()):
        first += tr(", about {took} left", took=phrases.duration(remaining_time.of_study(study, records)))
    if study.stopping and study.stopping.until is not None:
        first += tr("; more blocks follow while the gains are too imprecise")
    more = "" if len(left) <= SHOWN else tr(", and {left} more", left=len(left) - SHOWN)
    return [f"{first}.", tr("Next: {listed}{more}.", listed=", ".join(left[:SHOWN]), more=more)]


def after_first_block(gains: Sequence[Gain]) -> list[str]:
    """The gains after one block: a sentence for each load, or the reason why there is none yet."""
    shown: dict[str, list[str]] = {}
    for gain in sorted(gains, key=lambda each: -level_of(each.others)):
        if gain.ratio is not None and gain.is_statement:
            bound = tr("at least ") if gain.kind is GainKind.LOWER_BOUND else ""
            step = tr("{step} servers: {bound}{ratio}", step=gain.step, bound=bound, ratio=text.ratio(gain.ratio))
            shown.setdefault(gain.load, []).append(step)
    if shown:
        return [
            tr("after 1 block at {load}: {listed}, preliminary", load=load, listed=", ".join(steps))
            for load, steps in shown.items()
        ]
    why = next((f" ({gain.reason})" for gain in gains if gain.reason), "")
    return [tr("after 1 block: no gain is measurable yet{why}", why=why)]

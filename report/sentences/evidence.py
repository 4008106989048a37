"""Evidence on the whole study: ceiling of the load generator, noise, speed of the machines, calibration. Pure."""

from __future__ import annotations

from harness.language import tr
from harness.records.study import Ceiling, StudyRecord
from harness.summarise.summary import Summary
from report import format as text
from report import phrases
from report.elements import MOST_LISTED, listed
from report.sentences import grade

SMALLEST_GAIN = 0.001  # that is printed


def sentences(study: StudyRecord, summary: Summary) -> list[tuple[str, str]]:
    """Heading and text of each check, without those that have nothing to report."""
    found = [
        (tr("Load generator ceiling:"), _ceiling(study.ceiling)),
        (tr("Noise:"), _noise(summary)),
        (tr("Servers:"), _servers(summary)),
        (tr("Machine speed:"), machine_speed_change(summary)),
        (tr("Not available:"), grade.of_study(summary.evidence_grade)),
        (tr("Calibration:"), _calibration(study, summary)),
    ]
    return [(heading, f"{sentence}.") for heading, sentence in found if sentence]


def machine_speed_change(summary: Summary) -> str:
    """Rule E22: how much the machines' speed changed between trials, and whether it affected the intervals."""
    found, half = summary.machine_speed, summary.widest_half_width
    if found is None:
        return ""
    change = tr(
        "CPU time per request in the slowest trial ({slowest}) was {span:.2f} times that of the "
        "fastest ({fastest}), each relative to its cell",
        slowest=found.slowest,
        span=found.span,
        fastest=found.fastest,
    )
    if found.span <= summary.grid.evidence.speed_span:
        return change
    if found.follows is not None:
        change += tr("; correlation with throughput {follows:.2f}", follows=found.follows).replace("-", "−")
    if half is None or summary.machine_speed_mattered:
        return change
    return tr("{change}; the intervals, within ±{half}, are not affected", change=change, half=text.percent(half, 1))


def _ceiling(found: Ceiling | None) -> str:
    if not found:
        return tr("not measured")
    if not found.per_s:
        return tr("unknown ({why})", why=tr(found.why) if found.why else "")
    best = tr("the best of {listed}; ", listed=", ".join(map(text.rate, found.tries))) if len(found.tries) > 1 else ""
    return tr(
        "load generator and balancer reach {per_s} req/s without servers ({best}{users} users "
        "without think time, {measured_at})",
        per_s=text.rate(found.per_s),
        best=best,
        users=found.users,
        measured_at=phrases.moment(found.measured_at),
    )


def _noise(summary: Summary) -> str:
    """Rule E20: the spread of a trial, the minimum detectable gains, and the control trials."""
    if summary.noise is None:
        return ""
    clauses = [
        tr("a trial’s throughput varies by {spread} within its block", spread=text.percent(summary.noise.spread, 1))
    ]
    found = [
        (gain, text.percent(max(least, SMALLEST_GAIN), 1))
        for gain in summary.gains
        if (least := gain.minimum_detectable_gain) is not None
    ]
    if found:
        clauses.append(
            tr(
                "minimum detectable gains (80 % power): {listed}",
                listed=listed(found) if len(found) <= MOST_LISTED else tr("in gains.csv"),
            )
        )
    if summary.between_share is not None:
        share = text.percent(summary.between_share)
        clauses.append(tr("{share} of its variance lies between trials, the rest within them", share=share))
    if summary.control is not None:
        clauses.append(
            tr(
                "control trials at the end of a block compared with its begin: {control} {ratio_interval}",
                control=text.ratio(summary.control),
                ratio_interval=text.ratio_interval(summary.control),
            )
        )
    return "; ".join(clauses)


def _servers(summary: Summary) -> str:
    """Rule E15: the rotation of servers over blocks, and how much the servers differ."""
    found = summary.server_spread
    if found is None:
        return ""
    rotation = tr(
        "which servers take part changes from block to block within each type, so a gain is that of this fleet on "
        "this day"
        if summary.grid.server_types
        else "which servers take part changes from block to block, so a gain is that of this fleet on this day"
    )
    if not found.differs:
        return tr("{rotation}; the servers do not differ by more than chance explains", rotation=rotation)
    slowest = tr(
        "{slowest} has {speeds} of their mean speed",
        slowest=found.slowest,
        speeds=text.percent(found.speeds[found.slowest], 1),
    )
    return tr(
        "{rotation}; its servers differ by {spread} (standard deviation), and {slowest}",
        rotation=rotation,
        spread=text.percent(found.spread, 1),
        slowest=slowest,
    )


def _calibration(study: StudyRecord, summary: Summary) -> str:
    own = summary.calibration
    if own and own.complete:
        return tr(
            "this study is the calibration of these machines: {text_with_result}", text_with_result=own.text_with_result
        )
    found = study.calibration
    if not found:
        return tr("none is known for these machines; run grids/calibration.yaml")
    result = tr("{text}: PASS" if found.passed else "{text}: FAIL", text=found.text)
    return tr(
        "last one for these machines, {measured_at} ({study}): {result}",
        measured_at=phrases.moment(found.measured_at),
        study=found.study,
        result=result,
    )

"""Evidence on the whole study: ceiling of the load generator, noise, speed of the machines, calibration. Pure."""

from __future__ import annotations

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
        ("Load generator ceiling:", _ceiling(study.ceiling)),
        ("Noise:", _noise(summary)),
        ("Servers:", _servers(summary)),
        ("Machine speed:", machine_speed_change(summary)),
        ("Not available:", grade.of_study(summary.evidence_grade)),
        ("Calibration:", _calibration(study, summary)),
    ]
    return [(heading, f"{sentence}.") for heading, sentence in found if sentence]


def machine_speed_change(summary: Summary) -> str:
    """Rule E22: how much the machines' speed changed between trials, and whether it affected the intervals."""
    found, half = summary.machine_speed, summary.widest_half_width
    if found is None:
        return ""
    change = (
        f"CPU time per request in the slowest trial ({found.slowest}) was {found.span:.2f} times that of the fastest "
        f"({found.fastest}), each relative to its cell"
    )
    if found.span <= summary.grid.evidence.speed_span:
        return change
    if found.follows is not None:
        change += f"; correlation with throughput {found.follows:.2f}".replace("-", "−")
    if half is None or summary.machine_speed_mattered:
        return change
    return f"{change}; the intervals, within ±{text.percent(half, 1)}, are not affected"


def _ceiling(found: Ceiling | None) -> str:
    if not found:
        return "not measured"
    if not found.per_s:
        return f"unknown ({found.why})"
    best = f"the best of {', '.join(map(text.rate, found.tries))}; " if len(found.tries) > 1 else ""
    return (
        f"load generator and balancer reach {text.rate(found.per_s)} req/s without servers "
        f"({best}{found.users} users without think time, {phrases.moment(found.measured_at)})"
    )


def _noise(summary: Summary) -> str:
    """Rule E20: the spread of a trial, the minimum detectable gains, and the control trials."""
    if summary.noise is None:
        return ""
    clauses = [f"a trial’s throughput varies by {text.percent(summary.noise.spread, 1)} within its block"]
    found = [
        (gain, text.percent(max(least, SMALLEST_GAIN), 1))
        for gain in summary.gains
        if (least := gain.minimum_detectable_gain) is not None
    ]
    if found:
        clauses.append(
            f"minimum detectable gains (80 % power): {listed(found) if len(found) <= MOST_LISTED else 'in gains.csv'}"
        )
    if summary.between_share is not None:
        share = text.percent(summary.between_share)
        clauses.append(f"{share} of its variance lies between trials, the rest within them")
    if summary.control is not None:
        clauses.append(
            f"control trials at the end of a block compared with its begin: {text.ratio(summary.control)} "
            f"{text.ratio_interval(summary.control)}"
        )
    return "; ".join(clauses)


def _servers(summary: Summary) -> str:
    """Rule E15: the rotation of servers over blocks, and how much the servers differ."""
    found = summary.server_spread
    if found is None:
        return ""
    own = " within each type" if summary.grid.server_types else ""
    rotation = f"which servers take part changes from block to block{own}, so a gain is that of this fleet on this day"
    if not found.differs:
        return f"{rotation}; the servers do not differ by more than chance explains"
    slowest = f"{found.slowest} has {text.percent(found.speeds[found.slowest], 1)} of their mean speed"
    return f"{rotation}; its servers differ by {text.percent(found.spread, 1)} (standard deviation), and {slowest}"


def _calibration(study: StudyRecord, summary: Summary) -> str:
    own = summary.calibration
    if own and own.complete:
        return f"this study is the calibration of these machines: {own.text_with_result}"
    found = study.calibration
    if not found:
        return "none is known for these machines; run grids/calibration.yaml"
    result = f"{found.text}: {'PASS' if found.passed else 'FAIL'}"
    return f"last one for these machines, {phrases.moment(found.measured_at)} ({found.study}): {result}"

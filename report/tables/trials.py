"""The table of all trials. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.language import messages, tr
from harness.records.study import StudyRecord
from harness.records.trial import TrialData, TrialRecord
from report import format as text
from report.elements import Table, link

MOST_IDS = 1000  # rows; of longer tables the page's script makes the anchors, of the paths


def trial_table(study: StudyRecord, trials: Mapping[str, TrialData]) -> Table:
    """A row for each attempted trial, in the order of the plan."""
    is_open = study.nominal_grid.is_open
    planned = [path for path in study.plan if path in trials]
    known = set(planned)
    shown = [*planned, *(path for path in trials if path not in known)]
    columns = messages(
        [
            "trial",
            "#",
            "TPS",
            "peak",
            "errors",
            "p95 ms",
            "late ms" if is_open else "h",
            "outcome",
            "bottleneck",
            "findings",
        ]
    )
    return Table(
        columns=columns,
        rows=[_row(path, trials[path].record, is_open=is_open) for path in shown],
        right=(1, 2, 3, 4, 5, 6),
        ids=() if len(shown) > MOST_IDS else tuple(f"trial-{path.replace('/', '-')}" for path in shown),
        links=tuple(link(trials[path].record.cell) for path in shown),
        note=tr("The files of a trial are in trials/, in the folder of its name; # is its position in the order."),
    )


def _row(path: str, record: TrialRecord, *, is_open: bool) -> list[str]:
    return [
        path,
        str(record.block_position),
        text.rate(record.tps_mean, 0.5),
        text.rate(record.tps_peak, 0.5),
        text.percent(record.error_rate, 1),
        text.milliseconds(record.latency_ms.get("p95")),
        _punctuality(record, is_open=is_open),
        tr(record.outcome),
        tr(record.bottleneck.component) if record.bottleneck else text.NOTHING,
        "; ".join(f"{finding.rule} {finding.cause_text}" for finding in record.findings) or record.cause,
    ]


def _punctuality(record: TrialRecord, *, is_open: bool) -> str:
    """How well the load generator kept up: h of users, or the delay of the latest requests at a rate."""
    figures = record.figures
    if not is_open:
        return text.percent(figures.littles_law_residual if figures else None, 1)
    late_ms = figures.send_delay_p99_ms if figures else None
    return text.NOTHING if late_ms is None else text.milliseconds(late_ms)

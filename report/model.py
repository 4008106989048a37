"""The view model: everything a report says, as finished strings and chart data. Pure.

One model feeds the HTML and the PDF; templates do no arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from harness.secrecy import Hidden
from harness.summarise.summary import Summary
from report import format as text
from report import progress
from report.charts import capacity_data, gain_data, load_data
from report.elements import Chart, Table
from report.sentences import answer, article, capacity, environment, failover, findings, method
from report.tables import bottlenecks, cost_table, latency, sections, validity
from report.tables.cost_table import Money

MOST_LINES, LINE = 18, 34  # of the table of gains, with the findings below it on page 1; letters in its last column


@dataclass(frozen=True)
class Report:
    """The whole report in the order in which it is read."""

    title: str
    hash: str
    created: str
    state: str
    progress: list[str]
    answer: list[str]
    where: str
    findings: list[str]
    capacity: Table | None  # what each topology carries under the objectives
    gains: Table | None
    gains_first: bool  # before the findings: they leave room for those on page 1, as no capacities take it
    cells: Table
    limits: Table
    latency: Table
    validity: Table
    checks: list[tuple[str, str]]
    article: Table | None
    article_why: str
    effects: Table | None
    losses: Table | None  # what servers that were stopped on purpose cost
    money: Money | None
    trials: Table
    facts: list[tuple[str, str]]
    thresholds: Table
    grid: str
    nginx: str
    charts: dict[str, Chart]  # by name, those that have something to draw
    notes: list[str] = field(default_factory=list)


def build(study: StudyRecord, summary: Summary, trials: dict[str, TrialData], folder: str) -> Report:
    """Make the view model of a study, complete or not.

    `study` is study.json, `trials` maps "<cell>/r<k>" to what was recorded.
    """
    grid, cells, gains = summary.grid, summary.cells, answer.in_order(summary.gains)
    planned, done = len(study.plan), sum(1 for where in study.plan if where in trials)
    # Probes of a search and control trials stand in the table of all trials only.
    counted = {where: data for where, data in trials.items() if data.record.repeat and not data.record.control}
    state = "complete" if done >= planned else f"{done} of {planned} trials measured so far"
    beside = None if grid.calibration else article.table(gains, cells)
    # Of capacities each topology has loads of its own: what was seen at them stands in tables, side by side it tells
    # nothing.
    alike = bool(gains) or not capacity.known(summary)
    drawn = (
        gain_data.headline(cells, counted, study.ceiling.per_s if study.ceiling else None) if alike else None,
        capacity_data.chart(summary),
        gain_data.gain_plot(gains),
        gain_data.series(cells, counted, grid.load.window_from_s, grid.load.duration),
        latency.chart(cells, counted, grid.evidence.percentile_p99_samples) if alike else None,
        load_data.chart(summary, trials),
    )
    costs = cost_table.section(study, summary)
    return Report(
        title=study.name,
        hash=folder.rsplit("-", 1)[-1],
        created=text.moment(study.created_at),
        state=state,
        progress=progress.told(study, trials) if done < planned else [],
        answer=[*answer.answer(summary), *([costs.answer] if costs and costs.answer else [])],
        where=environment.told(study, summary.noise.spread if summary.noise else None),
        findings=findings.findings(summary, study),
        capacity=capacity.table(summary),
        gains=sections.gain_table(gains, cells),
        gains_first=not capacity.known(summary)
        and sum(1 + len(gain.conclusion_text + gain.reason) // LINE for gain in gains) <= MOST_LINES,
        cells=sections.cell_table(cells),
        limits=bottlenecks.table(cells, counted),
        latency=latency.table(cells, counted),
        validity=validity.table(counted, grid.evidence),
        checks=method.evidence(study, summary),
        article=beside,
        article_why=article.why(beside, grid.calibration),
        effects=sections.effect_table(summary.factor_effects),
        losses=failover.table(summary.failovers, grid.evidence),
        money=costs,
        trials=sections.trial_table(study, trials),
        facts=method.facts(study, summary, trials),
        thresholds=sections.threshold_table(
            study.written_grid.evidence, grid.is_open, (row for data in counted.values() for row in data.samples)
        ),
        grid=yaml.safe_dump(
            Hidden().grid(study.configuration.grid),
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
            width=100,
        ),
        nginx=study.where.nginx_configuration.strip(),
        charts={chart.name: chart for chart in drawn if chart},
        notes=method.notes(summary),
    )

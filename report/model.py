"""The view model: all contents of a report, as finished strings and chart data. Pure.

HTML, PDF, Markdown and JUnit are made of the same model; templates do no arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from harness.balancers import registry
from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from harness.secrecy import Hidden
from harness.summarise.summary import Summary
from report import estimates, phrases
from report.charts import overview
from report.elements import Chart, Table
from report.sentences import answer, environment, evidence, findings, method, progress
from report.sentences import cost as cost_sentences
from report.sentences.answer import CellResult
from report.tables import article, capacity, cells, gains, requests, rules, trials
from report.tables import cost as cost_table
from report.tables import failover as failover_table

QUESTION = "how much does each additional server add?"
MOST_LINES, LINE = 18, 34  # of the table of gains with the findings below it on page 1; letters of its last columns


@dataclass(frozen=True, kw_only=True)
class CostSection:
    """Throughput and cost of the topologies: the table, the sentence for the target, the sentences for any load.

    `answer` and `target` are empty without a target. `pieces` is the JSON of `report.sentences.cost.pieces`.
    """

    table: Table
    answer: str
    pieces: str
    target: str  # initial value of the field on the page
    priced: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report in reading order."""

    title: str
    question: str = QUESTION
    hash: str
    created: str
    state: str
    progress: list[str]
    answer: list[str]
    environment: str
    findings: list[str]
    capacity: Table | None
    gains: Table | None
    gains_first: bool  # before the findings: they leave room for those on page 1
    throughput: Table
    bottlenecks: Table
    latency: Table
    requests: Table | None
    rules: Table
    evidence: list[tuple[str, str]]
    article: Table | None
    effects: Table | None
    failover: Table | None
    cost: CostSection | None
    trials: Table
    facts: list[tuple[str, str]]
    thresholds: Table
    grid: str
    configurations: dict[str, str]  # name and command of each balancer → its whole configuration
    charts: dict[str, Chart]  # by name, those with data
    cells: list[CellResult]
    notes: list[str] = field(default_factory=list)


def build(study: StudyRecord, summary: Summary, recorded: dict[str, TrialData], folder: str) -> Report:
    """Make the view model of a study, complete or not.

    `study` is study.json, `recorded` maps "<cell>/r<k>" to each trial, `folder` is the name of the study's directory.
    """
    grid, in_order = summary.grid, answer.in_order(summary.gains)
    planned, done = len(study.plan), sum(1 for path in study.plan if path in recorded)
    # Probes of a search and control trials are in the table of all trials only.
    counted = {path: data for path, data in recorded.items() if data.record.repeat and not data.record.control}
    costs = _cost(study, summary)
    samples = (row for data in counted.values() for row in data.samples)
    return Report(
        title=study.name,
        hash=folder.rsplit("-", 1)[-1],
        created=phrases.moment(study.created_at),
        state="complete" if done >= planned else f"{done} of {planned} trials measured so far",
        progress=progress.sentences(study, recorded) if done < planned else [],
        answer=[*answer.answer(summary), *([costs.answer] if costs and costs.answer else [])],
        environment=environment.sentences(study, summary.noise.spread if summary.noise else None),
        findings=findings.sentences(summary, study),
        capacity=capacity.table(summary),
        gains=gains.gain_table(in_order, summary.cells),
        gains_first=not estimates.has_capacities(summary)
        and sum(1 + len(gain.conclusion_text + gain.reason) // LINE for gain in in_order) <= MOST_LINES,
        throughput=cells.throughput_table(summary.cells),
        bottlenecks=cells.bottleneck_table(summary.cells, counted),
        latency=cells.latency_table(summary.cells, counted),
        requests=requests.table(summary),
        rules=rules.rule_table(counted, grid.evidence),
        evidence=evidence.sentences(study, summary),
        article=article.table(study.name, in_order, summary.cells),
        effects=gains.effect_table(summary.factor_effects, summary.capacity_effects),
        failover=failover_table.table(summary.failovers, grid.evidence),
        cost=costs,
        trials=trials.trial_table(study, recorded),
        facts=method.facts(study, summary, recorded),
        thresholds=rules.threshold_table(study.nominal_grid.evidence, grid.is_open, samples),
        grid=_grid(study),
        configurations={
            f"{registry.BY_NAME[name].shown} configuration ({registry.BY_NAME[name].configuration_source})": text
            for name, each in study.where.of_balancers.items()
            if (text := each.configuration.strip())
        },
        charts=overview.charts(study, summary, in_order, counted, recorded),
        cells=answer.by_cell(summary),
        notes=method.notes(summary),
    )


def _grid(study: StudyRecord) -> str:
    written = Hidden().grid(study.configuration.grid)
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _cost(study: StudyRecord, summary: Summary) -> CostSection | None:
    """Throughput and cost of the topologies; None where the study has neither a price nor a target."""
    costs, target = summary.costs, summary.grid.target
    if costs is None:
        return None
    return CostSection(
        table=cost_table.table(costs, target, summary.grid.objectives, study.factor),
        answer="" if costs.target is None else cost_sentences.answer(costs.target),
        pieces=cost_sentences.pieces(costs),
        target="" if target is None else f"{target:.10g}",
        priced=costs.priced,
    )

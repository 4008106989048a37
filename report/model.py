"""The view model: all contents of a report, as finished strings and chart data. Pure.

HTML, PDF, Markdown and JUnit are made of the same model; templates do no arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import yaml

from harness.balancers import registry
from harness.language import ENGLISH, Language, current, tr
from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from harness.secrecy import Hidden
from harness.summarise.summary import Summary
from report import phrases
from report.charts import overview
from report.elements import Chart, Table
from report.sentences import answer, environment, evidence, findings, grade, headline, method, progress
from report.sentences import cost as cost_sentences
from report.sentences.answer import CellResult
from report.sentences.headline import Headline
from report.tables import article, capacity, cells, gains, requests, rules, trials
from report.tables import cost as cost_table
from report.tables import failover as failover_table

LARGE_LINE, SMALL_LINE = 56, 100  # letters of a line on page 1: of a sentence on a load, and of a finding
TEXT_HEIGHT = 470  # of page 1 for sentences, chart and findings, in points
LOWEST, HIGHEST = 150, 320  # height of the first chart, pixels


@dataclass(frozen=True, kw_only=True)
class CostSection:
    """Throughput and cost of the topologies: the table, and the sentence for the target.

    `answer` is empty without a target.
    """

    table: Table
    answer: str
    priced: bool


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """What the page's fields show: JSON of `report.sentences.cost` for each number of servers and for each rate.

    `servers` and `target` are the initial values of the fields.
    """

    topologies: str
    unmeasured: str
    pieces: str
    servers: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report in reading order."""

    title: str
    question: str
    hash: str
    created: str
    state: str
    progress: list[str]
    headlines: list[Headline]  # of page 1
    answer: list[str]  # the same with reasons and response times
    environment: str
    when: str
    grade: str  # of the evidence; empty without a valid trial
    findings: list[str]
    capacity: Table | None
    gains: Table | None
    throughput: Table
    bottlenecks: Table
    latency: Table
    requests: Table | None
    rules: Table
    evidence: list[tuple[str, str]]
    article: Table | None
    effects: Table | None
    failover: Table | None
    gate: Table | None  # both builds
    cost: CostSection | None
    lookup: Lookup | None  # None until a topology has a valid trial
    trials: Table
    facts: list[tuple[str, str]]
    thresholds: Table
    grid: str
    configurations: dict[str, str]  # name and command of each balancer → its whole configuration
    charts: dict[str, Chart]  # by name, those with data
    cells: list[CellResult]
    notes: list[str] = field(default_factory=list)
    language: Language = ENGLISH  # of all sentences


def build(study: StudyRecord, summary: Summary, recorded: dict[str, TrialData], folder: str) -> Report:
    """Make the view model of a study, complete or not, in the current language.

    `study` is study.json, `recorded` maps "<cell>/r<k>" to each trial, `folder` is the name of the study's directory.
    """
    grid, in_order = summary.grid, answer.in_order(summary.gains)
    planned, done = len(study.plan), sum(1 for path in study.plan if path in recorded)
    # Probes of a search and control trials are in the table of all trials only.
    counted = {path: data for path, data in recorded.items() if data.record.repeat and not data.record.control}
    costs = _cost(study, summary)
    head, found = headline.headlines(summary), findings.sentences(summary, study)
    graded = grade.sentence(summary.evidence_grade)
    samples = (row for data in counted.values() for row in data.samples)
    report = Report(
        title=study.name,
        question=answer.question(summary),
        hash=folder.rsplit("-", 1)[-1],
        created=phrases.moment(study.created_at),
        state=_state(done, planned),
        progress=progress.sentences(study, recorded) if done < planned else [],
        headlines=head,
        answer=[*answer.answer(summary), *([costs.answer] if costs and costs.answer else [])],
        environment=environment.sentences(study, summary.noise.spread if summary.noise else None),
        when=environment.when(study, recorded),
        grade=graded,
        findings=found,
        capacity=capacity.table(summary),
        gains=gains.gain_table(in_order, summary.cells),
        throughput=cells.throughput_table(summary.cells),
        bottlenecks=cells.bottleneck_table(summary.cells, counted),
        latency=cells.latency_table(summary.cells, counted),
        requests=requests.table(summary),
        rules=rules.rule_table(counted, grid.evidence),
        evidence=evidence.sentences(study, summary),
        article=article.table(study.name, in_order, summary.cells),
        effects=gains.effect_table(summary.factor_effects, summary.capacity_effects),
        gate=cells.build_table(summary.gate),
        failover=failover_table.table(summary.failovers, grid.evidence),
        cost=costs,
        lookup=_lookup(summary),
        trials=trials.trial_table(study, recorded),
        facts=method.facts(study, summary, recorded),
        thresholds=rules.threshold_table(study.nominal_grid.evidence, grid.is_open, samples),
        grid=_grid(study),
        configurations=_configurations(study),
        charts=overview.charts(
            study, summary, in_order, counted, recorded, _room(head, [*found, *filter(None, [graded])])
        ),
        cells=answer.by_cell(summary),
        notes=method.notes(summary),
        language=current(),
    )
    return _trimmed(report)


def _state(done: int, planned: int) -> str:
    if done >= planned:
        return tr("complete")
    return tr("{done} of {planned} trials measured so far", done=done, planned=planned)


def _configurations(study: StudyRecord) -> dict[str, str]:
    """Name and command of each balancer → its whole configuration."""
    return {
        tr(
            "{shown} configuration ({configuration_source})",
            shown=registry.BY_NAME[name].shown,
            configuration_source=registry.BY_NAME[name].configuration_source,
        ): text
        for name, each in study.where.of_balancers.items()
        if (text := each.configuration.strip())
    }


def _trimmed(report: Report) -> Report:
    """The report with tables that have no empty columns."""
    tables = {each.name: getattr(report, each.name) for each in fields(report)}
    kept: dict[str, Any] = {name: table.trimmed() for name, table in tables.items() if isinstance(table, Table)}
    cost = report.cost and replace(report.cost, table=report.cost.table.trimmed())
    return replace(report, cost=cost, **kept)


def _room(headlines: Sequence[Headline], found: Sequence[str]) -> int:
    """The height of the first chart, in pixels: the part of page 1 that its text leaves."""
    lines = sum(-(-len(each.text) // LARGE_LINE) for each in headlines)
    small = sum(-(-len(each) // SMALL_LINE) * 12 + 3 for each in found)
    return round(min(HIGHEST, max(LOWEST, (TEXT_HEIGHT - 24 * lines - small) / 0.75)))


def _grid(study: StudyRecord) -> str:
    written = Hidden().grid(study.configuration.grid)
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def _cost(study: StudyRecord, summary: Summary) -> CostSection | None:
    """Throughput and cost of the topologies; None where the study has neither a price nor a target."""
    costs, target = summary.costs, summary.grid.target_per_s
    if costs is None:
        return None
    return CostSection(
        table=cost_table.table(costs, target, summary.grid.objectives, study.factor),
        answer="" if costs.target is None else cost_sentences.answer(costs.target),
        priced=costs.priced,
    )


def _lookup(summary: Summary) -> Lookup | None:
    """The sentences for any number of servers and any rate; None where no topology has a rate."""
    found, target = summary.topologies, summary.grid.target_per_s
    measured = [option for option in found.topologies if option.rate] if found else []
    if found is None or not measured:
        return None
    return Lookup(
        topologies=cost_sentences.by_servers(found),
        unmeasured=cost_sentences.unmeasured(found),
        pieces=cost_sentences.pieces(found),
        servers=str(max(option.servers for option in measured)),
        target="" if target is None else f"{target:.10g}",
    )

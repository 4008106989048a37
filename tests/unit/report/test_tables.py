"""Tables of the report: bottlenecks, latencies, evidence rules, the article."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge.rules import RULES
from harness.records.directory import StudyDirectory
from harness.records.findings import Finding, Severity
from harness.records.reasons import ReasonKind
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary, summarise
from harness.summarise.summary import summarise_directory
from report.charts import latency_data
from report.tables import article, reason_phrases, rules
from report.tables import cells as tables
from tests.builders import changed, judged, measured_study, study

Measured = tuple[list[CellSummary], dict[str, TrialData]]
Rates = dict[tuple[int, int], list[float | None]]


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    directory = measured_study(StudyDirectory(tmp_path / "study"))
    return summarise_directory(directory).cells, {w: directory.trial(w) for w in directory.trials()}


def test_a_cells_bottleneck_has_its_figures(measured: Measured) -> None:
    table = tables.bottleneck_table(*measured)
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown["bottleneck"] == "server"
    assert shown["server CPU"] == "95 %"
    assert shown["throttled"] == "90 %"
    assert shown["generator CPU"] == "25 %"
    assert shown["reason"] == "server CPU"  # a phrase: the figure has its column


def test_columns_that_are_empty_in_every_row_are_left_out(measured: Measured) -> None:
    """Nothing is known of slots and balancer, and nothing was retransmitted. The other columns keep their alignment."""
    whole = tables.bottleneck_table(*measured)
    shown = whole.trimmed()
    assert set(whole.columns) - set(shown.columns) == {
        "balancer CPU",
        "slots",
        "retransmitted",
        "over allowance",
    }
    aligned = {whole.columns[at] for at in whole.right} & set(shown.columns)
    assert {shown.columns[at] for at in shown.right} == aligned
    assert all(len(row) == len(shown.columns) for row in shown.rows)
    assert replace(whole, rows=[]).trimmed().columns == whole.columns


@pytest.mark.parametrize("kind", [kind for kind in ReasonKind if kind in reason_phrases.OF_BOTTLENECKS])
def test_a_reason_is_a_phrase_without_figures(measured: Measured, kind: ReasonKind) -> None:
    phrase = reason_phrases.of_bottleneck(replace(measured[0][0], bottleneck_kind=kind))
    assert phrase == reason_phrases.OF_BOTTLENECKS[kind]
    assert len(phrase.split()) <= 6
    assert not re.search(r"\d", phrase)


def test_only_a_study_with_dependencies_has_columns_for_them(measured: Measured) -> None:
    cells, trials = measured
    assert "dependency CPU" not in tables.bottleneck_table(cells, trials).columns
    shared = {"db": {"name": "PostgreSQL"}}
    for where, data in trials.items():
        assert data.record.context
        assert data.record.bottleneck
        context = {**data.record.context.model_dump(mode="json"), "dependencies": shared}
        figures = {**data.record.bottleneck.figures, "dependency_cpu": 0.5, "dependency_connections": 0.25}
        bottleneck = {**data.record.bottleneck.model_dump(mode="json"), "figures": figures}
        trials[where] = replace(data, record=changed(data.record, context=context, bottleneck=bottleneck))
    table = tables.bottleneck_table(cells, trials)
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert (shown["dependency CPU"], shown["its connections"]) == ("50 %", "25 %")
    assert (shown["generator CPU"], table.right) == ("25 %", tuple(range(2, 13)))


def test_invalid_trials_have_a_bottleneck_too(tmp_path: Path) -> None:
    directory = measured_study(StudyDirectory(tmp_path / "study"))
    for where in [where for where in directory.trials() if where.startswith("servers-1")]:
        data = directory.trial(where)
        refusal = changed(data.record, outcome="invalid", cause="half of the requests failed")
        directory.write_trial(where, replace(data, record=judged(refusal, "balancer")))
    invalid = summarise_directory(directory).cells
    row = tables.bottleneck_table(invalid, {w: directory.trial(w) for w in directory.trials()}).rows[0]
    assert row[1:3] == ["balancer", "–"]
    assert row[-1] == "half of the requests failed"


def test_latencies_have_a_row_a_cell_and_a_curve(measured: Measured) -> None:
    table = tables.latency_table(*measured)
    assert [row[0] for row in table.rows] == ["1 server at 2,000 users", "2 servers at 2,000 users"]
    assert all(row[5] == "none" for row in table.rows)
    chart = latency_data.chart(*measured, 662)
    assert chart is not None
    assert {row["topology"] for row in chart.arguments["rows"]} == {"1 server", "2 servers"}
    assert 99 in {row["percentile"] for row in chart.arguments["rows"]}
    fewer = latency_data.chart(*measured, 10**9)
    assert fewer is not None
    assert {row["percentile"] for row in fewer.arguments["rows"]} <= set(range(96))
    assert latency_data.chart(measured[0], {}, 662) is None


def test_every_rule_has_a_row_with_its_findings(
    measured: Measured,
) -> None:
    _, trials = measured
    rows = {row[0]: row for row in rules.rule_table(trials, Thresholds()).rows}
    assert list(rows) == [rule.id for rule in RULES if rule.load != "rate"]
    assert rows["E5"][2:] == ["2 %, 5 %, 5 %", "6 of 6", "0.0 % h", "none", "–"]
    where, first = next(iter(trials.items()))
    lost = Finding(rule="E5", severity=Severity.INVALID, cause="users got lost", next_step="")
    trials = {**trials, where: replace(first, record=first.record.model_copy(update={"findings": (lost,)}))}
    rows = {row[0]: row for row in rules.rule_table(trials, Thresholds()).rows}
    assert rows["E5"][3:] == ["5 of 6", "0.0 % h", "invalid: 1 trial", "users got lost"]


def test_the_largest_drift_is_shown_as_a_share(measured: Measured) -> None:
    _, trials = measured
    where, first = next(iter(trials.items()))
    assert first.record.figures
    figures = first.record.figures.model_copy(update={"drift": math.log(0.1)})
    trials = {**trials, where: replace(first, record=first.record.model_copy(update={"figures": figures}))}
    rows = {row[0]: row for row in rules.rule_table(trials, Thresholds()).rows}
    assert rows["E10"][4] == "90.0 % drift"


def test_thresholds_of_e5_are_shown_as_they_are_applied(measured: Measured) -> None:
    """Twice as large where an engine does not count who thinks, as the rule has them."""
    _, trials = measured
    uncounted = {
        where: replace(data, samples=[replace(row, thinking=None) for row in data.samples])
        for where, data in trials.items()
    }
    rows = {row[0]: row for row in rules.rule_table(uncounted, Thresholds()).rows}
    assert rows["E5"][2] == "4 %, 10 %, 5 %"
    counted, not_counted = (
        {row[1]: row[2:] for row in rules.threshold_table(Thresholds(), False, samples).rows}
        for samples in ([], [row for data in uncounted.values() for row in data.samples])
    )
    assert counted["loop_invalid"] == ["the same share, for an invalid trial", "5 %"]
    assert not_counted["loop_invalid"] == [
        "the same share, for an invalid trial (10 % here: thinking users are not counted)",
        "5 %",
    ]
    assert not_counted["readings"] == counted["readings"]


def test_equal_shares_are_required_of_round_robin_alone(measured: Measured) -> None:
    _, trials = measured
    e12 = next(rule for rule in RULES if rule.id == "E12")
    assert ["E12", e12.requirement] in [row[:2] for row in rules.rule_table(trials, Thresholds()).rows]
    where, first = next(iter(trials.items()))
    assert first.record.context
    context = first.record.context.model_copy(update={"balancing": {"method": "least_conn"}})
    trials = {**trials, where: replace(first, record=first.record.model_copy(update={"context": context}))}
    assert ["E12", e12.where_free] in [row[:2] for row in rules.rule_table(trials, Thresholds()).rows]


def test_a_cell_whose_server_died_has_the_reaction_of_the_balancer_as_its_reason(measured: Measured) -> None:
    """In the table of bottlenecks, although none of its trials is valid."""
    summary, trials = measured
    reason = "server-1 died with exit code 137; nginx_lb_max_fails is 0: the balancer keeps sending requests to it"
    cell = summary[0]
    cause = "server-1 died with exit code 137 during the trial"
    died = {"component": "server", "basis": {"kind": "server died", "detail": reason}, "reason": reason}
    records = [
        changed(data.record, outcome="server_down", cause=cause, bottleneck=died)
        for data in trials.values()
        if data.record.cell == cell.cell
    ]
    down = summarise(cell.cell, records, [], Thresholds())
    row = tables.bottleneck_table([down], trials).rows[0]
    assert (row[1], row[-1]) == ("server", reason)


def test_the_article_is_compared_by_the_grid_that_reproduces_it_alone(tmp_path: Path) -> None:
    rates: Rates = {
        (1, 1000): [280, 284, 277],
        (2, 1000): [490, 492, 489],
        (3, 1000): [491, 493, 490],
        (1, 2000): [281, 283, 278],
        (2, 2000): [550, 555, 548],
        (3, 2000): [810, 820, 805],
    }
    whole = summarise_directory(study(StudyDirectory(tmp_path / "s-1"), rates, limits={(2, 1000): "load"}))
    table = article.table("article", whole.gains, whole.cells)
    assert article.table("another", whole.gains, whole.cells) is None
    assert table is not None
    assert [row[1] for row in table.rows] == ["about 1.8×", "about 1.46×", "no gain", "server failed"]
    assert table.rows[2][3] == "not measurable at this load"
    assert "a manual AWS measurement with FastAPI, nginx and nGrinder" in table.note
    half = summarise_directory(study(StudyDirectory(tmp_path / "s-3"), {(1, 2000): [281.0], (2, 2000): [550.0]}))
    table = article.table("article", half.gains, half.cells)
    assert table is not None
    assert [row[3] for row in table.rows] == ["too few repeats", *[article.MISSING] * 2, "ok"]

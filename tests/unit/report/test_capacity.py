"""Capacities on the page: the first sentence, the table and the chart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from altair.vegalite.v6.schema.core import load_schema

from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.summarise.capacity.capacity import whole_ranges, with_n_minus_1
from harness.summarise.gains.server_spread import ServerSpread
from harness.summarise.summary import Summary, summarise_records
from report import build
from report.charts import capacity_data, drawing
from report.elements import Chart
from report.output import ci_summary, html
from report.sentences import answer, capacity
from report.tables import capacity as capacity_table
from tests.builders import changed, grid, judged, record, study, study_record, trial_data
from tests.unit.summarise.test_capacities import studied
from tests.unit.summarise.test_capacity import counts

LEVELS = (93, 100, 107, 195, 210, 225, 290, 310, 330)
AT = {1: 100.0, 2: 210.0, 3: 320.0}
WITH = "With p95 below 450 ms "


def at_rates(
    levels: tuple[int, ...] = LEVELS, servers: tuple[int, ...] = (1, 2, 3), repeats: int = 5, at: dict[int, float] = AT
) -> Summary:
    """A study at these rates, of servers that answer 110 requests per second and miss 450 ms from `at` on."""
    records: dict[str, TrialRecord] = {}
    for number in servers:
        for count in counts(tuple(map(float, levels)), at=at[number]):
            if count.block > repeats:
                continue
            tps = min(count.load, 110 * number * (1 + 0.002 * count.block))
            recorded = changed(
                record(number, 1, count.block, tps),
                cell={"servers": number, "rate": count.load},
                objective_counts={"requests": count.requests, "late": count.late, "failed": 0},
            )
            limit = "load" if tps == count.load else "server"
            where = f"servers-{number}_rate-{count.load:g}/r{count.block}"
            records[where] = judged(recorded, limit, of_offered=tps / count.load)
    written = grid(
        factors={"servers": list(servers), "rate": [f"{level}/s" for level in levels]},
        load={"ramp_up": "3s", "duration": "60s", "timeout": "20s"},
        objectives={"p95": "450ms"},
        repeats=repeats,
    )
    return summarise_records(written, records)


PATTERNS: dict[str, tuple[Summary, list[str]]] = {
    "rates": (
        at_rates(),
        [
            WITH + "the capacity of one server is 100/s [96, 104], two 210/s [199, 219]: 2.10× [2.08, 2.12], "
            "efficiency 105 % (super-linear); three 320/s [301, 335]: 1.52× [1.51, 1.54], efficiency 102 % "
            "(super-linear)."
        ],
    ),
    "a bound": (
        at_rates(LEVELS[:6]),
        [
            WITH + "the capacity of one server is 100/s [96, 104], two 210/s [201, 218]: 2.10× [2.08, 2.12], "
            "efficiency 105 % (super-linear); three at least 225/s (met at all "
            "loads measured): at least 1.03×."
        ],
    ),
    "a bound below": (
        at_rates((195, 210, 225), (1, 2)),
        [
            WITH + "the capacity of one server is less than 195/s (missed at all loads measured), two 210/s [201, "
            "218]: at least 1.03×."
        ],
    ),
    "few blocks": (
        at_rates(LEVELS[:6], (1, 2), repeats=2),
        [WITH + "the capacity of one server is 101/s, two 213/s: 2.10×, efficiency 105 % (indicative: 2 blocks only)."],
    ),
    "less": (
        at_rates((93, 100, 107), (1, 2), at={1: 103.0, 2: 96.0}),
        [WITH + "the capacity of one server is 103/s [98, 107], two 96/s [92, 100]: less, 0.93× [0.92, 0.94]."],
    ),
    "users": (
        summarise_records(*studied()),
        [
            WITH + "the capacity of one server is 100 users [89, 112], two 210 users [186, 236]: 2.10× [2.08, 2.12], "
            "efficiency 105 % (super-linear).",
            "A window of 9 s is short for p95 below 450 ms: capacities are overestimated by up to 5 %; with 100 "
            "times p95, 45 s, by 1 %.",
        ],
    ),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_first_sentence_of_page_one_has_the_capacities(name: str) -> None:
    summary, sentences = PATTERNS[name]
    assert capacity.sentences(summary) == sentences
    assert answer.answer(summary)[0] == sentences[0]


def test_with_capacities_rates_without_a_gain_are_left_out() -> None:
    page = answer.answer(at_rates())
    assert len(page) == 2
    assert page[1].startswith("At 330/s offered the second server gave 2.000×")
    assert len(answer.answer(replace(at_rates(), capacities=[]))) == 3
    assert len(answer.answer(at_rates((93, 100, 107), (2, 3)))) == 1


def test_of_many_topologies_the_smallest_and_the_largest_have_a_clause() -> None:
    summary = at_rates()
    more = [replace(summary.capacities[-1], servers=number) for number in (4, 5)]
    whole = whole_ranges([*summary.capacities, *more], summary.grid.evidence)
    summary = replace(summary, capacities=[*summary.capacities, *more], whole_range_capacity_gains=whole)
    (sentence,) = capacity.sentences(summary)
    assert sentence.startswith(WITH + "the capacity of one server is 100/s [96, 104], five 320/s [301, 335]: 3.20×")
    assert sentence.endswith("efficiency 64 %; the table of capacities has the sizes in between.")


def test_an_unknown_capacity_has_its_reason() -> None:
    (sentence,) = capacity.sentences(at_rates((100,), (1,), repeats=5))
    assert sentence == WITH + "the capacity of one server is unknown (measured at one load)."


def test_without_counts_there_are_no_capacities(tmp_path: Path) -> None:
    old = study(StudyDirectory(tmp_path / "study-1"), {(1, 100): [50.0] * 5}, objectives={"p95": "450ms"})
    report, summary = build.model_of(old)
    assert capacity.sentences(summary) == []
    assert report.capacity is None
    assert "capacity_by_servers" not in report.charts


def test_the_table_has_the_gain_the_formula_and_the_conclusion() -> None:
    table = capacity_table.table(with_references(at_rates(LEVELS[:6]), 94.2, None, 330.4))
    assert table is not None
    one, two, three = table.rows
    assert one == ["1\u00a0server", "100/s", "[96, 104]", "p95", *["–"] * 3, "5", "150,000,000", "94/s", "none", "–"]
    assert two[:8] == ["2\u00a0servers", "210/s", "[201, 218]", "p95", "2.10×", "[2.08, 2.12]", "105 %", "5"]
    assert two[9:] == ["–", "100/s [96, 104]", "super-linear"]
    assert three[1:7] == ["at least 225/s", "–", "–", "≥ 1.03×", "–", "≥ 69 %"]
    assert three[10] == "210/s [201, 218]"
    assert three[-1] == "at least: 3 servers: met at all loads measured"
    assert "By formula (M/D/c), for paced servers: 1 server 94/s, 3 servers 330/s." in table.note


def with_references(summary: Summary, *references: float | None) -> Summary:
    known = zip(summary.capacities, references, strict=True)
    return replace(summary, capacities=[replace(one, reference=reference) for one, reference in known])


def drawn(summary: Summary) -> Chart:
    found = capacity_data.chart(summary)
    assert found is not None
    return found


def test_the_chart_has_intervals_the_ideal_and_what_is_known_by_formula() -> None:
    summary = with_references(at_rates(), 101.0, 208.0, None)
    found = drawn(summary)
    assert [round(row["load"]) for row in found.arguments["rows"]] == [100, 210, 320]
    assert [round(row["load"]) for row in found.arguments["ideals"]] == [100, 300]
    assert [row["load"] for row in found.arguments["known"]] == [101.0, 208.0]
    assert "2 servers 210/s [199, 219], by formula 208/s" in found.alternative
    assert "Hollow" in found.caption
    spec = drawing.specification(found)
    jsonschema.validate(spec, load_schema())
    svg = drawing.svg(spec)
    assert "requests per second offered" in svg
    assert ">linear<" in svg
    assert not drawn(at_rates()).arguments["known"]
    assert capacity_data.chart(at_rates((93, 100, 107), (1,))) is None


def test_page_and_markdown_hold_the_table(tmp_path: Path) -> None:
    written, records = studied()
    directory = StudyDirectory(tmp_path / "study-1")
    for where, found in records.items():
        data = trial_data(int(found.cell["servers"]), int(found.cell["vusers"]), found.repeat, 200, 1)
        kept: Any = data.record.model_copy(update={"cell": found.cell, "objective_counts": found.objective_counts})
        directory.write_trial(where, replace(data, record=kept))
    directory.write_study(study_record(configuration={"grid": written.model_dump(mode="json", by_alias=True)}))
    report, summary = build.model_of(directory)
    page, short = html.html(report), ci_summary.markdown(report, summary)
    assert '<section id="capacity">' in page
    places = ["chart-capacity_by_servers", 'id="findings"', 'id="capacity"', "chart-series", "chart-latency_by_load"]
    at = [page.index(place) for place in places]
    assert at == sorted(at)  # page 1 has the chart and the findings
    # Each topology has loads of its own: there is no gain at one of them, and nothing to see side by side.
    assert not [name for name in ('id="gains"', "chart-headline", "chart-latency-") if name in page]
    assert not {"headline", "latency"} & report.charts.keys()
    assert "| 2\u00a0servers | 210 users | [186, 236] |" in short
    assert report.answer[0].startswith(WITH + "the capacity of one server is 100 users")


def deployed(summary: Summary, **more: Any) -> str:
    """The note below the table of capacities, for capacities with other facts."""
    left, *rest = (replace(one, hosts=("server-1", "server-2"), **more) for one in summary.capacities)
    table = capacity_table.table(replace(summary, capacities=with_n_minus_1([left, *rest])))
    assert table
    return table.note


def test_an_n_minus_1_capacity_states_that_the_balancer_keeps_a_failed_server() -> None:
    sentence = "With nginx_lb_max_fails: 0, nginx does not remove a failed server; set nginx_lb_max_fails to 1 or more."
    summary = at_rates()
    assert sentence in deployed(summary, removes_failed=False)
    assert sentence not in deployed(summary, removes_failed=True)
    assert sentence not in deployed(summary, removes_failed=None)


def test_an_n_minus_1_capacity_names_its_servers_where_they_differ() -> None:
    summary = at_rates(servers=(1, 2), levels=LEVELS[:6])
    spread = ServerSpread(speeds={"server-1": 0.9, "server-2": 1.1}, spread=0.1, p=0.001)
    named = "The servers differ: N−1 of 2 servers was measured with server-1 and server-2 in turn."
    assert named in deployed(replace(summary, server_spread=spread))
    assert named not in deployed(replace(summary, server_spread=replace(spread, p=0.4)))


@pytest.mark.parametrize(("fails", "removes"), [(0, False), (1, True), (None, None)])
def test_the_settings_in_force_decide_whether_a_failed_server_is_removed(
    fails: int | None, removes: bool | None
) -> None:
    study_, records = studied()
    balancing = {} if fails is None else {"max_fails": fails}
    context: dict[str, Any] = {
        "users": 1,
        "generators": [],
        "balancer": "b",
        "expected_servers": {"server-1": "a"},
        "kind": "lab",
    }
    context["machine_of"] = {}
    records = {where: changed(one, context={**context, "balancing": balancing}) for where, one in records.items()}
    (one, _) = summarise_records(study_, records).capacities
    assert (one.removes_failed, one.hosts) == (removes, ("server-1",))

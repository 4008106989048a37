"""Response times by load: every load that is known, the objective, and where servers become the limit."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jsonschema
import pytest
from altair.vegalite.v6.schema.core import load_schema

from harness.judge import latency_stats
from harness.plan import stopping
from harness.records.trial import TrialData, TrialRecord
from harness.summarise import summary as cells
from harness.summarise.capacity import capacity
from harness.summarise.summary import Summary
from report.charts import drawing, load_data
from report.elements import Chart
from tests.builders import changed, grid, judged, record
from tests.unit.summarise.test_capacity import counts

Trials = dict[str, TrialData]
SEARCH = {"from": 100, "to": 3000, "until": "10%"}


def measured(records: dict[str, TrialRecord], **more: Any) -> tuple[Summary, Trials]:
    """A study of closed loops: a server answers 280 requests per second, users think for 2 s."""

    def histogram(where: str) -> str:
        waits = records[where].latency_with_failures_ms
        return latency_stats.histogram_of_ms([(int(waits["p50"] or 0), 900), (int(waits["p95"] or 0), 100)])

    return cells.summarise_records(grid(repeats=3, **more), records, histogram), {
        where: TrialData(record=recorded, samples=[], hosts=[], balancer=[]) for where, recorded in records.items()
    }


def loop(servers: int, users: int, repeat: int) -> TrialRecord:
    rate = min(users / 2.03, 280 * servers)
    median = max(30.0, (users / rate - 2) * 1000) + repeat
    waits = {"p50": median, "p95": 2 * median, "p99": 3 * median}
    recorded = judged(record(servers, users, repeat, rate), "server" if rate == 280 * servers else "load")
    return changed(recorded, latency_ms={"p50": 1.0}, latency_with_failures_ms=waits)


def lists(servers: tuple[int, ...], loads: tuple[int, ...], **more: Any) -> tuple[Summary, Trials]:
    records = {
        f"servers-{s}_vusers-{u}/r{k}": loop(s, u, k) for s in servers for u in loads for k in (1, 2, 3)
    }  # fmt: skip
    return measured(records, factors={"servers": list(servers), "vusers": list(loads)}, **more)


def searched() -> tuple[Summary, Trials]:
    factors = {"servers": [1, 2], "vusers": SEARCH}
    records: dict[str, TrialRecord] = {}
    for _ in range(100):
        left = [
            t for t in stopping.trials(grid(repeats=3, factors=factors), "lab", records)[0] if t.path not in records
        ]
        if not left:
            break
        records |= {t.path: changed(loop(t.cell.servers, t.cell.vusers, t.repeat), probe=t.probe) for t in left}
    return measured(records, factors=factors)


def made(studied: tuple[Summary, Trials]) -> Chart:
    chart = load_data.chart(*studied)
    assert chart is not None
    return chart


def test_a_panel_for_each_topology_with_every_load_and_trial() -> None:
    chart = made(lists((1, 2), (100, 400, 800)))
    rows = chart.arguments["rows"]
    lines = [(r["topology"], r["load"]) for r in rows if r["kind"] == "cell" and r["percentile"] == "p95"]
    assert lines == [(f"{n} server{'s' * (n > 1)}", load) for n in (1, 2) for load in (100, 400, 800)]
    assert sum(r["kind"] == "trial" and r["percentile"] == "p50" for r in rows) == 18
    dots = [r["ms"] for r in rows if r["kind"] == "trial" and r["trial"] == "servers-1_vusers-100/r2"]
    assert dots == [32, 64, 96]  # with failures among them: waits, not the times of what succeeded
    assert chart.arguments["title"] == "users"
    assert chart.alternative.startswith("Response times by load on a logarithmic axis; p95: 1 server 100: 6")
    assert "saturation at 800; 2 servers 100: 6" in chart.alternative
    assert chart.arguments["knees"] == [
        {"topology": "1 server", "load": 800, "what": "saturation", "align": "right"}
    ]  # two servers never were


def test_one_load_makes_no_chart_and_two_a_small_one() -> None:
    assert load_data.chart(*lists((1, 2), (100,))) is None
    assert load_data.chart(*measured({}, factors={"servers": [1], "vusers": [100, 200]})) is None
    small, large = (drawing.specification(made(lists((1, 2), loads))) for loads in ((100, 800), (100, 400, 800)))
    assert small["spec"]["height"] < large["spec"]["height"]
    assert small["spec"]["width"] < large["spec"]["width"]


def test_the_objective_is_a_line_in_every_panel() -> None:
    chart = made(lists((1, 2), (100, 800), objectives={"p95": "20s"}))
    assert chart.arguments["objective"] == 20_000
    assert chart.arguments["span"][1] > 20_000
    assert drawing.svg(drawing.specification(chart)).count("p95 objective") >= 2
    assert chart.alternative.endswith("; the objective is 20,000 ms")
    assert "objective" not in drawing.svg(drawing.specification(made(lists((1, 2), (100, 800)))))


def test_probes_of_a_search_are_hollow_and_its_knee_is_drawn() -> None:
    chart = made(searched())
    rows = chart.arguments["rows"]
    probes = {r["load"] for r in rows if r["kind"] == "probe" and r["topology"] == "1 server"}
    assert {100, 200, 400, 800} < probes
    assert not any(r["kind"] == "trial" and r["trial"].endswith("/r0") for r in rows)
    knees = {mark["topology"]: mark for mark in chart.arguments["knees"]}
    assert knees["1 server"]["load"] == pytest.approx(2.03 * 280, rel=0.03)
    assert {mark["what"] for mark in knees.values()} == {"knee"}
    assert "hollow dots are probes of the search. Dashed: the knee" in chart.caption


def test_panels_of_topologies_with_different_loads_have_their_own_axes() -> None:
    summary, trials = searched()
    assert not made((summary, trials)).arguments["own"]
    ends = [capacity.of_topology({}, n, "vusers", counts((93.0, 100.0, 107.0)), {"p95": 0.05}) for n in (1, 2)]
    chart = made((replace(summary, capacities=ends), trials))
    spec = drawing.specification(chart)
    jsonschema.validate(spec, load_schema())
    assert spec["resolve"] == {"scale": {"x": "independent"}}
    assert {mark["align"] for mark in chart.arguments["knees"] if mark["what"] == "capacity"} == {"left"}
    assert ">capacity<" in drawing.svg(spec)


def at_rates() -> tuple[Summary, Trials]:
    """One and two servers, whose largest rates with p95 below 500 ms are 100 and 210 requests per second."""
    levels, records = (93, 100, 107, 195, 210, 225), {}
    for servers in (1, 2):
        for count in counts(tuple(map(float, levels)), at={1: 100.0, 2: 210.0}[servers]):
            ms = 100.0 + count.load
            against = {"requests": count.requests, "late": count.late, "failed": 0}
            cell, waits = {"servers": servers, "rate": count.load}, {"p50": ms, "p95": 2 * ms, "p99": 3 * ms}
            recorded = judged(record(servers, 1, count.block, count.load), "load")
            recorded = changed(
                recorded, cell=cell, objective_counts=against, latency_with_failures_ms=waits, latency_ms=waits
            )
            records[f"servers-{servers}_rate-{count.load:g}/r{count.block}"] = recorded
    load = {"ramp_up": "3s", "duration": "15s", "timeout": "20s"}
    factors = {"servers": [1, 2], "rate": [f"{level}/s" for level in levels]}
    return measured(records, factors=factors, load=load, objectives={"p95": "500ms"})


def test_at_rates_the_capacity_is_the_mark() -> None:
    chart = made(at_rates())
    assert chart.arguments["title"] == "requests per second offered"
    marks = {mark["topology"]: (round(mark["load"]), mark["what"]) for mark in chart.arguments["knees"]}
    assert marks == {"1 server": (100, "capacity"), "2 servers": (210, "capacity")}
    assert "Dashed: the capacity, the largest load that meets the objectives." in chart.caption
    assert "capacity at 210" in chart.alternative
    spec = drawing.specification(chart)
    jsonschema.validate(spec, load_schema())
    assert drawing.svg(spec).count(">capacity<") == 2


def test_the_chart_is_valid_and_labels_do_not_overlap() -> None:
    schema = load_schema()
    for studied in (lists((1, 2, 3), (1000, 2000)), lists((1, 2, 3, 4), (100, 400, 3200)), searched()):
        chart = made(studied)
        jsonschema.validate(drawing.specification(chart), schema)
        for name in {label["topology"] for label in chart.arguments["labels"]}:
            heights = [label["ms"] for label in chart.arguments["labels"] if label["topology"] == name]
            assert len(heights) == 3
            assert all(b > 1.3 * a for a, b in pairwise(heights))
            assert heights[-1] < chart.arguments["span"][1]


def test_of_very_many_loads_and_trials_some_are_drawn() -> None:
    rows = made(lists((1, 2), tuple(range(100, 8100, 50)))).arguments["rows"]
    assert len({r["load"] for r in rows if r["kind"] == "cell"}) == load_data.MOST_LOADS
    assert sum(r["kind"] == "trial" for r in rows) <= load_data.MOST_DOTS
    assert {100, 8050} <= {r["load"] for r in rows}

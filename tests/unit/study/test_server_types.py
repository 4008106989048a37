"""Studies of servers of several types on in-memory hosts: the plan, the servers of each trial, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from altair.vegalite.v6.schema.core import load_schema

from harness.records.directory import StudyDirectory
from harness.study import check
from harness.summarise.cost import Prices
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary, summarise_directory, summarise_records
from report import build
from report.charts import drawing
from report.sentences.answer import answer
from tests.study_stubs import FakeSite

TYPES = {"small": ["server-1", "server-2"], "large": ["server-3"]}
LEVELS: list[dict[str, int]] = [{"small": 1}, {"small": 2}, {"large": 1}, {"small": 2, "large": 1}]
SPEEDS = (0.25, 0.25, 0.5)  # 70, 70 and 140 requests per second
KEYS: dict[str, Any] = {
    "server_types": TYPES,
    "factors": {"servers": LEVELS, "vusers": [600]},
    "vars": {"nginx_lb_method": "least_conn"},
    "repeats": 5,
}
ROUND_ROBIN: dict[str, Any] = {**KEYS, "vars": {}}


def measured(site: FakeSite, results: Path, **keys: Any) -> StudyDirectory:
    wobble = (1.0, 1.004, 0.997, 1.002, 0.998)
    site.noise = lambda servers, repeat: wobble[(repeat + servers) % 5]
    study = site.study(results, **keys)
    study.run()
    return study._directory


def by_step(summary: Summary) -> dict[str, Gain]:
    return {gain.step: gain for gain in summary.gains}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    return measured(FakeSite(3, SPEEDS, by_load=True), tmp_path_factory.mktemp("results"), **KEYS)


@pytest.fixture(scope="module")
def summary(directory: StudyDirectory) -> Summary:
    return summarise_directory(directory)


def test_servers_rotate_within_their_type(directory: StudyDirectory) -> None:
    took_part: dict[str, set[frozenset[str]]] = {}
    for record in directory.trials().values():
        assert record.context
        took_part.setdefault(str(record.cell["servers"]), set()).add(frozenset(record.context.expected_servers))
    assert took_part == {
        "1 small": {frozenset({"server-1"}), frozenset({"server-2"})},
        "2 small": {frozenset({"server-1", "server-2"})},
        "1 large": {frozenset({"server-3"})},
        "2 small + 1 large": {frozenset({"server-1", "server-2", "server-3"})},
    }


def test_the_linear_speedup_is_the_sum_of_the_single_servers(summary: Summary) -> None:
    gains = by_step(summary)
    assert set(gains) == {"1 small → 2 small", "2 small → 2 small + 1 large", "1 large → 2 small + 1 large"}
    for step, ideal in zip(gains, (2.0, 2.0, 2.0), strict=True):
        gain = gains[step]
        assert gain.step_ideal == pytest.approx(ideal, rel=0.02)
        assert gain.kind is GainKind.GAIN
        assert gain.efficiency == pytest.approx(1.0, abs=0.02)
        assert gain.conclusion is Conclusion.LINEAR, gain
    assert summary.findings == [] or all(finding.rule != "E12" for finding in summary.findings)


def test_scale_up_is_compared_with_scale_out(summary: Summary) -> None:
    (found,) = summary.scale_ups
    assert found.base == "1 small"
    ratios = {step.to_servers: step.ratio.value for step in found.options if step.ratio}
    assert ratios == {"1 large": pytest.approx(2.0, rel=0.02), "2 small": pytest.approx(2.0, rel=0.02)}
    first, second, *_ = answer(summary)
    assert first.startswith("At 600 users one large server delivers 2.0")
    assert " one small server; two small servers deliver " in first
    assert second.startswith("Two small servers deliver 1.00")
    assert "one large server, which is no measurable difference" in second


def test_prices_are_next_to_each_alternative(directory: StudyDirectory) -> None:
    """The servers of a type cost their mean price, as they take turns; the balancer costs 0.1 USD per hour."""
    groups = {"balancer": "load_balancers", **{f"server-{n}": "ml_servers" for n in (1, 2, 3)}}
    prices = Prices({"balancer": 0.1, "server-1": 0.2, "server-2": 0.3, "server-3": 0.6}, groups)
    grid = directory.need_study().scaled_grid
    found = summarise_records(grid, directory.trials(), prices=prices)
    assert found.topologies
    usd = {one.topology["servers"]: one.usd_per_hour for one in found.topologies.topologies}
    assert usd == pytest.approx({"1 small": 0.35, "2 small": 0.6, "1 large": 0.7, "2 small + 1 large": 1.2})
    first = answer(found)[0]
    assert first.startswith(
        "At 600 users, relative to one small server (0.35 USD per hour with the balancer): one large"
    )
    assert "(0.70 USD per hour); two small servers deliver 2.0" in first
    assert first.count("one small server") == 1


def test_the_report_names_topologies_and_check_passes(directory: StudyDirectory) -> None:
    build.write(directory, kinds=("html",))
    report, _ = build.model_of(directory)
    assert report.gains is not None
    assert [row[1] for row in report.gains.rows] == [
        "1 small → 2 small", "2 small → 2 small + 1 large", "1 large → 2 small + 1 large",
    ]  # fmt: skip
    assert "2 small + 1 large servers at 600 users" in {row[0] for row in report.throughput.rows}
    assert "one large server delivers" in report.headlines[0].text
    assert [result for result in check.check(directory) if not result.ok] == []


def test_the_chart_has_a_place_for_each_topology_and_follows_its_schema(directory: StudyDirectory) -> None:
    chart = build.model_of(directory)[0].charts["headline"]
    names = ["1 small", "1 large", "2 small", "2 small + 1 large"]
    assert sorted(row["servers"] for row in chart.arguments["cells"]) == sorted(names)
    ideals = {row["servers"]: row["tps"] for row in chart.arguments["ideals"]}
    assert ideals == pytest.approx({"1 small": 70, "1 large": 140, "2 small": 140, "2 small + 1 large": 280}, rel=0.01)
    specification = drawing.specification(chart)
    validator = jsonschema.validators.validator_for(schema := load_schema())
    assert list(validator(schema).iter_errors(specification)) == []
    svg = drawing.svg(specification)
    assert all(name in svg for name in names)


def test_equal_shares_limit_unequal_servers_and_the_report_has_the_fix(tmp_path: Path) -> None:
    found = summarise_directory(measured(FakeSite(3, SPEEDS), tmp_path, **ROUND_ROBIN))
    gain = by_step(found)["2 small → 2 small + 1 large"]
    assert gain.ratio
    assert gain.ratio.value == pytest.approx(1.5, rel=0.02)  # 3 × 70 instead of 280 requests per second
    assert gain.efficiency == pytest.approx(0.75, rel=0.02)
    assert gain.conclusion is Conclusion.SUB_LINEAR
    assert "the slowest type limits the others" in gain.remark
    assert "least_conn" in gain.remark


def test_without_a_single_server_the_gain_has_no_efficiency_and_says_why(tmp_path: Path) -> None:
    levels = [{"small": 1}, {"small": 2}, {"small": 2, "large": 1}]
    keys = {**KEYS, "factors": {"servers": levels, "vusers": [600]}}
    gain = by_step(summarise_directory(measured(FakeSite(3, SPEEDS, by_load=True), tmp_path, **keys)))[
        "2 small → 2 small + 1 large"
    ]
    assert (gain.step_ideal, gain.efficiency, gain.efficiency_interval) == (None, None, None)
    assert gain.conclusion is Conclusion.HIGHER
    assert "no valid trial of 1 large server" in gain.remark


def test_a_slow_server_within_a_type_is_found(tmp_path: Path) -> None:
    site = FakeSite(3, SPEEDS, by_load=True)
    site.speeds["server-2"] = 0.2
    found = summarise_directory(measured(site, tmp_path, **{**KEYS, "repeats": 8}))
    assert found.server_spread
    assert found.server_spread.differs
    assert found.server_spread.slowest == "server-2"
    assert set(found.server_spread.speeds) == {"server-1", "server-2"}


def test_a_search_compares_each_topology_at_its_saturation(tmp_path: Path) -> None:
    """The knee of each topology is the product of its known rate and a user's cycle (N = X·(R0 + Z))."""
    search = {"from": 20, "to": 2000, "until": "20%"}
    keys = {**KEYS, "factors": {"servers": LEVELS, "vusers": search}, "repeats": 3}
    directory = measured(FakeSite(3, SPEEDS, by_load=True), tmp_path, **keys)
    found = summarise_directory(directory)
    gains = {gain.step: gain for gain in found.gains if gain.others == {"load": "saturation"}}
    assert set(gains) == {"1 small → 2 small", "2 small → 2 small + 1 large", "1 large → 2 small + 1 large"}
    for gain in gains.values():
        assert gain.efficiency == pytest.approx(1.0, abs=0.03)
    (compared,) = found.scale_ups
    assert compared.others == {"load": "saturation"}
    think_s = directory.need_study().nominal_grid.load.think_time
    rates = {"1 small": 70, "2 small": 140, "1 large": 140, "2 small + 1 large": 280}
    knees = {str(limit.others["servers"]): limit.knee.users for limit in found.searches if limit.knee}
    assert knees == {level: pytest.approx(rate * think_s, rel=0.15) for level, rate in rates.items()}
    build.write(directory, kinds=("html",))
    assert [result for result in check.check(directory) if not result.ok] == []

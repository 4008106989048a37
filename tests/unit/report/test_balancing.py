"""Effects of a balancing method on throughput and response times."""

import math

import pytest

from harness.grid.types import Level
from harness.records.trial import TrialRecord
from harness.summarise import summary as cells
from harness.summarise.statistics.intervals import paired_ratio
from harness.summarise.summary import Summary
from report.sentences import answer
from report.tables import gains
from tests.builders import changed, grid, judged, record

NAME = "nginx_lb_method"
NOISE = (1.0, 0.996, 1.004, 1.002, 0.998)
WIGGLE = (1.0, 1.003, 0.995, 1.001, 0.999)  # of the other side, so that ratios have a spread


def studied(
    rate: float = 1.0,
    p50: float = 1.0,
    p95: float = 1.0,
    limits: tuple[str, str] = ("server", "server"),
    repeats: int = 5,
    wild: float = 1.0,
    unloaded: float = 1.0,
    name: str = NAME,
    levels: tuple[Level, Level] = ("round_robin", "least_conn"),
) -> Summary:
    """Three servers under round_robin and least_conn; figures are the second's over the first's."""
    records: dict[str, TrialRecord] = {}
    for method, limit in zip(levels, limits, strict=True):
        other = method == levels[1]
        for repeat in range(1, repeats + 1):
            noise = (WIGGLE if other else NOISE)[repeat - 1] ** (wild if other else 1.0)
            waits = {"p50": 800 * (p50 if other else 1) * noise, "p95": 2000 * (p95 if other else 1) * noise}
            recorded = record(
                3,
                2000,
                repeat,
                700 * (rate if other else 1) * noise,
                cell={"servers": 3, "vusers": 2000, name: method},
                latency_ms=waits,
                unloaded_ms=50 * (unloaded if other else 1) * noise,
                latency_with_failures_ms={name: value * 2 for name, value in waits.items()},
            )
            records[f"servers-3_vusers-2000_{name}-{method}/r{repeat}"] = judged(recorded, limit)
    factors = {"servers": [3], "vusers": [2000], name: list(levels)}
    return cells.summarise_records(grid(factors=factors, repeats=repeats), records)


@pytest.mark.parametrize(
    ("summary", "sentence"),
    [
        (
            studied(p50=0.97, p95=0.82),
            "With 3 servers at 2,000 users least_conn delivered the same throughput as round_robin (1.000× [0.993, "
            "1.007]); its median response time was 0.970× [0.963, 0.977] and its p95 was 0.820× [0.814, 0.826].",
        ),
        (
            studied(rate=1.1, limits=("server", "load")),
            "With 3 servers at 2,000 users least_conn delivered at least 1.10× [1.09, 1.11] the throughput of "
            "round_robin; median response time (1.000× [0.993, 1.007]) and p95 (1.000× [0.993, 1.007]) did not change "
            "measurably.",
        ),
        (
            studied(p95=0.5, limits=("load", "load"), repeats=3),
            "With 3 servers at 2,000 users least_conn served the whole load, as did round_robin "
            "(1.00× [0.98, 1.02]); its median response time was 1.00× [0.98, 1.02] and its p95 was 0.50× [0.49, 0.51] "
            "(indicative: 3 repeats only).",
        ),
        (
            studied(p95=0.5, repeats=2),
            "With 3 servers at 2,000 users least_conn delivered 1.00× the throughput of round_robin; its median "
            "response time was 1.00× and its p95 was 0.50× (indicative: 2 repeats only).",
        ),
        (
            studied(wild=40),
            "With 3 servers at 2,000 users least_conn made no measurable difference to throughput compared with "
            "round_robin (0.98× [0.85, 1.14]); median response time (0.98× [0.85, 1.14]) and p95 (0.98× [0.85, "
            "1.14]) did not change measurably.",
        ),
        (
            studied(p95=0.5, limits=("server", "generator")),
            "With 3 servers at 2,000 users throughput and response times of least_conn and round_robin are not "
            "comparable (1.000× [0.993, 1.007]: the bottleneck of least_conn was the generator).",
        ),
    ],
    ids=["waits less", "a bound", "no more load", "two repeats", "noise", "the generator"],
)
def test_a_method_is_compared_by_throughput_and_response_times(summary: Summary, sentence: str) -> None:
    assert answer.answer(summary) == [sentence]


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            ("server", "balancer"),
            "With 3 servers at 2,000 users HTTPS delivered 0.900× [0.893, 0.906] the throughput of HTTP; its median "
            "response time was 1.20× [1.19, 1.21] and its p95 was 1.30× [1.29, 1.31].",
        ),
        (
            ("server", "generator"),
            "With 3 servers at 2,000 users throughput and response times of HTTPS and HTTP are not comparable (0.900× "
            "[0.893, 0.906]: the bottleneck of HTTPS was the generator).",
        ),
    ],
)
def test_https_is_compared_with_http(limits: tuple[str, str], sentence: str) -> None:
    summary = studied(0.9, 1.2, 1.3, limits, name="nginx_lb_tls", levels=(False, True))
    assert answer.answer(summary) == [sentence]


def test_response_times_are_paired_by_block_and_include_failures() -> None:
    summary = studied(p95=0.82)
    (effect,) = summary.factor_effects
    first, second = ([r.waits_by_block[k]["p95"] or 0 for k in range(1, 6)] for r in summary.cells)
    assert first[0] == 4000  # with failures
    assert effect.response_times.ratios["p95"] == paired_ratio(first, second, 3)
    assert math.isclose(effect.response_times.ratios["p95"].value, 0.82, rel_tol=0.01)
    assert effect.response_times.conclusion("p95") == "lower"
    assert effect.response_times.conclusion("p50") == "not distinguishable from 1"


def test_every_factor_has_its_response_times_in_the_table() -> None:
    summary = studied(p50=0.97, p95=0.82)
    table = gains.effect_table(summary.factor_effects)
    assert table is not None
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["median"], row["p95"]) == ("0.970× [0.963, 0.977]", "0.820× [0.814, 0.826]")
    assert row["conclusion"] == "not distinguishable from 1"


def test_a_cell_whose_response_times_still_rise_allows_no_comparison_of_methods() -> None:
    summary = studied(p95=0.82)
    records = {}
    for cell in summary.cells:
        for repeat, rate in cell.by_block.items():
            recorded = record(3, 2000, repeat, rate, cell=cell.cell, latency_with_failures_ms={"p95": 100.0 * repeat})
            halves = {"drift": 0.0, "latency_drift": math.log(1.3)}
            records[f"servers-3_vusers-2000_{NAME}-{cell.cell[NAME]}/r{repeat}"] = changed(recorded, figures=halves)
    (sentence,) = answer.answer(cells.summarise_records(summary.grid, records))
    assert "; response times are not comparable: the mean response time of round_robin rose by 30 %" in sentence


def test_a_balancer_costs_throughput_and_response_time_with_and_without_load() -> None:
    """Balancers have the names by which they are known, and their own sentence has R0 too."""
    summary = studied(rate=0.9, p50=1.1, p95=1.1, unloaded=1.2, name="balancer", levels=("nginx", "haproxy"))
    (sentence,) = answer.answer(summary)
    assert sentence.startswith("With 3 servers at 2,000 users HAProxy delivered 0.900× [")
    assert "the throughput of nginx; its median response time was 1.10× [" in sentence
    assert "; without load its response time was 1.20× [1.19" in sentence

"""Changes of response times are reported for every step, whatever its gain."""

from dataclasses import replace

import pytest

from harness.judge import latency_stats
from harness.records.trial import TrialRecord
from harness.summarise import summary as cells
from harness.summarise.gains.gain import between
from harness.summarise.summary import Summary
from report.sentences import answer
from tests.builders import changed, grid, judged, record

ROUND = (1.0, 0.99, 1.01, 1.005, 0.995)
WILD = (1.0, 2.0, 0.5, 1.4, 0.7)


def stepped(
    rates: dict[int, tuple[float, str, int]], noise: tuple[float, ...] = ROUND, objectives: dict[str, str] | None = None
) -> Summary:
    """(servers) → (mean TPS, bottleneck, median in ms) at 1,000 users; the p95 is three times the median."""
    records: dict[str, TrialRecord] = {}
    histograms: dict[str, str] = {}
    for servers, (rate, limit, median) in rates.items():
        for repeat, factor in enumerate(ROUND, 1):
            other = noise[repeat - 1] if servers > 1 else 1.0
            recorded = judged(record(servers, 1000, repeat, rate * factor), limit, of_users_bound=0.99)
            waits = {"p50": median * other, "p95": 3 * median * other}
            where = f"servers-{servers}_vusers-1000/r{repeat}"
            records[where] = changed(recorded, latency_ms=waits, latency_with_failures_ms=waits)
            histograms[where] = latency_stats.histogram_of_ms([(median, 90), (3 * median, 10)])
    written = grid(factors={"servers": sorted(rates), "vusers": [1000]}, repeats=5, objectives=objectives or {})
    return cells.summarise_records(written, records, histograms.__getitem__)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((280, "server"), (540, "server"), "efficiency 96 %, and the median response time fell from 900 to 36.0 ms."),
        ((280, "server"), (540, "load"), "to measure more (the median response time fell from 900 to 36.0 ms)."),
        (
            (280, "server"),
            (280, "server"),
            "difference (1.000× [1.000, 1.000]), and the median response time fell from 900 to",
        ),
        (
            (280, "server"),
            (200, "server"),
            "lowered throughput to 0.714× [0.714, 0.714], and the median response time fell",
        ),
        ((280, "load"), (280, "load"), "the load is too low, and the median response time fell from 900 to"),
        ((280, "balancer"), (280, "balancer"), "(the median response time fell from 900 to 36.0 ms)."),
        ((280, "server"), (600, "server"), "topology is suspect (the median response time fell from 900 to 36.0 ms)."),
    ],
    ids=["gain", "floor", "no difference", "lowered", "idle", "unmeasurable", "suspect"],
)
def test_every_step_has_its_change_of_response_times(
    first: tuple[float, str], second: tuple[float, str], expected: str
) -> None:
    (sentence,) = answer.answer(stepped({1: (*first, 900), 2: (*second, 36)}, ROUND))
    assert expected in sentence


def test_the_p95_is_reported_with_an_objective_for_it() -> None:
    rates = {1: (280.0, "server", 900), 2: (540.0, "server", 36)}
    (sentence,) = answer.answer(stepped(rates, objectives={"p95": "1s"}))
    assert ", and the median response time fell from 900 to 36.0 ms and the p95 fell from 2,7" in sentence
    (sentence,) = answer.answer(stepped(rates, objectives={"error_rate": "1%"}))
    assert "p95" not in sentence


def test_indistinct_and_generator_limited_response_times_are_left_out() -> None:
    (sentence,) = answer.answer(stepped({1: (280, "server", 900), 2: (540, "server", 700)}, WILD))
    assert "response time" not in sentence
    (sentence,) = answer.answer(stepped({1: (280, "generator", 900), 2: (540, "server", 36)}))
    assert "response time" not in sentence


def test_topologies_under_unlike_loads_are_not_compared() -> None:
    """At saturation each has its own load, which changes response times, too."""
    summary = stepped({1: (280, "server", 900), 2: (540, "server", 36)})
    one, two = summary.cells
    apart = replace(two, cell={"servers": 2, "vusers": 2000})
    gain = replace(between(one, apart, summary.grid.evidence), others={"load": "saturation"})
    (sentence,) = answer.answer(replace(summary, cells=[one, apart], gains=[gain]))
    assert "response time" not in sentence


def test_steps_of_one_category_compare_the_last_with_the_first() -> None:
    rates = {1: (280.0, "server", 900)} | {n: (500.0, "load", 400 // n) for n in range(2, 6)}
    (sentence,) = answer.answer(stepped(rates))
    assert " of 5×, and the median response time fell from 900 to 80.1 ms" in sentence
    assert "the load is too low, and the median response time fell from 200 to 80.1 ms" in sentence

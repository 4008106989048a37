"""Conclusions of a comparison of two studies (rule E21), for simulated studies with known truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from harness.grid.thresholds import Thresholds
from harness.records.trial import Component, Outcome, TrialRecord
from harness.summarise.cells.cell import CellSummary, summarise
from harness.summarise.comparison.machine_change import MachineChange
from harness.summarise.comparison.studies import StudyRatio, ratios
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.welch import difference
from tests.builders import judged, record

CELLS, REPEATS, NOISE = 6, 5, 0.03
COMPARISONS = pytest.mark.parametrize("comparisons", [100, pytest.param(300, marks=pytest.mark.long)])
THRESHOLDS = Thresholds()
UNKNOWN = MachineChange(None, reason="not computed")


@cache
def _template(bottleneck: Component, users: int) -> TrialRecord:
    return judged(record(2, users, 1, 500.0), bottleneck)


def cell(
    throughputs: Sequence[float | None], bottleneck: Component = Component.SERVER, users: int = 1000
) -> CellSummary:
    template = _template(bottleneck, users)  # validated once; thousands of records differ in these values alone
    outcomes = [Outcome.INVALID if rate is None else Outcome.OK for rate in throughputs]
    records = [
        template.model_copy(update={"repeat": k, "outcome": outcome, "tps_mean": rate})
        for k, (rate, outcome) in enumerate(zip(throughputs, outcomes, strict=True), 1)
    ]
    return summarise({"servers": 2, "vusers": users}, records, [], THRESHOLDS)


def noisy_throughputs(random: np.random.Generator, mean: float, count: int = REPEATS) -> list[float]:
    return [float(rate) for rate in mean * np.exp(random.normal(0, NOISE, count))]


def simulated(seed: int, after: float, machine_speed: float = 1.0, speed_known: bool = False) -> list[StudyRatio]:
    """Compare cells: `after` is the ratio of the builds' throughput, `machine_speed` that of the machines' speed."""
    random = np.random.default_rng(seed)
    speeds = [[mean * float(np.exp(random.normal(0, 0.02))) for _ in range(REPEATS)] for mean in (1.0, machine_speed)]
    pairs = [
        (cell(noisy_throughputs(random, 500)), cell(noisy_throughputs(random, 500 * after * machine_speed)))
        for _ in range(CELLS)
    ]
    return ratios(
        pairs, MachineChange(difference(*speeds), ("generator", "balancer")) if speed_known else UNKNOWN, THRESHOLDS
    )


def share(comparisons: int, finding: Callable[[list[StudyRatio]], bool], **truth: float | bool) -> float:
    return sum(finding(simulated(seed, **truth)) for seed in range(comparisons)) / comparisons  # type: ignore[arg-type] # keywords of `simulated`


def finds_a_change(found: list[StudyRatio]) -> bool:
    different = (Conclusion.HIGHER, Conclusion.LOWER)
    return any(not ratio.indicative and ratio.conclusion in different for ratio in found)


def finds_equivalence(found: list[StudyRatio]) -> bool:
    return any(ratio.conclusion is Conclusion.EQUIVALENT for ratio in found)


@COMPARISONS
@pytest.mark.parametrize("speed_known", [False, True])
def test_identical_builds_on_equal_machines_are_rarely_reported_as_different(
    speed_known: bool, comparisons: int
) -> None:
    assert share(comparisons, finds_a_change, after=1.0, speed_known=speed_known) <= 0.05


@COMPARISONS
def test_a_build_that_is_ten_percent_slower_is_rarely_reported_as_equivalent(comparisons: int) -> None:
    assert share(comparisons, finds_equivalence, after=0.9) <= 0.05


@COMPARISONS
@pytest.mark.parametrize("machine_speed", [0.95, 1.1])
def test_identical_builds_on_unequal_machines_are_not_different_if_the_machines_speed_is_known(
    machine_speed: float, comparisons: int
) -> None:
    assert share(comparisons, finds_a_change, after=1.0, machine_speed=machine_speed, speed_known=True) <= 0.05
    assert share(comparisons, finds_a_change, after=1.0, machine_speed=machine_speed) > 0.15, (
        "the test must be able to fail"
    )


@COMPARISONS
def test_a_build_that_is_a_fifth_slower_is_found_on_equal_machines(comparisons: int) -> None:
    """With the blocks' correlation estimated too, which costs width."""
    assert share(comparisons, finds_a_change, after=0.8, speed_known=True) >= 0.9


def test_the_minimum_detectable_change_is_found_in_four_fifths_of_comparisons() -> None:
    """On average, because each comparison estimates the noise itself."""
    random = np.random.default_rng(7)
    found = []
    for _ in range(1200):
        first, later = noisy_throughputs(random, 100), noisy_throughputs(random, 100)
        least = difference(first, later).minimum_detectable_effect(CELLS)
        again = difference(noisy_throughputs(random, 100), noisy_throughputs(random, 100 * (1 + least))).ratio(CELLS)
        found.append(again.low is not None and again.low > 1)
    assert 0.75 <= sum(found) / len(found) <= 0.86


OLD, NEW = [870.0, 868, 872, 871, 869], [600.0, 601, 599, 602, 598]
THREE_REPEATS: list[float | None] = [600.0, 601, 599]


@pytest.mark.parametrize(
    ("before", "after", "conclusion", "obstacle"),
    [
        (
            cell(OLD, Component.LOAD),
            cell(OLD, Component.LOAD),
            "not measurable at this load",
            "both serve the load completely",
        ),
        (cell(NEW), cell(OLD, Component.LOAD), "higher, at least", ""),
        (
            cell(OLD),
            cell(NEW, Component.LOAD),
            "not measurable at this load",
            "in the later study no higher load was offered",
        ),
        (cell(OLD, Component.LOAD), cell(NEW), "lower, at most", ""),
        (
            cell(OLD),
            cell(OLD, Component.LOAD),
            "not measurable at this load",
            "in the later study no higher load was offered",
        ),
        (
            cell(OLD, Component.GENERATOR),
            cell(NEW),
            "not measurable at this load",
            "the bottleneck of the first study was the generator",
        ),
        (
            cell(OLD),
            cell(NEW, Component.UNKNOWN),
            "not measurable at this load",
            "the bottleneck of the later study is unknown",
        ),
        (
            cell(OLD, Component.BALANCER),
            cell(OLD, Component.BALANCER),
            "not measurable at this load",
            "the balancer was the bottleneck, not the servers",
        ),
        (cell(OLD), cell([None] * 5), "not measured", "the later study: invalid"),
        (cell(OLD), cell(THREE_REPEATS), "indicative: lower", ""),
        (cell(OLD), cell(THREE_REPEATS[:2]), "too few repeats", ""),
        (cell(OLD), cell(NEW), "lower", ""),
    ],
)
def test_the_conclusion_follows_from_the_bottlenecks_of_both_studies(
    before: CellSummary, after: CellSummary, conclusion: str, obstacle: str
) -> None:
    (found,) = ratios([(before, after)], UNKNOWN, THRESHOLDS)
    assert found.conclusion_text.removesuffix(" (build and machines together)") == conclusion
    assert obstacle in (found.obstacle.text if found.obstacle else "")


def test_a_bound_is_never_equivalent() -> None:
    assert not any(
        finds_equivalence(ratios([(cell(OLD, first), cell(OLD, second))], UNKNOWN, THRESHOLDS))
        for first in Component
        for second in Component
        if not (first.is_topology and second.is_topology)
    )


def test_a_missing_difference_has_its_minimum_detectable_change() -> None:
    noisy = [500.0, 560, 450, 520, 480]
    (found,) = ratios([(cell(noisy), cell([rate * 0.97 for rate in noisy]))], UNKNOWN, THRESHOLDS)
    assert found.minimum_detectable_change is not None
    change = f"minimum detectable change {100 * found.minimum_detectable_change:.1f} %"
    assert found.conclusion_text == f"not distinguishable from 1 ({change})"
    assert found.minimum_detectable_change > 0.1


def test_the_margin_of_equivalence_is_the_grids_and_is_printed() -> None:
    (wide,) = ratios([(cell(OLD), cell(OLD))], UNKNOWN, Thresholds.model_validate({"same_within": "10%"}))
    assert wide.conclusion_text.startswith("equivalent within ±10 %")


def test_a_change_of_the_machines_is_named_as_a_possible_reason() -> None:
    speed = difference([1.0, 1.01, 0.99, 1.0, 1.0], [0.7, 0.71, 0.69, 0.7, 0.7])
    (found,) = ratios(
        [(cell(OLD), cell([0.8 * rate for rate in OLD]))], MachineChange(speed, ("balancer",)), THRESHOLDS
    )
    assert found.conclusion_text.startswith("not distinguishable from the machines’ own speed, which changed by −30")
    (slower,) = ratios(
        [(cell(OLD), cell([0.5 * rate for rate in OLD]))], MachineChange(speed, ("balancer",)), THRESHOLDS
    )
    assert slower.conclusion_text == "lower", "the machines explain only a part of it"
    (hidden,) = ratios([(cell(OLD), cell(OLD))], MachineChange(speed, ("balancer",)), THRESHOLDS)
    assert hidden.conclusion_text.startswith("not distinguishable from the machines’ own speed"), (
        "slower machines may hide a faster build"
    )


def test_simultaneous_intervals_cover_only_cells_with_a_conclusion() -> None:
    pair = (cell(OLD), cell(NEW))
    idle = (cell(OLD, Component.LOAD), cell(OLD, Component.LOAD))
    (alone, _) = ratios([pair, idle], UNKNOWN, THRESHOLDS)
    (first, *_) = ratios([pair] * CELLS, UNKNOWN, THRESHOLDS)
    assert alone.simultaneous
    assert alone.ratio
    assert first.simultaneous
    assert alone.simultaneous.low == pytest.approx(alone.ratio.low)
    assert math.isclose(first.ratio.low or 0, alone.ratio.low or 1) if first.ratio else False
    assert (first.simultaneous.low or 1) < (alone.simultaneous.low or 0)

"""Intervals of two studies whose blocks are correlated, and the short form of `python -m benchmarks.truth.drift`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.truth import drift
from harness.summarise.statistics import autocorrelation
from harness.summarise.statistics.welch import difference


def test_without_correlation_a_mean_has_the_usual_variance() -> None:
    assert autocorrelation.of_mean(4.0, 8, 0.0) == (0.5, 7.0)


def test_the_variance_of_a_correlated_mean_is_that_of_the_process() -> None:
    """The expectation of the estimate, by many long-run simulations of 8 blocks with correlation 0.6."""
    random = np.random.default_rng(1)
    shocks = random.normal(size=(20_000, 8))
    series = shocks.copy()
    for block in range(1, 8):
        series[:, block] = 0.6 * series[:, block - 1] + 0.8 * shocks[:, block]
    mean, freedom = autocorrelation.of_mean(float(series.var(axis=1, ddof=1).mean()), 8, 0.6)
    assert mean == pytest.approx(float(series.mean(axis=1).var()), rel=0.03)
    assert 1 <= freedom < 7 / 2


def test_a_drift_within_a_study_shows_as_correlation() -> None:
    steady = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0]
    assert autocorrelation.lag_one([steady, steady]) == 0
    assert autocorrelation.lag_one([sorted(steady), sorted(steady)]) == autocorrelation.MOST
    assert autocorrelation.lag_one([[1.0, 1.0, 1.0], [2.0], []]) == 0, "without spread there is no correlation"


def test_few_blocks_count_less_than_what_is_plausible() -> None:
    """Five blocks with a lag-1 estimate of −3/8, by hand: −7/12 without bias, then with two blocks of 0.5."""
    series = [1.0, -1.0, 1.0, 1.0, -2.0]
    raw = (-1 - 1 + 1 - 2) / 8
    unbiased = (5 * raw + 1) / 1.5
    assert autocorrelation.lag_one([series]) == pytest.approx(max((5 * unbiased + 1) / 7 + 0.7 / 10**0.5, 0))
    rising = [-2.0, -1.0, 1.0, 1.0, 1.0]
    unbiased = (5 * (2 - 1 + 1 + 1) / 8 + 1) / 1.5
    assert autocorrelation.lag_one([rising]) == autocorrelation.MOST == pytest.approx(min((5 * unbiased + 1) / 7, 0.95))
    mixed = [1.0, 0.0, 0.0, 0.0, -1.0]
    assert autocorrelation.lag_one([mixed]) == pytest.approx((5 / 1.5 + 1) / 7 + 0.7 / 10**0.5)
    assert autocorrelation.likely(5) == pytest.approx(1 / 7 + 0.8 / 10**0.5)


def test_a_correlation_widens_the_ratio_of_two_studies() -> None:
    before, after = [100.0, 102, 98, 101, 99], [101.0, 103, 99, 102, 100]
    plain, wide = difference(before, after).ratio(), difference(before, after, correlation=0.5).ratio()
    assert plain.low
    assert wide.low
    assert wide.value == plain.value
    assert wide.low < plain.low
    assert difference(before, after, correlation=0.0).parts == difference(before, after).parts


@pytest.mark.long
@pytest.mark.parametrize(
    ("correlation", "most_welch", "most"),
    [(0.0, 0.07, 0.05), (0.6, 0.45, 0.10), (0.9, 0.8, 0.2), (drift.WALK, 0.8, 0.13)],
)
def test_identical_builds_under_drifting_noise_are_rarely_called_different(
    correlation: float, most_welch: float, most: float
) -> None:
    for blocks in (5, 6, 12):
        found = drift.false_differences(400, blocks, correlation)
        assert found.wide <= most
        assert found.welch <= most_welch
        if correlation:
            assert found.welch > 2 * found.wide, "the test must be able to fail"

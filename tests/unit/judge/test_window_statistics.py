"""Throughput, latency and intervals of a steady window, against closed forms and simulations with known truth."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.judge import latency_stats, prediction, window_stats
from harness.summarise.statistics import intervals
from tests.builders import samples


def test_throughput_counts_successes_in_whole_seconds_of_the_window() -> None:
    rows = samples(100, 300)
    rows[3] = rows[3].__class__(**{**rows[3].__dict__, "completed": 900})
    assert window_stats.mean_rate(window_stats.window(rows, 7, 17)) == 100
    assert [s.t_s for s in window_stats.window(rows, 7.5, 10.5)] == [8, 9]


def test_the_peak_is_the_largest_mean_of_consecutive_seconds() -> None:
    rows = samples(100, 300, seconds=30)
    rows = [r.__class__(**{**r.__dict__, "completed": 200 if 5 <= r.t_s < 15 else 100}) for r in rows]
    assert window_stats.peak_rate(rows, 10) == 200
    assert window_stats.peak_rate(rows[:9], 10) is None


def test_failures_never_count_as_throughput() -> None:
    rows = samples(100, 300, failed=300)
    assert window_stats.mean_rate(rows) == 100
    assert window_stats.error_rate(rows) == 0.75


def test_percentiles_come_from_merged_histograms_and_p99_needs_its_requests() -> None:
    slow, fast = latency_stats.histogram_of_us({1_000_000: 300}), latency_stats.histogram_of_us({10_000: 300})
    merged = latency_stats.merged([slow, fast])
    found = latency_stats.percentiles_ms(merged, p99_needs=662)
    assert found["p95"] == pytest.approx(1000, rel=0.002)
    assert found["p50"] == pytest.approx(10, rel=0.002)
    assert found["p99"] is None


def test_a_gain_is_the_paired_t_on_log_ratios() -> None:
    smaller, larger = [100.0, 104.0, 98.0, 101.0, 99.0], [190.0, 205.0, 187.0, 199.0, 196.0]
    found = intervals.paired_ratio(smaller, larger, least_pairs=3)
    difference = np.log(larger) - np.log(smaller)
    half = scipy_stats.t.ppf(0.975, 4) * difference.std(ddof=1) / math.sqrt(5)
    assert found.value == pytest.approx(math.exp(difference.mean()))
    assert found.low == pytest.approx(math.exp(difference.mean() - half))
    assert found.high == pytest.approx(math.exp(difference.mean() + half))


def test_below_the_needed_repeats_there_is_no_interval() -> None:
    assert intervals.paired_ratio([100.0, 101.0], [200.0, 203.0], least_pairs=3).low is None


def test_the_interval_has_its_nominal_coverage() -> None:
    """True ratio 1.46, noise between runs of 3–10 %, drift of 8 % that a block shares."""
    random = np.random.default_rng(2024)
    covered = 0
    for _ in range(500):
        noise, drift = random.uniform(0.03, 0.10), random.normal(0, 0.08, 5)
        smaller = 280 * np.exp(drift + random.normal(0, noise, 5))
        larger = 280 * 1.46 * np.exp(drift + random.normal(0, noise, 5))
        found = intervals.paired_ratio(smaller.tolist(), larger.tolist(), least_pairs=3)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 1.46 <= found.high
    assert 0.93 <= covered / 500 <= 0.97


def test_throughput_of_users_is_at_most_the_asymptotic_bound() -> None:
    assert prediction.users_bound(1000, unloaded_s=0.01, think_s=2.0) == pytest.approx(1000 / 2.01)

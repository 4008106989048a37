"""Rule E19: a scalability law only with enough data, and with its uncertainty."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from harness.summarise.statistics import usl


def trials(rate: float, sigma: float, kappa: float, most: int, noise: float, seed: int) -> dict[int, list[float]]:
    random = np.random.default_rng(seed)
    return {
        m: [
            float(rate * m / (1 + sigma * (m - 1) + kappa * m * (m - 1)) * np.exp(random.normal(0, noise)))
            for _ in range(5)
        ]
        for m in range(1, most + 1)
    }


def test_below_six_topologies_there_is_no_law() -> None:
    """The article's 1.8 then 1.46 would need a κ of −0.04."""
    assert usl.fit({1: [280.0], 2: [504.0], 3: [736.0]}) is None
    assert usl.fit(trials(280, 0.05, 0.002, 5, 0.02, 1)) is None


def test_the_law_is_found_with_intervals_that_hold_the_truth() -> None:
    law = usl.fit(trials(280, 0.06, 0.004, 8, 0.01, 2))
    assert law is not None
    for found, truth in ((law.rate, 280), (law.sigma, 0.06), (law.kappa, 0.004)):
        assert found.low is not None
        assert found.high is not None
        assert found.low < truth < found.high
    at_nine = 280 * 9 / (1 + 0.06 * 8 + 0.004 * 72)
    assert law.next_servers == 9
    assert law.next.low is not None
    assert law.next.high is not None
    assert law.next.low < at_nine < law.next.high
    assert law.not_identifiable == ()
    assert law.peak_servers == pytest.approx(np.sqrt(0.94 / 0.004), rel=0.25)


@pytest.mark.parametrize(
    ("sigma", "kappa", "noise"), [(0.05, 0.003, 0.03), (0.0, 0.0, 0.03), (0.0, 0.01, 0.1), (0.95, 0.0, 0.05)]
)
def test_no_other_parameters_have_smaller_squares(sigma: float, kappa: float, noise: float) -> None:
    """Also where σ or κ is 0, against the solver of SciPy from the law's own parameters and from the truth."""
    rates = trials(280, sigma, kappa, 6, noise, 5)
    m = np.repeat(np.array(list(rates), dtype=float), 5)
    y = np.log([rate for values in rates.values() for rate in values])

    def residuals(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = y - p[0] - np.log(m) + np.log1p(p[1] * (m - 1) + p[2] * m * (m - 1))
        return found

    law = usl.fit(rates)
    assert law is not None
    own = np.array([np.log(law.rate.value), law.sigma.value, law.kappa.value])
    low, high = np.array([-np.inf, 0, 0]), np.array([np.inf, 1, 1])
    for start in (own, np.array([np.log(280), sigma, kappa])):
        begin = np.clip(start, low + 1e-9, high - 1e-9)
        other = optimize.least_squares(residuals, begin, bounds=(low, high), x_scale=[0.1, 0.05, 0.005])
        assert (residuals(own) ** 2).sum() <= 2 * other.cost * (1 + 1e-9)


def test_linear_growth_pins_both_parameters() -> None:
    law = usl.fit({m: [280.0 * m * (1.001 if k else 0.999) for k in range(2)] for m in range(1, 7)})
    assert law is not None
    assert "κ" in law.not_identifiable
    assert law.peak_servers is None


@pytest.mark.parametrize(("studies", "least"), [(4, 3), pytest.param(20, 17, marks=pytest.mark.long)])
def test_profile_intervals_cover_the_next_server(studies: int, least: int) -> None:
    covered = 0
    truth = 280 * 7 / (1 + 0.05 * 6 + 0.003 * 42)
    for seed in range(studies):
        law = usl.fit(trials(280, 0.05, 0.003, 6, 0.03, 100 + seed))
        assert law is not None
        assert law.next.low is not None
        assert law.next.high is not None
        covered += law.next.low <= truth <= law.next.high
    assert covered >= least


def test_efficiency_and_serial_fraction() -> None:
    assert usl.efficiency(504, 2, 280, 1) == pytest.approx(0.9)
    assert usl.karp_flatt(1.8, 2) == pytest.approx(1 / 9)
    assert usl.karp_flatt(1.0, 1) is None


def test_the_articles_readings_get_no_law_and_a_suspect_baseline() -> None:
    """1.8 and then 1.46: the second step is nearer to its ideal than the first."""
    article = usl.efficiency_profile({1: 280.0, 2: 280 * 1.8, 3: 280 * 1.8 * 1.46})
    assert article is not None
    assert article.baseline_suspect
    assert article.efficiency[3].value == pytest.approx(0.876)
    contended = usl.efficiency_profile({m: 280 * m / (1 + 0.05 * (m - 1)) for m in (1, 2, 3)})
    assert contended is not None
    assert not contended.baseline_suspect
    assert contended.serial_fraction[2] == pytest.approx(0.05, abs=0.001)
    assert usl.efficiency_profile({2: 500.0}) is None


def test_a_serial_fraction_falls_only_with_separate_intervals() -> None:
    rates = {1: 280.0, 2: 504.0, 3: 736.0}
    wide = {m: (0.97 * rate, 1.03 * rate) for m, rate in rates.items()}
    narrow = {m: (0.9999 * rate, 1.0001 * rate) for m, rate in rates.items()}
    for spans, suspect in ((wide, False), (narrow, True), ({}, False)):
        found = usl.efficiency_profile(rates, spans)
        assert found is not None
        assert found.baseline_suspect == suspect


@pytest.mark.parametrize(("studies", "most"), [(5, 1), pytest.param(20, 2, marks=pytest.mark.long)])
def test_linear_growth_has_no_peak_at_any_noise(studies: int, most: int) -> None:
    peaks = 0
    for seed in range(studies):
        law = usl.fit(trials(280, 0.0, 0.0, 7, 0.03, seed))
        assert law is not None
        peaks += law.peak_servers is not None
    assert peaks <= most

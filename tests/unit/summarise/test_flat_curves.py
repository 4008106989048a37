"""Where the share of late requests hardly depends on the load, there is a reason and no estimate; loads move apart."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from harness.summarise.capacity import binomial_line, crossing, near, placement, rise
from harness.summarise.capacity.binomial_line import Trials
from harness.summarise.capacity.counts import Count, of_record
from harness.summarise.capacity.crossing import Bound, BoundReasonKind
from harness.summarise.capacity.placement import LoadSpan
from tests.builders import changed, record
from tests.unit.summarise.test_capacity import LOADS, P95, counts

SPAN = LoadSpan(10, 5000)
MANY = 1_000_000


def trials(
    slope: float, noise: float, loads: tuple[float, ...] = (70.0, 100.0, 140.0), blocks: int = 5, seed: int = 7
) -> list[Count]:
    """Trials around a line through 5 % at 100; their probits differ by this noise."""
    random_of = np.random.default_rng(seed)
    found = []
    for block in range(1, blocks + 1):
        for load in loads:
            probit = special.ndtri(0.05) + slope * math.log(load / 100) + noise * random_of.normal()
            late = round(float(special.ndtr(probit)) * MANY)
            found.append(Count(block=block, load=load, requests=MANY, late=late, failed=0))
    return found


def as_arrays(found: list[Count]) -> Trials:
    return Trials(
        block=np.array([count.block for count in found]),
        log_load=np.log([count.load for count in found]),
        requests=np.array([count.requests for count in found], dtype=float),
        over=np.array([count.late for count in found], dtype=float),
        weight=np.ones(len(found)),
    )


def test_the_rise_is_the_slope_of_a_regression_with_an_intercept_for_each_block() -> None:
    """The same by the normal equations of the whole design."""
    data = as_arrays(trials(1.5, 0.3))
    names = sorted(set(data.block.tolist()))
    design = np.column_stack([data.log_load, *((data.block == name).astype(float) for name in names)])
    probits = special.ndtri((data.over + 0.5) / (data.requests + 1))
    solved = np.linalg.solve(design.T @ design, design.T @ probits)
    rest = float(((probits - design @ solved) ** 2).sum()) / (len(probits) - len(names) - 1)
    error = math.sqrt(rest * np.linalg.inv(design.T @ design)[0, 0])
    found = rise.of(data, 0.05)
    assert found is not None
    assert found.slope == pytest.approx(solved[0])
    assert found.error == pytest.approx(error)
    assert found.freedom == 9
    assert found.low == pytest.approx(solved[0] - 1.383 * error, rel=1e-3)


def test_the_lower_limit_of_the_rise_is_below_the_truth_in_nine_of_ten_studies() -> None:
    random_of, below = np.random.default_rng(11), 0
    for _ in range(1000):
        data = as_arrays(trials(1.0, 0.0))
        shifted = special.ndtr(special.ndtri(data.over / MANY) + 0.3 * random_of.normal(size=len(data.over)))
        found = rise.of(replace(data, over=shifted * MANY), 0.05)
        assert found is not None
        below += found.low <= 1.0
    assert below == pytest.approx(900, abs=35)


def test_one_load_in_each_block_shows_no_rise() -> None:
    assert rise.of(as_arrays([c for c in trials(1.0, 0.1) if c.load == (70.0, 100.0)[c.block % 2]]), 0.05) is None
    first = rise.of(as_arrays(trials(1.0, 0.1, (90.0, 110.0), blocks=1)), 0.05)
    assert first is not None
    assert (first.freedom, first.low, first.longer(0.5)) == (0, -math.inf, None)


def test_a_share_that_hardly_depends_on_the_load_is_a_reason() -> None:
    found = crossing.crossing("p95", 0.05, trials(0.1, 0.15, seed=3))
    assert (found.bound, found.value, found.low, found.high) == (Bound.NONE, None, None, None)
    assert found.reason is not None
    assert found.reason.kind == BoundReasonKind.FLAT
    assert found.reason.text == "the share over the objective hardly depends on the load (4.1 % at 100, 4.8 % at 140)"


def test_a_rise_that_may_be_chance_is_a_reason_with_the_length_of_windows_that_show_it() -> None:
    """The line through all counts has a crossing and an interval, which would be short by chance."""
    noisy = trials(0.9, 0.6, seed=4)
    line = binomial_line.fit(as_arrays(noisy), 0.05)
    assert line is not None
    assert line.between is not None
    found = crossing.crossing("p95", 0.05, noisy)
    assert found.bound == Bound.NONE
    assert found.reason is not None
    assert found.reason.kind == BoundReasonKind.FLAT
    assert found.reason.text == (
        "the share over the objective hardly depends on the load (3.0 % at 70, 16.5 % at 140): "
        "windows need 4 times the length"
    )
    assert found.line_at == pytest.approx(math.exp(line.crossing), rel=0.1), "to place the next loads"


def test_a_shown_rise_has_an_estimate_from_loads_that_are_far_apart() -> None:
    found = crossing.crossing("p95", 0.05, trials(1.2, 0.03))
    assert found.bound == Bound.EXACT
    assert found.low is not None
    assert found.high is not None
    assert found.low < 100 < found.high
    assert found.requests == 15 * MANY, "the line is valid as far as it rises by half a probit"


def test_the_error_objective_keeps_its_own_reason() -> None:
    """A share of errors never depends on the load: more requests decide, and not farther loads."""
    few = [replace(count, late=0, failed=1, requests=1500) for count in trials(1.0, 0.0)]
    found = crossing.crossing("error_rate", 0.001, few)
    assert found.reason is not None
    assert found.reason.kind == BoundReasonKind.FEW_REQUESTS


@pytest.mark.parametrize(
    ("slope", "loads"), [(20.0, (93.0, 100.0, 107.0)), (2.0, (77.9, 100.0, 128.0)), (0.7, (69.1, 100.0, 145.0))]
)
def test_the_flatter_the_curve_the_farther_apart_are_the_loads(slope: float, loads: tuple[float, ...]) -> None:
    exact = counts(LOADS, (1.0,) * 2, slope=slope)
    assert placement.following(LOADS, exact, P95, SPAN) == pytest.approx(loads, rel=5e-3)
    there = counts(loads, (1.0,) * 2, slope=slope)
    assert placement.following(loads, there, P95, SPAN) == pytest.approx(loads), "and stay there"


def test_a_slope_that_is_steep_by_chance_moves_loads_apart() -> None:
    noisy = trials(4.0, 0.4, LOADS, blocks=2)
    found = crossing.crossing("p95", 0.05, noisy)
    assert found.slope is not None
    moved = placement.following(LOADS, noisy, P95, SPAN)
    assert max(moved) / min(moved) > 1.3


def test_few_trials_of_a_load_near_the_objective_give_no_bound() -> None:
    """One window with a pause: 12 % late at a single load, 4.5 % at all others."""
    usual = [Count(block=b, load=load, requests=1000, late=45, failed=0) for b in (1, 2, 3) for load in (100.0, 140.0)]
    paused = Count(block=2, load=70.0, requests=1000, late=120, failed=0)
    assert crossing.crossing("p95", 0.05, [*usual, paused]).bound != Bound.BELOW
    collapsed = replace(paused, load=200.0, late=1000, failed=1000)
    assert crossing.crossing("p95", 0.05, [*usual, collapsed]).high == pytest.approx(200.0)
    stalled = replace(collapsed, load=70.0)
    assert crossing.crossing("p95", 0.05, [*usual, stalled]).bound != Bound.BELOW, "larger loads contradict it"


def test_an_uncertain_slope_widens_the_interval() -> None:
    """By slope / lower 95 % limit, at most four times; few degrees of freedom make the limit lower."""
    found = rise.Rise(slope=4.0, error=1.0, freedom=9)
    assert found.uncertainty == pytest.approx(4 / (4 - 1.833), rel=1e-3)
    assert replace(found, freedom=2).uncertainty == pytest.approx(4 / (4 - 2.920), rel=1e-3)
    assert replace(found, error=3.9).uncertainty == replace(found, slope=-1.0).uncertainty == pytest.approx(4)
    assert replace(found, freedom=0).uncertainty == 1


def test_trials_around_a_crossing_are_chosen_by_the_slopes_lower_limit() -> None:
    """A slope that is steep by chance would leave out the trials that contradict it."""
    steep = rise.Rise(slope=4.0, error=1.6, freedom=9)
    assert steep.careful == steep.low == pytest.approx(4 - 1.383 * 1.6, rel=1e-3)
    assert replace(steep, freedom=0).careful == 4.0, "no error is known"
    beyond = {70.0: -1.0, 100.0: 0.0, 140.0: 1.0}
    loads = [70.0, 75.0, 80.0, 100.0, 125.0, 140.0]
    beyond |= dict.fromkeys((75.0, 80.0), -0.8) | {125.0: 0.7}
    by_itself, by_limit = (near.near(loads, beyond, slope).sum() for slope in (steep.slope, steep.careful))
    assert by_itself < by_limit


def test_two_windows_that_begin_slowly_are_no_warm_up() -> None:
    """Most loads have many trials whose times hardly change; the largest one is nearer to saturation."""
    steady = [replace(count, latency_drift=0.02 * (-1) ** count.block) for count in counts()]
    largest = [replace(steady[0], load=140.0, late=9 * 10**6, block=block, latency_drift=-0.9) for block in (1, 2)]
    assert crossing.crossing("p95", 0.05, [*steady, *largest]).bound == Bound.EXACT


def hanging(share: float, seed: int, unanswered: bool = True) -> list[Count]:
    """Trials of three loads, of whose requests this share fails at every load."""
    random_of, found = np.random.default_rng(seed), []
    for block in range(1, 6):
        for load in (7.0, 10.0, 14.0):
            requests = round(20 * load)
            failed = int(random_of.binomial(requests, share))
            silent = failed if unanswered else 0
            found.append(
                Count(block=block, load=load, requests=requests, late=failed, failed=failed, unanswered=silent)
            )
    return found


def test_failures_at_every_load_are_the_reason_whatever_chance_makes_of_the_loads() -> None:
    found = [crossing.crossing("p95", 0.05, hanging(0.06, seed)) for seed in range(25)]
    for seed, each in enumerate(found):
        assert each.reason is not None
        assert each.reason.kind == BoundReasonKind.FAILURES, (seed, each)
        assert each.bound in (Bound.NONE, Bound.BELOW), (seed, each)
    assert {each.reason.text for each in found if each.reason} >= {
        "185 of 3,100 requests never got a response (6.0 %; the objective allows 5.0 %)"
    }
    rejected = crossing.crossing("p95", 0.05, hanging(0.06, 0, unanswered=False)).reason
    assert rejected is not None
    assert re.fullmatch(r"\d+ of 3,100 requests failed \(.*\)", rejected.text)


def test_failures_that_an_objective_allows_are_no_reason() -> None:
    few = crossing.crossing("p95", 0.05, hanging(0.004, 1))
    assert (few.bound, few.reason) == (Bound.AT_LEAST, crossing.MET)
    rising = [replace(count, failed=count.late // 4) for count in trials(1.2, 0.03)]
    assert crossing.crossing("p95", 0.05, rising).bound == Bound.EXACT
    overloaded = [replace(count, late=MANY, failed=MANY) for count in trials(1.2, 0.03)]
    assert crossing.crossing("p95", 0.05, overloaded).reason == crossing.MISSED


def test_requests_without_a_response_are_counted_by_their_part_of_the_failures() -> None:
    counted = {"objective_counts": {"requests": 200, "late": 20, "failed": 10}}
    errors = {"timeout": 30, "aborted": 10, "status 503": 10}
    made = changed(record(1, 50, 2, 9.0), **counted, counters={"generator": {"errors": errors}})
    found = of_record(made, 50.0)
    assert found is not None
    assert (found.failed, found.unanswered) == (10, 8)
    unknown = of_record(changed(record(1, 50, 2, 9.0), **counted), 50.0)
    assert unknown is not None
    assert unknown.unanswered == 0

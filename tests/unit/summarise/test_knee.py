"""The knee of simulated searches: its interval holds the truth, and blocks beyond it can show gains."""

import math
import random
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from harness.grid.amount import Search
from harness.grid.objectives import Objectives
from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck
from harness.records.series import HostSample
from harness.records.trial import TrialRecord
from harness.summarise.cells.cell import CellSummary, summarise
from harness.summarise.gains.gain import GainKind, between
from harness.summarise.search import knee, probing
from tests.builders import observation, record, samples

SPAN = Search.model_validate({"from": 100, "to": 5000, "until": "5%"})
THINK_S, UNLOADED_S = 2.0, 0.01
LIMITS = Thresholds()


def seeded(seed: object) -> random.Random:
    """Numbers that are the same in every run."""
    return random.Random(str(seed))  # noqa: S311 - reproducible noise, no secret


class Loop:
    """A closed loop of `servers` servers, each of `capacity` requests per second.

    What differs from trial to trial is every rate, or the servers' capacity alone; `rounded`, requests that come at
    random wait for servers that are free on the whole (the machine repairman's closed form), which rounds the knee.
    """

    def __init__(self, servers: int, capacity: float, noise: float, seed: str, kind: str = "every rate") -> None:
        self.servers, self.capacity, self.noise, self.kind = servers, servers * capacity, noise, kind
        self.knee = self.capacity * (UNLOADED_S + THINK_S)
        self._random = seeded(seed)

    def rate(self, users: int) -> float:
        wobble = math.exp(self._random.gauss(0, self.noise))
        offered = users / (UNLOADED_S + THINK_S)
        if self.kind == "every rate":
            return min(offered, self.capacity) * wobble
        if self.kind == "rounded":
            offered = repairman(users, self.capacity, UNLOADED_S + THINK_S)
        return min(offered, self.capacity * wobble)

    def probe(self, users: int) -> TrialRecord:
        return record(self.servers, users, 0, self.rate(users))

    def trial(self, users: int, block: int) -> TrialRecord:
        """Return the record with the bottleneck that the rules derive."""
        rate = self.rate(users)
        cores = 0.2 * min(1.0, rate / self.capacity)
        names = [f"server-{i + 1}" for i in range(self.servers)]
        seen = observation(
            users=users,
            servers=self.servers,
            unloaded_s=UNLOADED_S,
            samples=samples(round(rate), users, THINK_S),
            hosts=[
                HostSample(t_s=t + 0.5, host=name, cpu_cores=cores, throttled_share=0.9, memory_mb=90.0)
                for name in names
                for t in range(18)
            ],
        )
        return record(self.servers, users, block, rate, bottleneck=bottleneck.of_trial(seen, [], LIMITS).model_dump())


def repairman(users: int, capacity: float, think_s: float) -> float:
    """Throughput of a closed loop with one exponential server and exponential think times, exactly."""
    load = capacity * think_s
    # Ratios of Erlang's B: the server is idle with the probability that `users` lines are all busy at this load.
    idle = 1.0
    for k in range(1, users + 1):
        idle = load * idle / (k + load * idle)
    return capacity * (1 - idle)


def searched(loop: Loop, probe: Callable[[int], TrialRecord] | None = None) -> dict[int, list[TrialRecord]]:
    """Every probe of a search."""
    seen: dict[int, list[TrialRecord]] = {}
    while (next_ := probing.next_probe(SPAN, Objectives(), seen)) is not None:
        load = int(next_.load)
        seen.setdefault(load, []).append((probe or loop.probe)(load))
        assert len(seen[load]) == next_.number
    return seen


def beyond_the_knee(seen: Mapping[int, list[TrialRecord]]) -> int:
    found = knee.fit(probing.rates(seen))
    assert found
    return found.saturating_users


def at_nearly_the_largest_rate(seen: Mapping[int, list[TrialRecord]]) -> int:
    """The rule that was: the smallest load that reaches 95 % of the largest rate."""
    rates = probing.rates(seen)
    return min(load for load, rate in rates.items() if rate >= 0.95 * max(rates.values()))


def gain_at_saturation(noise: float, seed: int, rule: Callable[[Mapping[int, list[TrialRecord]]], int]) -> GainKind:
    """The gain from one server to two, each at its own load, in five blocks."""

    def cell(servers: int) -> CellSummary:
        loop = Loop(servers, seeded(seed).uniform(150, 450), noise, f"{seed}/{servers}")
        users = rule(searched(loop))
        trials = [loop.trial(users, block) for block in range(1, 6)]
        return summarise({"servers": servers, "vusers": users}, trials, [""] * 5, LIMITS)

    return between(cell(1), cell(2), LIMITS).kind


@pytest.mark.parametrize("count", [40, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize(("noise", "share"), [(0.0, 1.0), (0.02, 0.99), (0.04, 0.99), (0.09, 0.95)])
def test_gains_at_saturation_can_be_measured(noise: float, share: float, count: int) -> None:
    studies = range(count) if noise else range(10)
    shown = sum(gain_at_saturation(noise, seed, beyond_the_knee) == GainKind.GAIN for seed in studies)
    assert shown >= share * len(studies)


@pytest.mark.parametrize(("noise", "share"), [(0.0, 1.0), (0.02, 0.6), (0.04, 0.3), (0.09, 0.1)])
def test_at_the_smallest_load_with_nearly_the_largest_rate_they_could_not(noise: float, share: float) -> None:
    studies = range(50) if noise else range(20)
    hidden = sum(gain_at_saturation(noise, seed, at_nearly_the_largest_rate) != GainKind.GAIN for seed in studies)
    assert hidden >= share * len(studies)


KINDS = ("every rate", "capacity", "rounded")


def held(noise: float, kind: str, seeds: range) -> tuple[float, float]:
    """Shares of searches whose intervals hold the true knee, and the true capacity."""
    knees = rates = 0
    for seed in seeds:
        loop = Loop(1, seeded(seed).uniform(150, 900), noise, f"{seed}", kind)
        found = knee.fit(probing.rates(searched(loop)))
        assert found
        users, rate = found.users_estimate, found.rate_estimate
        assert users.low is not None
        assert users.high is not None
        assert rate.low is not None
        assert rate.high is not None
        knees += users.low <= loop.knee <= users.high
        rates += rate.low <= loop.capacity <= rate.high
    return knees / len(seeds), rates / len(seeds)


@pytest.mark.parametrize(("searches", "least"), [(80, 0.87), pytest.param(200, 0.90, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_intervals_hold_the_truth(kind: str, searches: int, least: float) -> None:
    """At each noise, and not by being wider than they need to be."""
    shares = [held(noise, kind, range(searches)) for noise in (0.02, 0.04, 0.09)]
    for of_one in zip(*shares, strict=True):
        assert min(of_one) >= least
        assert sum(of_one) / len(of_one) <= 0.99


@pytest.mark.parametrize("kind", KINDS[:2])
def test_without_noise_the_knee_is_exact(kind: str) -> None:
    loop = Loop(2, 280, 0.0, "0", kind)
    found = knee.fit(probing.rates(searched(loop)))
    assert found
    users, rate = found.users_estimate, found.rate_estimate
    assert (users.low, users.value, users.high) == pytest.approx((loop.knee,) * 3, rel=1e-6)
    assert (rate.low, rate.value, rate.high) == pytest.approx((loop.capacity,) * 3, rel=1e-6)
    assert found.saturating_users == math.ceil(1.3 * users.value * (users.high or 0) / users.value)


def test_the_fit_has_the_least_squares_of_all() -> None:
    rng = seeded(1)
    for _ in range(20):
        rates = {load: min(load / 2, 280) * math.exp(rng.gauss(0, 0.1)) for load in (100, 200, 400, 500, 600, 800)}
        found = knee.fit(rates)
        assert found

        def squares(users: float, rates: dict[int, float] = rates) -> float:
            reduced = [math.log(rate) - min(math.log(load / users), 0) for load, rate in rates.items()]
            return sum((value - sum(reduced) / len(reduced)) ** 2 for value in reduced)

        assert squares(found.users) <= min(squares(100 * 8 ** (step / 1000)) for step in range(1001)) + 1e-12


@pytest.mark.parametrize(
    ("rates", "rising", "level"),
    [
        ({100: 50.0}, 1, 0),
        ({100: 50.0, 200: 100.0, 400: 200.0}, 3, 0),
        ({100: 80.0, 200: 81.0, 400: 79.0}, 0, 3),
        ({100: 50.0, 200: 100.0, 400: 120.0}, 2, 1),
    ],
)
def test_with_too_few_probes_on_one_side_there_is_no_interval(rates: dict[int, float], rising: int, level: int) -> None:
    found = knee.fit(rates)
    assert found
    assert (len(found.rising), len(found.level)) == (rising, level)
    assert found.users_estimate.low is None
    assert (found.rate_estimate.low is None) == (len(found.flat) < 3)
    if level:
        assert found.saturating_users == math.ceil(1.5 * found.users)


def test_without_usable_probes_there_is_no_knee() -> None:
    assert knee.fit({}) is None


def test_users_at_saturation_follow_the_intervals_high_end_within_bounds() -> None:
    factors = {}
    for noise in (0.0, 0.01, 0.04, 0.09):
        found = knee.fit(probing.rates(searched(Loop(1, 400, noise, "7"))))
        assert found
        factors[noise] = found.saturating_users / found.users
    assert factors[0.0] == pytest.approx(1.3, abs=0.002)
    assert 1.3 < factors[0.01] < factors[0.04]
    assert factors[0.04] < factors[0.09] <= 1.502


def test_where_the_service_collapses_the_search_measures_how_far_the_level_extends() -> None:
    loop = Loop(1, 280, 0.0, "0")
    seen = searched(loop, lambda users: record(1, users, 0, loop.rate(users) if users < 650 else None))
    assert probing.first_invalid(seen) in range(650, 683)
    assert max(probing.rates(seen)) in range(617, 650)
    found = knee.fit(probing.rates(seen))
    assert found
    assert found.users == pytest.approx(loop.knee, rel=1e-6)


def test_fitting_needs_no_numpy() -> None:
    code = (
        "import sys; from harness.summarise.search import knee, search; knee.fit({1: 1.0, 2: 1.5}); "
        "print('numpy' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "False"


@pytest.mark.parametrize(("users", "capacity"), [(1, 1.0), (10, 3.0), (40, 20.0)])
def test_the_repairman_of_these_tests_solves_the_birth_and_death_equations(users: int, capacity: float) -> None:
    weights = [1.0]
    for waiting in range(users):
        weights.append(weights[-1] * (users - waiting) / THINK_S / capacity)
    assert repairman(users, capacity, THINK_S) == pytest.approx(capacity * (1 - weights[0] / sum(weights)))

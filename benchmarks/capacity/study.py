"""One simulated study of capacities: single probes, the loads that follow from them, blocks, and the results."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from benchmarks.capacity.trial import Servers, run, truth
from benchmarks.tallies import Addable
from benchmarks.truth.arrivals import Balancing, Every
from harness.grid.thresholds import Thresholds
from harness.summarise.capacity import by_objective, capacity, placement, unequal
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound
from harness.summarise.capacity.placement import LoadSpan
from harness.summarise.gains.gain import GainKind
from harness.summarise.search import bracketing
from harness.summarise.search.bracketing import COVERED, ProbeResult

TOPOLOGIES = (1, 2, 3)
SPEEDS = 32  # a power of 2
SPAN = LoadSpan(1e-6, 1e6)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of study. `noise`, `block` and `drift` change the speed of servers.

    The first two are standard deviations of logarithms, of a trial and of a whole block; the last is the change over
    all blocks. Probes have the noise of trials.
    """

    name: str
    noise: float = 0.03
    block: float = 0.0
    drift: float = 0.0
    blocks: int = 5
    until: float = 0.05
    servers: Servers = field(default_factory=Servers)

    @property
    def speeds(self) -> tuple[float, ...]:
        """Equally likely speeds of a trial."""
        return speeds_of(math.hypot(self.noise, self.block), self.drift)

    def truth(self, count: int) -> float:
        """The true capacity of `count` servers."""
        return truth(self.servers, count, self.speeds)


def speeds_of(noise: float, drift: float = 0.0) -> tuple[float, ...]:
    """Quantiles of lognormal speeds with this standard deviation, with the drift in van der Corput's order."""
    found = []
    for number in range(SPEEDS):
        when = int(f"{number:0{SPEEDS.bit_length() - 1}b}"[::-1], 2) / SPEEDS + 0.5 / SPEEDS - 0.5
        found.append(math.exp(noise * NormalDist().inv_cdf((number + 0.5) / SPEEDS)) * (1 + drift * when))
    return tuple(found)


LOGNORMAL = Servers(slots=1, service_s=0.007, cv=1.0, p95_s=0.07)
ONE_SLOT = Servers(slots=1, service_s=0.007, p95_s=0.07)

SCENARIOS = (
    Scenario(name="constant service, 3 %"),
    Scenario(name="constant service, 6 %", noise=0.06),
    Scenario(name="constant service, 10 %", noise=0.10),
    Scenario(name="3 %, blocks differ by 6 %", block=0.06),
    Scenario(name="3 %, drift of −15 %", drift=-0.15),
    Scenario(name="3 %, 3 blocks", blocks=3),
    Scenario(name="3 %, 10 blocks", blocks=10),
    Scenario(name="3 %, p95 at twice the service time", servers=Servers(p95_s=0.1)),
    Scenario(name="3 %, windows of 60 s", servers=Servers(window_s=(3.0, 63.0))),
    Scenario(name="6 %, windows of 60 s", noise=0.06, servers=Servers(window_s=(3.0, 63.0))),
    Scenario(name="lognormal service of CV 1, 3 %", servers=LOGNORMAL),
    Scenario(name="lognormal service of CV 1, 6 %", noise=0.06, servers=LOGNORMAL),
    Scenario(name="lognormal CV 3", servers=replace(LOGNORMAL, cv=3.0)),
    Scenario(name="1 % of requests at 100 × cost", servers=Servers(service_s=0.025, rare=0.01)),
    Scenario(name="1 % of requests at 100 × cost, one slot", servers=replace(ONE_SLOT, service_s=0.0035, rare=0.01)),
    Scenario(name="pauses of 0.3 s every 5 s", servers=Servers(pause=Every(length_s=0.3, every_s=5.0))),
    Scenario(name="pauses of 1 s every 30 s", servers=Servers(pause=Every(length_s=1.0, every_s=30.0))),
    Scenario(name="warm-up inside the window", servers=Servers(warm_up_s=8.0)),
    Scenario(name="generator stalls of 80 ms a second", servers=Servers(stall=Every(length_s=0.08, every_s=1.0))),
    Scenario(name="queues that grow over the window", servers=Servers(slots=1, service_s=0.05, p95_s=0.95)),
    Scenario(name="one slow server of three", servers=Servers(speeds=(1.0, 1.0, 0.8))),
    Scenario(name="one server 10 % slower, 1 %", noise=0.01, servers=Servers(speeds=(1.0, 1.0, 0.9))),
    Scenario(name="one server 10 % slower", servers=Servers(speeds=(1.0, 1.0, 0.9))),
    Scenario(name="two slow servers of five", servers=Servers(speeds=(1.0, 1.0, 1.0, 0.8, 0.8))),
    Scenario(name="unequal servers (CV 3 %), 1 %", noise=0.01, servers=Servers(speeds=(1.03, 1.0, 0.97))),
    Scenario(name="unequal servers (CV 3 %)", servers=Servers(speeds=(1.03, 1.0, 0.97))),
    Scenario(name="M/M/1", servers=replace(ONE_SLOT, exponential=True, balancing=Balancing.RANDOM)),
    Scenario(name="M/M/7", servers=Servers(exponential=True, balancing=Balancing.RANDOM)),
    Scenario(name="random balancing", servers=Servers(balancing=Balancing.RANDOM)),
    Scenario(name="least connections", servers=Servers(balancing=Balancing.LEAST_CONNECTIONS)),
    Scenario(name="0.4 % of requests hang", servers=Servers(hanging=0.004)),
    Scenario(name="4 % of requests hang", servers=Servers(hanging=0.04)),
    Scenario(name="6 % of requests hang: no load is good enough", servers=Servers(hanging=0.06)),
    Scenario(name="rare errors below their objective", servers=Servers(failing=0.0005, error_rate=0.001)),
    Scenario(name="worse at low load", servers=Servers(cold_after_s=0.2, cold_s=0.25)),
)


@dataclass(kw_only=True)
class Tally(Addable):
    """Counts over studies: of their capacities, then of the gains."""

    capacities: int = 0
    exact: int = 0
    covered: int = 0
    covered_nominal: int = 0  # by the capacity at the servers' nominal speed
    bounds: int = 0
    bounds_covered: int = 0
    gains: int = 0
    gains_exact: int = 0
    gains_covered: int = 0
    probes: int = 0
    errors: list[float] = field(default_factory=list)
    gain_errors: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)  # ln of the middle load / truth


def one(scenario: Scenario, number: int) -> Tally:
    """Simulate and judge the study of this number, which is its seed."""
    random_of = np.random.default_rng([zlib.crc32(scenario.name.encode()), number])
    found = Tally()
    probes = {count: _probes(scenario, count, random_of, number, found) for count in TOPOLOGIES}
    loads = {count: _first_loads(scenario.servers, probes[count]) for count in TOPOLOGIES}
    for count in TOPOLOGIES:
        true = scenario.truth(count)
        if true and loads[count]:
            found.offsets.append(math.log(loads[count][len(loads[count]) // 2] / true))
    measured: dict[int, list[Count]] = {count: [] for count in TOPOLOGIES}
    for block in range(1, scenario.blocks + 1):
        loads = {c: placement.following(loads[c], measured[c], scenario.servers.allowed, SPAN) for c in TOPOLOGIES}
        cells = [(count, load) for count in TOPOLOGIES for load in loads[count]]
        whole = random_of.normal(0, scenario.block)
        for place, at in enumerate(random_of.permutation(len(cells))):
            count, load = cells[at]
            when = (block - 1 + (place + 0.5) / len(cells)) / scenario.blocks
            speed = math.exp(whole + random_of.normal(0, scenario.noise)) * (1 + scenario.drift * (when - 0.5))
            found_count = run(scenario.servers, count, load, speed, block, random_of, number)
            if found_count is not None:
                measured[count].append(found_count)
    capacities = [
        capacity.of_topology({}, count, "rate", measured[count], scenario.servers.allowed, scenario.servers.line_error)
        for count in TOPOLOGIES
    ]
    capacities = unequal.without_unequal(
        capacities, [measured[count] for count in TOPOLOGIES], scenario.servers.allowed
    )
    for each in capacities:
        _count(found, each, scenario.truth(each.servers), truth(scenario.servers, each.servers))
    for gain in capacity.all_gains(capacities, Thresholds()):
        smaller, larger = (scenario.truth(each) for each in (gain.from_servers, gain.to_servers))
        true = larger / smaller if smaller else math.nan  # an interval never contains it
        found.gains += 1
        if gain.kind == GainKind.GAIN and gain.ratio and gain.ratio.low is not None and gain.ratio.high is not None:
            found.gains_exact += 1
            found.gains_covered += gain.ratio.low <= true <= gain.ratio.high
            found.gain_errors.append(gain.ratio.value / true - 1)
    return found


def _probes(scenario: Scenario, count: int, random_of: np.random.Generator, number: int, found: Tally) -> list[Count]:
    """The single probes of one topology."""
    servers = scenario.servers
    probes: list[Count] = []
    results: dict[float, list[ProbeResult]] = {}
    begin, until = float(random_of.uniform(0.05, 0.1)) * servers.rate, min(scenario.until, COVERED)
    while (following := bracketing.next_probe(begin, SPAN.most, until, results, whole=False)) is not None:
        speed = math.exp(random_of.normal(0, scenario.noise))
        probe = run(servers, count, following.load, speed, 0, random_of, number)
        results.setdefault(following.load, []).append(_result(servers, probe))
        probes += [probe] if probe is not None else []
        found.probes += 1
    return probes


def _result(servers: Servers, probe: Count | None) -> ProbeResult:
    if probe is None:
        return ProbeResult.UNCOUNTED
    if probe.failed == probe.requests:
        return ProbeResult.BEHIND
    met = all(by_objective.over(probe, name) <= share * probe.requests for name, share in servers.allowed.items())
    return ProbeResult.MET if met else ProbeResult.MISSED


def _first_loads(servers: Servers, probes: list[Count]) -> tuple[float, ...]:
    """The loads of the first block by the probes of one topology."""
    results: dict[float, list[ProbeResult]] = {}
    for probe in probes:
        results.setdefault(probe.load, []).append(_result(servers, probe))
    ends = bracketing.bracket(results)
    return placement.first(ends.low, ends.high, probes, servers.allowed, SPAN)


def _count(found: Tally, one: Capacity, true: float, nominal: float) -> None:
    found.capacities += 1
    if one.bound == Bound.EXACT and one.value is not None and one.low is not None and one.high is not None:
        found.exact += 1
        found.covered += one.low <= true <= one.high
        found.covered_nominal += one.low <= nominal <= one.high
        found.errors.append(one.value / true - 1 if true else math.inf)
        found.widths.append(math.log(one.high / one.low) / 2)
    elif one.bound in (Bound.AT_LEAST, Bound.BELOW):
        found.bounds += 1
        found.bounds_covered += (one.low or 0) <= true <= (one.high or math.inf)

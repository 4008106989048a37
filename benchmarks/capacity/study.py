"""One simulated study of capacities: single probes, the loads that follow from them, blocks, and the results."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, fields

import numpy as np

from benchmarks.capacity.trial import Servers, run, truth
from harness.grid.schema import P95
from harness.grid.thresholds import Thresholds
from harness.summarise.capacity import capacity, placement
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound
from harness.summarise.capacity.placement import LoadSpan
from harness.summarise.gains.gain import GainKind
from harness.summarise.search import bracketing
from harness.summarise.search.bracketing import COVERED, ProbeResult

TOPOLOGIES = (1, 2, 3)
WANTED = {"p95": P95}
SPAN = LoadSpan(1e-6, 1e6)
SERVED = 0.98  # of the offered rate, below which a trial falls behind


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
    Scenario(name="lognormal service of CV 1, 3 %", servers=Servers(slots=1, service_s=0.007, cv=1.0, p95_s=0.07)),
    Scenario(
        name="lognormal service of CV 1, 6 %", noise=0.06, servers=Servers(slots=1, service_s=0.007, cv=1.0, p95_s=0.07)
    ),
)


@dataclass(kw_only=True)
class Tally:
    """Counts over studies: of their capacities, then of the gains."""

    capacities: int = 0
    exact: int = 0
    covered: int = 0
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

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def one(scenario: Scenario, number: int) -> Tally:
    """Simulate and judge the study of this number, which is its seed."""
    random_of = np.random.default_rng([zlib.crc32(scenario.name.encode()), number])
    found = Tally()
    probes = {count: _probes(scenario, count, random_of, found) for count in TOPOLOGIES}
    loads = {count: _first_loads(probes[count]) for count in TOPOLOGIES}
    for count in TOPOLOGIES:
        found.offsets.append(math.log(loads[count][len(loads[count]) // 2] / truth(scenario.servers, count)))
    counts: dict[int, list[Count]] = {count: [] for count in TOPOLOGIES}
    for block in range(1, scenario.blocks + 1):
        loads = {c: placement.following(loads[c], counts[c], WANTED, SPAN) for c in TOPOLOGIES}
        cells = [(count, load) for count in TOPOLOGIES for load in loads[count]]
        whole = random_of.normal(0, scenario.block)
        for place, at in enumerate(random_of.permutation(len(cells))):
            count, load = cells[at]
            when = (block - 1 + (place + 0.5) / len(cells)) / scenario.blocks
            speed = math.exp(whole + random_of.normal(0, scenario.noise)) * (1 + scenario.drift * (when - 0.5))
            counts[count].append(run(scenario.servers, count, load, speed, block, random_of))
    capacities = [capacity.of_topology({}, count, "rate", counts[count], WANTED) for count in TOPOLOGIES]
    for each in capacities:
        _count(found, each, truth(scenario.servers, each.servers))
    for gain in capacity.all_gains(capacities, Thresholds()):
        true = truth(scenario.servers, gain.to_servers) / truth(scenario.servers, gain.from_servers)
        found.gains += 1
        if gain.kind == GainKind.GAIN and gain.ratio and gain.ratio.low is not None and gain.ratio.high is not None:
            found.gains_exact += 1
            found.gains_covered += gain.ratio.low <= true <= gain.ratio.high
            found.gain_errors.append(gain.ratio.value / true - 1)
    return found


def _probes(scenario: Scenario, count: int, random_of: np.random.Generator, found: Tally) -> list[Count]:
    """The single probes of one topology."""
    servers = scenario.servers
    probes: list[Count] = []
    results: dict[float, list[ProbeResult]] = {}
    begin, until = float(random_of.uniform(0.05, 0.1)) * servers.rate, min(scenario.until, COVERED)
    while (following := bracketing.next_probe(begin, SPAN.most, until, results, whole=False)) is not None:
        speed = math.exp(random_of.normal(0, scenario.noise))
        probe = run(servers, count, following.load, speed, 0, random_of)
        results.setdefault(following.load, []).append(_result(servers, probe))
        probes.append(probe)
    found.probes += len(probes)
    return probes


def _result(servers: Servers, probe: Count) -> ProbeResult:
    from_s, to_s = servers.window_s
    if probe.requests < SERVED * (probe.offered or 0.0) * (to_s - from_s):
        return ProbeResult.BEHIND
    return ProbeResult.MET if probe.late <= P95 * probe.requests else ProbeResult.MISSED


def _first_loads(probes: list[Count]) -> tuple[float, ...]:
    """The loads of the first block by the probes of one topology."""
    results: dict[float, list[ProbeResult]] = {}
    for probe in probes:
        results.setdefault(probe.load, []).append(
            ProbeResult.MET if probe.late <= P95 * probe.requests else ProbeResult.MISSED
        )
    ends = bracketing.bracket(results)
    return placement.first(ends.low, ends.high, probes, WANTED, SPAN)


def _count(found: Tally, one: Capacity, true: float) -> None:
    found.capacities += 1
    if one.bound == Bound.EXACT and one.value is not None and one.low is not None and one.high is not None:
        found.exact += 1
        found.covered += one.low <= true <= one.high
        found.errors.append(one.value / true - 1)
        found.widths.append(math.log(one.high / one.low) / 2)
    elif one.bound in (Bound.AT_LEAST, Bound.BELOW):
        found.bounds += 1
        found.bounds_covered += (one.low or 0) <= true <= (one.high or math.inf)

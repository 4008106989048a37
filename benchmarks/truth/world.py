"""The conditions of a simulated study: speed of the machines, stalls, and freezes of the generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from benchmarks.truth.loop import Setup
from benchmarks.truth.pace import Array, Pace, Steps, combined
from benchmarks.truth.trial import Conditions
from harness.plan.order import SWITCH_S

LONGEST_STALL_S, SHORTEST_STALL_S = 2.0, 1.0
VERIFY_ROUNDS = 2  # requests to every server before a load, as in harness/traffic/run_load.py


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of study. Shares are 0–1, times seconds.

    `truth` has the gains of the steps in their order; None: the gains of the same study without noise.
    """

    name: str
    noise: float = 0.03  # of a trial's speed, as a standard deviation of logarithms
    setup: Setup = field(default_factory=Setup)
    truth: tuple[float, ...] | None = (2.0, 1.5)
    drift: float = 0.0  # of the machine's speed over the whole study
    drift_in_block: float = 0.0  # the same within every block
    position: float = 0.0  # change of speed with each position in a block
    phases: float = 0.0  # the speed alternates between higher and lower, for 20 to 40 s each
    one_stall: bool = False  # one of 2 s in the whole study
    stalls: float = 0.0  # share of trials with one of 1 to 2 s
    stall_at: tuple[float, ...] = ()  # ... at one of these seconds, else anywhere
    frozen: float = 0.0  # share of trials in which the generator freezes once in the window
    frozen_s: float = 1.0
    second_slower: float = 0.0  # by which share a request takes longer on server-2
    service: str = "constant"
    warm_up_s: float = 0.0  # from half the speed of servers to their full speed
    fixed_order: bool = False  # every study in the order of one seed
    cold_s: float = 0.0  # additional time of the requests for R0
    events: dict[str, int] | None = None
    busy_second: float | None = None  # cores that another process uses on the generator in one second
    clean: bool = True  # counts in the total of wrong bottlenecks
    criterion: str = ""


def phases(by: float, random_of: np.random.Generator, until_s: float = 3600.0) -> Steps:
    """A speed that alternates between higher and lower."""
    sign, at, found = float(random_of.choice([-1, 1])), 0.0, []
    while at < until_s:
        found.append((at, 1 + sign * by))
        sign, at = -sign, at + float(random_of.uniform(20, 40))
    return found


def works(kind: str, mean_s: float, count: int, random_of: np.random.Generator) -> Array:
    """Draw the service times of requests; raise ValueError for an unknown distribution."""
    if kind == "constant":
        return np.full(count, mean_s)
    if kind == "exponential":
        return random_of.exponential(mean_s, count)
    if kind == "erlang":  # of four steps, CV 0.5
        return random_of.gamma(4, mean_s / 4, count)
    if kind == "lognormal":  # CV 5
        spread = math.log(1 + 5**2)
        return mean_s * random_of.lognormal(-spread / 2, math.sqrt(spread), count)
    if kind == "pareto":  # of index 1.5, whose variance is infinite
        found: Array = mean_s / 3 * (1 + random_of.pareto(1.5, count))
        return found
    raise ValueError(f"{kind!r}: unknown distribution. Allowed: constant, erlang, exponential, lognormal, pareto")


class World:
    """The environment of one study; `clock_s` is the time since its start."""

    def __init__(self, scenario: Scenario, trials: int, blocks: int, random_of: np.random.Generator) -> None:
        self.scenario, self.random, self.clock_s = scenario, random_of, 0.0
        self.trials, self.blocks = trials, blocks
        self._phases = Pace(phases(scenario.phases, random_of)) if scenario.phases else None
        self._stalled = int(random_of.integers(trials)) if scenario.one_stall else -1
        self._done = 0

    def conditions(self, servers: int, in_block: int) -> Conditions:
        """The conditions of the next trial, the `in_block`-th of its block, from 0 on."""
        s, setup, random_of = self.scenario, self.scenario.setup, self.random
        speed = math.exp(random_of.normal(0, s.noise)) * (1 + s.position) ** in_block
        parts = [Pace([(-10.0, speed)])]
        if s.drift:
            parts.append(self._sloping(s.drift, self._done / self.trials, 1 / self.trials))
        if s.drift_in_block:
            many = self.trials / self.blocks
            parts.append(self._sloping(s.drift_in_block, in_block / many, 1 / many))
        if self._phases is not None:
            begin = self.clock_s
            later = [(at - begin, v) for at, v in self._phases.steps if begin < at < begin + 120]
            parts.append(Pace([(-10.0, self._phases.speed(begin)), *later]))
        machine = combined(parts)
        own = [self._server(machine, i) for i in range(servers)]
        self._stall(own)
        self._done += 1
        return Conditions(
            machine=machine,
            servers=own,
            freezes=self._freeze(),
            unloaded_s=self._unloaded(own),
            events=s.events,
            generator_busy=None if s.busy_second is None else (random_of.uniform(0, setup.duration_s), s.busy_second),
        )

    def over(self, load_s: float) -> None:
        """Advance the clock by a load and the switch to the next trial."""
        self.clock_s += load_s + SWITCH_S

    def _sloping(self, by: float, begin: float, long: float) -> Pace:
        """The speed within one trial of a drift; `begin` and `long` are shares of the whole drift."""
        whole = self.scenario.setup.duration_s
        return Pace(
            [(-10.0, 1 + by * begin), *((t, 1 + by * (begin + long * t / whole)) for t in np.arange(1.0, whole))]
        )

    def _server(self, machine: Pace, number: int) -> Pace:
        s = self.scenario
        parts = [machine]
        if s.second_slower and number == 1:
            parts.append(Pace([(-10.0, 1 / (1 + s.second_slower))]))
        if s.warm_up_s:
            warming = [(t, 0.5 + 0.5 * t / s.warm_up_s) for t in np.arange(1.0, s.warm_up_s)]
            parts.append(Pace([(-10.0, 0.5), *warming, (s.warm_up_s, 1.0)]))
        return combined(parts) if len(parts) > 1 else machine

    def _stall(self, own: list[Pace]) -> None:
        """Stall all servers or a single one, each in half of the cases."""
        s, random_of = self.scenario, self.random
        if self._done == self._stalled:
            long = LONGEST_STALL_S
        elif random_of.random() < s.stalls:
            long = float(random_of.uniform(SHORTEST_STALL_S, LONGEST_STALL_S))
        else:
            return
        latest = s.setup.duration_s
        begin = float(random_of.choice(s.stall_at)) if s.stall_at else float(random_of.uniform(0, latest))
        stop = Pace([(-10.0, 1.0), (begin, 0.0), (begin + long, 1.0)])
        all_of_them = random_of.random() < 0.5
        chosen = range(len(own)) if all_of_them else [int(random_of.integers(len(own)))]
        for i in chosen:
            own[i] = combined([own[i], stop])

    def _freeze(self) -> list[tuple[float, float]]:
        s, random_of = self.scenario, self.random
        if random_of.random() >= s.frozen:
            return []
        begin = float(random_of.uniform(s.setup.ramp_up_s + s.setup.think_s, s.setup.duration_s - s.frozen_s))
        return [(begin, begin + s.frozen_s)]

    def _unloaded(self, own: list[Pace]) -> float:
        """R0, the lower median of a few requests to each idle server."""
        s, setup = self.scenario, self.scenario.setup
        took: list[float] = [
            s.cold_s + setup.path_s + float(work) / pace.speed(-1.0)
            for pace in own
            for work in works(s.service, setup.service_s, VERIFY_ROUNDS, self.random)
        ]
        return sorted(took)[(len(took) - 1) // 2]

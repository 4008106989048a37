"""The speeds of servers: a capacity is no property of a topology whose servers differ and take turns. Pure.

Servers rotate over blocks, so a topology smaller than the fleet has other servers in each block. Where one of them is
much slower, the requests over an objective come from its few blocks alone, and no interval over blocks is valid. The
report then names the server instead.

The speeds follow from all topologies together. In a trial the share over the objective is the mean of its servers'
shares, as each of them gets as many requests. The probit of a server's share is a line over ln(load per server),
shifted by the topology, the block and the server. The fit minimises squared errors of bounded probits, with priors that
keep slopes and blocks plausible (ridge regression: A. E. Hoerl and R. W. Kennard, Technometrics 12, 1970). An F test
compares it with the fit of equal servers: N. R. Draper and H. Smith, "Applied Regression Analysis" (1998), chapter 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from harness.language import tr
from harness.summarise.capacity import by_objective
from harness.summarise.capacity import counts as counting
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound, BoundReason, BoundReasonKind, Crossing
from harness.summarise.statistics.intervals import Array
from harness.words import percent

SIGNIFICANCE = 0.05
LEAST_DIFFERENCE = 0.05  # of the slowest server from the mean: smaller ones are in the intervals, by simulation
LEAST_FREEDOM = 5
FARTHEST = 2.0  # probits from the objective that are approached: farther shares show an overload, and no speed
USUAL_SLOPE, SLOPE_SPREAD = 12.0, 0.4  # probits over ln(load), and the standard deviation of its logarithm
BLOCK_SPREAD = 0.04  # of ln(speed), between blocks
TRIAL_SPREAD = 0.8  # probits, of a trial from its line
LEAST_RESIDUAL = 0.5  # of the mean squared error relative to TRIAL_SPREAD: less is chance
SLOWER = 0.2  # of ln(speed), of the one server from which a fit begins
STEPS = 400
LARGEST_EFFECT = 5.0  # of ln(speed): a fit to shares that hardly depend on the load may go on to infinity
EDGE = 1e-12  # of a share, so that its probit is finite


@dataclass(frozen=True, kw_only=True)
class ServerSpeeds:
    """Speeds relative to their geometric mean, by server; `p` is the p value of the F test against equal servers."""

    speeds: Mapping[str, float]
    p: float

    @property
    def slowest(self) -> str:
        """Name of the slowest server."""
        return min(self.speeds, key=lambda name: self.speeds[name])

    @property
    def differ(self) -> bool:
        """Whether the slowest server is slower by more than chance, and by more than intervals include."""
        return self.p < SIGNIFICANCE and self.speeds[self.slowest] < 1 - LEAST_DIFFERENCE

    @property
    def reason(self) -> BoundReason:
        """Why there is no capacity of a topology in which these servers take turns."""
        own = math.log(self.speeds[self.slowest])
        others = -own / (len(self.speeds) - 1)  # the geometric mean of all is 1
        text = tr(
            "{slowest} is about {percent} slower than the other servers",
            slowest=self.slowest,
            percent=percent(-math.expm1(own - others)),
        )
        return BoundReason(
            BoundReasonKind.UNEQUAL_SERVERS, tr("{text}: the capacity depends on which take part", text=text)
        )


def without_unequal(
    capacities: Sequence[Capacity], counts: Sequence[Sequence[Count]], allowed: Mapping[str, float]
) -> list[Capacity]:
    """The same capacities, with a reason instead for topologies whose blocks have servers of different speeds.

    `counts` has the trials of each capacity; `allowed` is objective → the share of requests that may be over.
    """
    if not any(map(_take_turns, counts)):
        return list(capacities)
    found = [of_trials(counts, name, share) for name, share in allowed.items() if name != "error_rate"]
    unequal = next((each for each in found if each is not None and each.differ), None)
    return [
        one
        if unequal is None or one.bound == Bound.NONE or not _take_turns(trials)
        else replace(
            one,
            crossing=Crossing(objective=one.crossing.objective, bound=Bound.NONE, reason=unequal.reason),
            limit=None,
        )
        for one, trials in zip(capacities, counts, strict=True)
    ]


def _take_turns(counts: Sequence[Count]) -> bool:
    return len({count.servers for count in counts if count.servers}) > 1


def of_trials(topologies: Sequence[Sequence[Count]], objective: str, share: float) -> ServerSpeeds | None:
    """The speeds of servers by the trials of all topologies; None where the trials are too few for them."""
    from scipy import special  # here, because loading it takes a second that a start should not

    found = _shares(topologies, objective, share)
    effects, freedom = len(found.names) - 1, len(found.load) - 2 * found.topologies - len(found.names) + 1
    if effects < 1 or freedom < LEAST_FREEDOM:
        return None
    equal = _fitted(found, found.start(), [])
    unequal = min((_fitted(found, equal.at, begin) for begin in _begins(found, equal.at)), key=lambda fit: fit.error)
    error = max(unequal.error / freedom, LEAST_RESIDUAL)
    ratio = max(equal.error - unequal.error, 0.0) / effects / error
    speeds = np.clip(found.server_effects(unequal.at), -LARGEST_EFFECT, LARGEST_EFFECT)
    return ServerSpeeds(
        speeds={name: math.exp(each) for name, each in zip(found.names, speeds, strict=True)},
        p=float(special.fdtrc(effects, freedom, ratio)),
    )


@dataclass(frozen=True, kw_only=True)
class _Shares:
    """Trials as arrays of shape (n,): topology and block as indices, ln(load per server), bounded probit of the share.

    `part` has the part of each server in the requests of a trial, shape (n, servers). Parameters of the model are the
    crossings of topologies, ln of their slopes, blocks, and the servers but the last, whose effects sum to 0.
    """

    topology: Array
    block: Array
    load: Array
    probit: Array
    part: Array
    names: Sequence[str]
    aim: float

    @cached_property
    def topologies(self) -> int:
        return len(set(self.topology.tolist()))

    @cached_property
    def blocks(self) -> int:
        return len(set(self.block.tolist()))

    def server_effects(self, at: Array) -> Array:
        """Ln of the servers' speeds, all 0 where `at` has none."""
        own = at[2 * self.topologies + self.blocks :]
        effects: Array = np.append(own, -own.sum()) if len(own) else np.zeros(len(self.names))
        return effects

    def start(self) -> Array:
        """Parameters to begin with: the crossing of each topology that fits best under the usual slope."""
        crossings = []
        for number in range(self.topologies):
            load, probit = self.load[self.topology == number], self.probit[self.topology == number]
            tried = np.linspace(load.min(), load.max(), 41)
            errors = [((bounded(USUAL_SLOPE * (load - each)) - probit) ** 2).sum() for each in tried]
            crossings.append(tried[int(np.argmin(errors))])
        return np.array([*crossings, *[math.log(USUAL_SLOPE)] * self.topologies, *[0.0] * self.blocks])

    def errors(self, at: Array) -> Array:
        """The errors of all trials, then the distances from the priors, both in standard deviations."""
        from scipy import special

        count = self.topologies
        slopes, blocks = at[count : 2 * count], at[2 * count : 2 * count + self.blocks]
        beyond = self.load - at[:count][self.topology] - blocks[self.block]
        each = np.exp(slopes)[self.topology][:, None] * (beyond[:, None] - self.server_effects(at)[None, :])
        share = np.clip((self.part * special.ndtr(self.aim + each)).sum(axis=1), EDGE, 1 - EDGE)
        found: Array = np.concatenate(
            [
                (bounded(special.ndtri(share) - self.aim) - self.probit) / TRIAL_SPREAD,
                (slopes - math.log(USUAL_SLOPE)) / SLOPE_SPREAD,
                blocks / BLOCK_SPREAD,
            ]
        )
        return found


def bounded(beyond: Array) -> Array:
    """Probits beyond the objective, which approach FARTHEST."""
    found: Array = FARTHEST * np.tanh(beyond / FARTHEST)
    return found


@dataclass(frozen=True)
class _Fit:
    at: Array
    error: float  # sum of squares


def _fitted(shares: _Shares, at: Array, servers: Sequence[float]) -> _Fit:
    """The best fit that is found from these parameters and these effects of servers, none for equal ones."""
    from scipy import optimize

    best = optimize.least_squares(shares.errors, np.append(at, servers[:-1]), method="lm", max_nfev=STEPS)
    return _Fit(best.x, 2 * float(best.cost))


def _begins(shares: _Shares, at: Array) -> list[list[float]]:
    """Effects of servers to begin with: all equal, and the two single slow servers that fit best."""
    count = len(shares.names)
    single = [[SLOWER / count - SLOWER * (one == slow) for one in range(count)] for slow in range(count)]
    single.sort(key=lambda begin: float((shares.errors(np.append(at, begin[:-1])) ** 2).sum()))
    return [[0.0] * count, *single[:2]]


def _shares(topologies: Sequence[Sequence[Count]], objective: str, share: float) -> _Shares:
    from scipy import special

    aim = float(special.ndtri(share))
    trials: list[tuple[int, Count]] = []
    for counts in topologies:
        about = [by_objective.of_objective(count, objective) for count in counts if count.servers]
        number = trials[-1][0] + 1 if trials else 0
        trials += [(number, count) for count in counting.comparable([count for count in about if count.requests])]
    requests = np.array([count.requests for _, count in trials], dtype=float)
    over = np.array([by_objective.over(count, objective) for _, count in trials], dtype=float)
    half = np.minimum(0.5, share * requests / 2)  # keeps the probit finite
    blocks = sorted({count.block for _, count in trials})
    names = sorted({name for _, count in trials for name in count.servers})
    return _Shares(
        topology=np.array([number for number, _ in trials], dtype=int),
        block=np.array([blocks.index(count.block) for _, count in trials], dtype=int),
        load=np.log([(count.offered or count.load) / len(count.servers) for _, count in trials]),
        probit=bounded(special.ndtri((over + half) / (requests + 2 * half)) - aim),
        part=np.array([[(name in count.servers) / len(count.servers) for name in names] for _, count in trials]),
        names=names,
        aim=aim,
    )

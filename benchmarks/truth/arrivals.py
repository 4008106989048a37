"""Simulate an open load, request by request, independently of the product.

A request is due at a time of a Poisson process. A generator that stalls sends it late, and sees its response late. A
server serves it, lets it hang or fails it. `simulate` returns all of them, so that a truth is a count over a very long
load, and a trial is a count over the window of a short one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from benchmarks.truth.queues import Array, Clock, Numbers, clock, least_connections, served

Flags = np.ndarray[Any, np.dtype[np.bool_]]
REFUSED_S = 0.001  # time of a request to a server that is dead


class Balancing(StrEnum):
    """How the balancer selects a server."""

    ROUND_ROBIN = "round robin"
    RANDOM = "random"
    LEAST_CONNECTIONS = "least connections"


@dataclass(frozen=True, kw_only=True)
class Every:
    """A disturbance of `length_s` that begins every `every_s`, for the first time at a random moment."""

    length_s: float
    every_s: float


@dataclass(frozen=True, kw_only=True)
class Killed:
    """The first server ends at `at_s`; the balancer sends it requests, which fail at once, for another `noticed_s`."""

    at_s: float
    noticed_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ServiceModel:
    """Servers behind a balancer, with a queue and `slots` each; shares are 0–1.

    A request takes `service_s` on average without `rare`; its time is constant, exponential, or lognormal with this
    `cv`. A share `rare` of requests costs `rare_cost` times as much. `cold_s` is added to a request that arrives more
    than `cold_after_s` after the one before it at its server. A share `hanging` never gets a response and occupies no
    slot, and a share `failing` fails after its service. A response after `timeout_s` is a failure.
    """

    slots: int = 7
    service_s: float = 0.05
    exponential: bool = False
    cv: float = 0.0
    rare: float = 0.0
    rare_cost: float = 100.0
    cold_after_s: float = 0.0
    cold_s: float = 0.0
    hanging: float = 0.0
    failing: float = 0.0
    timeout_s: float = 10.0
    balancing: Balancing = Balancing.ROUND_ROBIN
    warm_up_s: float = 0.0
    pause: Every | None = None  # of each server, independently of the others
    stall: Every | None = None  # of the generator
    killed: Killed | None = None

    @property
    def rate(self) -> float:
        """The maximum rate of one server in requests per second."""
        return self.slots / (self.service_s * (1 + self.rare * (self.rare_cost - 1)))


@dataclass(frozen=True, kw_only=True)
class Requests:
    """All requests of a load by the time at which they were due, ascending; times in seconds.

    `response_s` is the time from then until the generator has the response, infinite without one. `failed` requests
    had none, or an error, or one after the timeout. `delay_s` is the delay of the send.
    """

    due_s: Array
    response_s: Array
    failed: Flags
    delay_s: Array
    server: Numbers

    def late(self, within_s: float) -> Flags:
        """Which requests failed or took longer than this."""
        found: Flags = self.failed | (self.response_s > within_s)
        return found


def simulate(
    model: ServiceModel,
    servers: int,
    rate_per_s: float,
    seed: int | np.random.Generator,
    duration_s: float,
    speeds: Sequence[float] = (),
) -> Requests:
    """All requests that are due in a load of this duration; `speeds` are those of the servers, 1 if empty.

    Raise ValueError for a killed server behind least connections, or if it is the only one.
    """
    random_of = np.random.default_rng(seed)
    count = int(random_of.poisson(rate_per_s * duration_s))
    gaps = random_of.exponential(1.0, count + 1).cumsum()
    due_s: Array = gaps[:-1] / gaps[-1] * duration_s
    stalls = None if model.stall is None else _stalls(model.stall, duration_s, random_of)
    sent_s = _thawed(due_s, stalls)
    clocks = [_clock(model, duration_s, speed, random_of) for speed in speeds or [1.0] * servers]
    works = _works(model, count, random_of)
    hangs = random_of.random(count) < model.hanging if model.hanging else np.zeros(count, dtype=bool)
    failed = random_of.random(count) < model.failing if model.failing else np.zeros(count, dtype=bool)
    end_s, server = _ends(model, sent_s, works, ~hangs, clocks, random_of)
    if model.killed is not None:
        failed |= _died(model.killed, sent_s, end_s, server)
    response_s = _thawed(end_s, stalls) - due_s
    response_s[hangs] = np.inf
    failed = failed | (response_s > model.timeout_s)
    return Requests(due_s=due_s, response_s=response_s, failed=failed, delay_s=sent_s - due_s, server=server)


def _works(model: ServiceModel, count: int, random_of: np.random.Generator) -> Array:
    """The work of every request, as seconds at speed 1."""
    works: Array = np.full(count, model.service_s)
    if model.exponential:
        works *= random_of.exponential(1.0, count)
    if model.cv:
        spread = np.log1p(model.cv**2)
        works *= random_of.lognormal(-spread / 2, np.sqrt(spread), count)
    if model.rare:
        works[random_of.random(count) < model.rare] *= model.rare_cost
    return works


def _clock(model: ServiceModel, duration_s: float, speed: float, random_of: np.random.Generator) -> Clock:
    if model.pause is None:
        return clock(duration_s, speed, model.warm_up_s)
    begin_s = float(random_of.uniform(0, model.pause.every_s))
    return clock(duration_s, speed, model.warm_up_s, (model.pause.length_s, model.pause.every_s, begin_s))


def _stalls(stall: Every, duration_s: float, random_of: np.random.Generator) -> tuple[Array, float]:
    """The begins of the generator's stalls, and their length."""
    begin_s = float(random_of.uniform(0, stall.every_s))
    return np.arange(begin_s - stall.every_s, duration_s, stall.every_s), stall.length_s


def _thawed(at_s: Array, stalls: tuple[Array, float] | None) -> Array:
    """The times at which the generator handles events of these times."""
    if stalls is None:
        return at_s.copy()
    begins_s, length_s = stalls
    until = begins_s[np.maximum(np.searchsorted(begins_s, at_s, side="right") - 1, 0)] + length_s
    found: Array = np.maximum(at_s, until)
    return found


def _ends(
    model: ServiceModel,
    sent_s: Array,
    works: Array,
    answered: Flags,
    clocks: Sequence[Clock],
    random_of: np.random.Generator,
) -> tuple[Array, Numbers]:
    """The time at which every request leaves its server, that of its send without a response; and its server."""
    end_s = sent_s.copy()
    if model.balancing == Balancing.LEAST_CONNECTIONS:
        if model.killed is not None or model.cold_s:
            raise ValueError("least connections: killed servers and cold requests need another balancing")
        server = np.full(len(sent_s), -1, dtype=np.int64)
        end_s[answered], server[answered] = least_connections(sent_s[answered], works[answered], model.slots, clocks)
        return end_s, server
    server = _servers(model, sent_s, len(clocks), random_of)
    for number, one in enumerate(clocks):
        mine = np.flatnonzero((server == number) & answered)
        arrivals, own = sent_s[mine], works[mine]
        if model.cold_s:
            own[1:] += model.cold_s * (np.diff(arrivals) > model.cold_after_s)
        end_s[mine] = served(arrivals, own, model.slots, one)
    return end_s, server


def _servers(model: ServiceModel, sent_s: Array, servers: int, random_of: np.random.Generator) -> Numbers:
    """The server of every request."""
    count = len(sent_s)

    def chosen(first: int, requests: int) -> Numbers:
        if model.balancing == Balancing.RANDOM:
            return random_of.integers(first, servers, requests)
        return first + np.arange(requests, dtype=np.int64) % (servers - first)

    if model.killed is None:
        return chosen(0, count)
    if servers == 1:
        raise ValueError("one server: no other is left after its failure")
    before = int(np.searchsorted(sent_s, model.killed.at_s + model.killed.noticed_s))
    return np.concatenate([chosen(0, before), chosen(1, count - before)])


def _died(killed: Killed, sent_s: Array, end_s: Array, server: Numbers) -> Flags:
    """Which requests were in progress at the first server or were sent to it after its end; sets their ends."""
    failed: Flags = (server == 0) & (end_s > killed.at_s)
    end_s[failed] = np.maximum(sent_s[failed] + REFUSED_S, killed.at_s)
    return failed

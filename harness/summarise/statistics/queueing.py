"""What servers of known nature carry under an objective: the truth that measured capacities are held against. Pure.

A paced server (service/pace.py) is a queue D/c: c slots of exactly `service_s` seconds, one line, first come first
served; a slot that is free begins at once. Its slots begin staggered, which is forgotten after the first requests.
Requests come to the balancer as a Poisson stream, and each of m servers in turns gets every m-th of them. Within a
server the requests take its slots in turns too, as all of them last the same. So each slot sees every (m·c)-th request,
exactly as it would if all slots of all servers had one line: m paced servers that take turns are M/D/(m·c), and one
pooled queue would carry no more. Where service varies they are worse than one line, and no formula here tells them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.summarise.statistics.intervals import Array

SHARE = 0.05  # of requests that may take longer, where the objective is a 95th percentile
CLOSE = 1e-6  # share of the load at which a search for it ends
STATES = 8  # times the slots, at least 64: beyond, the numbers in the system are geometric to the last digit


def paced_over(rate_per_s: float, slots: int, service_s: float, within_s: float) -> float:
    """Share of the requests of M/D/c that take longer than `within_s`, in the steady state; 1 of an overloaded one.

    P(W ≤ x) = P(the queue kD − x seconds ago and what came since are below k·c), (k − 1)·D ≤ x < k·D: G. J. Franx, "A
    simple solution for the M/D/c waiting time distribution", Operations Research Letters 29 (2001).
    """
    wait_s, asked = within_s - service_s, rate_per_s * service_s
    if wait_s < 0 or asked >= slots:
        return 1.0
    turns = math.floor(wait_s / service_s + 1e-9) + 1
    came = rate_per_s * max(turns * service_s - wait_s, 0.0)
    last = turns * slots - 1
    probabilities, decay = _numbers(asked, slots)
    queue = np.append(probabilities[: slots + 1].sum(), probabilities[slots + 1 :]).cumsum()
    # Of numbers beyond those that are kept the rest is geometric.
    rest = (1 - queue[-1]) * decay ** np.arange(1, max(0, last + 1 - len(queue)) + 1)
    upto = np.append(queue, 1 - rest)[: last + 1]
    return float(max(0.0, 1 - (upto[::-1] * _poisson(came, last + 1)).sum()))


def _poisson(mean: float, count: int) -> Array:
    """Probabilities of 0 to `count` − 1."""
    logs = np.append(0.0, np.cumsum(np.log(np.arange(1, max(count, 2)))))[:count]
    found: Array = np.exp(np.arange(count) * math.log(mean) - mean - logs) if mean > 0 else np.eye(1, count)[0]
    return found


def _numbers(asked: float, slots: int) -> tuple[Array, float]:
    """Probabilities of so many requests in M/D/c, and the ratio of two neighbours beyond those that are given.

    A service time later those that were served are gone and what came is there: N' = max(N − c, 0) + Poisson(λD). The
    ratio 1/τ has λD·(τ − 1) = c·ln τ: H. C. Tijms, "A First Course in Stochastic Models" (2003), section 9.6.
    """
    decay = 1 / _growth(asked / slots)
    count = max(STATES * slots, 64)
    came = _poisson(asked, count)
    moves = np.zeros((count, count))  # from a number (column) to another one (row)
    moves[:, : slots + 1] = came[:, None]
    for number in range(slots + 1, count):
        moves[number - slots :, number] = came[: count - number + slots]
    for beyond in range(slots):  # numbers from `count` on count as multiples of the last one
        moves[count - slots + beyond :, -1] += decay ** (beyond + 1) * came[: slots - beyond]
    whole = np.ones(count)
    whole[-1] = 1 / (1 - decay)
    matrix = np.eye(count) - moves
    matrix[0] = whole  # one of the equations follows from the others
    found: Array = np.linalg.solve(matrix, np.eye(1, count)[0])
    return found, decay


def _growth(load: float) -> float:
    """The τ above 1 with load·(τ − 1) = ln τ; `load` is below 1."""
    low, high = 1.0 / load, 2.0 / load**2
    while load * (high - 1) < math.log(high):
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if load * (middle - 1) < math.log(middle) else (low, middle)
    return high


def paced_capacity(servers: int, slots: int, service_s: float, within_s: float, share: float = SHARE) -> float:
    """The largest Poisson load of paced servers that take turns, in requests per second; 0 where none will do.

    Of it at most `share` take longer than `within_s`.
    """
    return _largest(
        lambda rate: paced_over(rate, servers * slots, service_s, within_s), servers * slots / service_s, share
    )


def erlang_c(asked: float, servers: int) -> float:
    """Share of requests that wait in the queue M/M/c, whose load is the work of `asked` servers, below `servers`.

    By Erlang's recursion for B: A. K. Erlang, "Solution of some Problems in the Theory of Probabilities of Significance
    in Automatic Telephone Exchanges" (1917); C = c·B / (c − a·(1 − B)).
    """
    if asked >= servers:
        return 1.0
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = asked * blocked / (count + asked * blocked)
    return servers * blocked / (servers - asked * (1 - blocked))


def exponential_over(rate_per_s: float, servers: int, service_s: float, within_s: float) -> float:
    """Share of the requests of M/M/c that take longer than `within_s`: service exponential of mean `service_s`.

    P(R > t) is that of the service time plus a wait that is 0 with 1 − C and else exponential of rate c/s − λ: Gross,
    Shortle, Thompson and Harris, "Fundamentals of Queueing Theory" (2008), section 2.3.
    """
    leaves, spare = 1 / service_s, servers / service_s - rate_per_s
    if spare <= 0:
        return 1.0
    waits = erlang_c(rate_per_s * service_s, servers)
    served, waited = math.exp(-leaves * within_s), math.exp(-spare * within_s)
    if math.isclose(spare, leaves, rel_tol=1e-9):
        both = (1 + leaves * within_s) * served
    else:
        both = (spare * served - leaves * waited) / (spare - leaves)
    return (1 - waits) * served + waits * both


def exponential_capacity(servers: int, service_s: float, within_s: float, share: float = SHARE) -> float:
    """The largest Poisson load of M/M/c, in requests per second, of which at most `share` take longer; else 0."""
    return _largest(lambda rate: exponential_over(rate, servers, service_s, within_s), servers / service_s, share)


def _largest(over: Callable[[float], float], most: float, share: float) -> float:
    """The largest load below `most` with at most `share` over, which grows with the load; 0 where none has so few."""
    low, high = 0.0, most
    while high - low > CLOSE * most:
        middle = (low + high) / 2
        low, high = (middle, high) if over(middle) <= share else (low, middle)
    return low

"""The capacity of paced servers by formula: the reference of measured capacities. Pure.

A paced server (service/pace.py) is a queue with c slots of constant service time and one line, first come first served.
A free slot starts the next request at once. Its slots start staggered, which has no effect after the first requests.
The balancer receives a Poisson stream and sends every m-th request to each of m servers (round robin). All requests
last equally long, so a server's slots take turns as well. Each slot therefore serves every (m·c)-th request, exactly as
one slot of a single queue M/D/(m·c) does: m paced servers under round robin have the capacity of one pooled queue. For
variable service times they have less, and no formula here is valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.summarise.statistics.intervals import Array

SHARE = 0.05  # of requests that may take longer, where the objective is a 95th percentile
TOLERANCE = 1e-6  # of the bisection, as a share of the largest load
STATES = 8  # times the slots, at least 64: beyond, the distribution of requests in the system is geometric


def paced_over(rate_per_s: float, slots: int, service_s: float, within_s: float) -> float:
    """Share of the requests of M/D/c that take longer than `within_s`, in the steady state; 1 when overloaded.

    P(W ≤ x) = P(the queue kD − x seconds ago plus the arrivals since are fewer than k·c), (k − 1)·D ≤ x < k·D:
    G. J. Franx, "A simple solution for the M/D/c waiting time distribution", Operations Research Letters 29 (2001).
    """
    wait_s, erlangs = within_s - service_s, rate_per_s * service_s
    if wait_s < 0 or erlangs >= slots:
        return 1.0
    turns = math.floor(wait_s / service_s + 1e-9) + 1
    arrivals = rate_per_s * max(turns * service_s - wait_s, 0.0)
    last = turns * slots - 1
    probabilities, decay = _in_system(erlangs, slots)
    queue = np.append(probabilities[: slots + 1].sum(), probabilities[slots + 1 :]).cumsum()
    # Beyond the computed states the distribution is geometric.
    rest = (1 - queue[-1]) * decay ** np.arange(1, max(0, last + 1 - len(queue)) + 1)
    up_to = np.append(queue, 1 - rest)[: last + 1]
    return float(max(0.0, 1 - (up_to[::-1] * _poisson(arrivals, last + 1)).sum()))


def _poisson(mean: float, count: int) -> Array:
    """Probabilities of 0 to `count` − 1."""
    logs = np.append(0.0, np.cumsum(np.log(np.arange(1, max(count, 2)))))[:count]
    found: Array = np.exp(np.arange(count) * math.log(mean) - mean - logs) if mean > 0 else np.eye(1, count)[0]
    return found


def _in_system(erlangs: float, slots: int) -> tuple[Array, float]:
    """Probabilities of the number of requests in M/D/c, and the ratio of neighbouring ones beyond those returned.

    One service time later the served requests have left and the arrivals have come: N' = max(N − c, 0) + Poisson(λD).
    The ratio 1/τ satisfies λD·(τ − 1) = c·ln τ: H. C. Tijms, "A First Course in Stochastic Models" (2003), section 9.6.
    """
    decay = 1 / _growth(erlangs / slots)
    count = max(STATES * slots, 64)
    arrivals = _poisson(erlangs, count)
    transitions = np.zeros((count, count))  # from a number (column) to another one (row)
    transitions[:, : slots + 1] = arrivals[:, None]
    for number in range(slots + 1, count):
        transitions[number - slots :, number] = arrivals[: count - number + slots]
    for beyond in range(slots):  # numbers from `count` on count as multiples of the last one
        transitions[count - slots + beyond :, -1] += decay ** (beyond + 1) * arrivals[: slots - beyond]
    total = np.ones(count)
    total[-1] = 1 / (1 - decay)
    matrix = np.eye(count) - transitions
    matrix[0] = total  # one of the equations follows from the others
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
    """The largest Poisson load of paced servers under round robin, in requests per second.

    At most `share` of its requests take longer than `within_s`; 0 where no load satisfies that.
    """
    most = servers * slots / service_s
    return largest_load(lambda rate: paced_over(rate, servers * slots, service_s, within_s), most, share)


def largest_load(share_over: Callable[[float], float], most: float, share: float = SHARE) -> float:
    """The largest load below `most` with at most `share` over, which grows with the load; 0 where none has so few."""
    low, high = 0.0, most
    while high - low > TOLERANCE * most:
        middle = (low + high) / 2
        low, high = (middle, high) if share_over(middle) <= share else (low, middle)
    return low

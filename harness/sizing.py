"""Size the lab's servers by what they can do: requests per second → a cap of CPU on this machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness import stats
from harness.engines.base import LoadSpec
from harness.errors import CannotRun
from harness.events import Step
from harness.grid import Cell
from harness.traffic import Bench, play, verify

QUEUE_S = 2.0  # response time the probe aims at: requests queue as in a saturated trial
LONGEST_THINK_S = 2.0
MOST_USERS = 4000
RAMP_UP_S = 2.0
PROBE_S = 11.0
PROBE_FROM_S = 5.0
CLOSE_ENOUGH = 0.05
ROUNDS = 5
USERS_BOUND = 0.9  # of what the probe's users can ask for: from there on the cap is not what limits
SMALLEST_CAP = 0.02
TOO_LARGE = 0.75  # what a cap is made smaller by, beside the proportion, when users limited its probe


@dataclass(frozen=True)
class Sizing:
    """What was asked, what was found: `cpus` makes a server answer about `capacity_per_s`."""

    capacity_per_s: float
    cpus: float
    measured_per_s: float
    probes: tuple[tuple[float, float], ...]


def size(bench: Bench, capacity_per_s: float, first_cpus: float, apply: Callable[[float], None]) -> Sizing:
    """Find the cap by short saturated probes of one server, each correcting the one before.

    `apply` sets a cap and brings up one server. Throughput is nearly proportional to the cap as long
    as the CPU is the limit, so two or three probes mostly do. Raises CannotRun when this machine has
    not the power.
    """
    cpus, probes = first_cpus, []
    cell = Cell((("servers", 1), ("vusers", 1)))
    for number in range(1, ROUNDS + 1):
        apply(cpus)
        trial = f"sizing-{number}"
        verify(bench, cell, trial)
        spec = probe_load(bench, trial, capacity_per_s)
        got, _ = play(bench, spec, lambda _at: None)
        rate = stats.mean_rate(stats.window(got.samples, PROBE_FROM_S, PROBE_S))
        if not rate:
            raise CannotRun("sizing the lab: the server answered nothing; look at its container's log")
        probes.append((cpus, round(rate, 1)))
        bench.listener(Step(f"sizing the lab: {cpus:.3f} CPU give {rate:.0f}/s, wanted {capacity_per_s:g}/s"))
        if abs(rate / capacity_per_s - 1) <= CLOSE_ENOUGH:
            break
        if number < ROUNDS:
            most = spec.users / spec.think_time_s if spec.think_time_s else math.inf
            cpus = next_cap(probes, capacity_per_s, most)
    best = min(probes, key=lambda probe: abs(math.log(probe[1] / capacity_per_s)))
    if best[0] != cpus:
        apply(best[0])
    return Sizing(capacity_per_s, best[0], best[1], tuple(probes))


def next_cap(probes: Sequence[tuple[float, float]], wanted: float, most: float) -> float:
    """The next cap to try after (cap, rate) `probes`, in steps of a thousandth of a core.

    Between a probe above and one below what is wanted by interpolation of their logarithms, else in
    proportion to the nearest. A rate near `most`, what the probe's users can ask for, tells only that
    the cap is too large.
    """
    above = min((p for p in probes if p[1] > wanted), default=None)
    below = max((p for p in probes if p[1] <= wanted), default=None)
    if above is not None and below is not None and above[0] > below[0]:
        share = math.log(wanted / below[1]) / math.log(above[1] / below[1])
        cap = below[0] * math.exp(share * math.log(above[0] / below[0]))
    else:
        nearest = above or below or probes[-1]
        cap = nearest[0] * wanted / nearest[1] * (TOO_LARGE if nearest[1] > USERS_BOUND * most else 1.0)
    return max(SMALLEST_CAP, round(cap, 3))


def probe_load(bench: Bench, trial: str, capacity_per_s: float) -> LoadSpec:
    """A short saturating load with the grid's own request; N = X · (R + Z) for the wanted X."""
    think_s = min(bench.grid.load.think_time, LONGEST_THINK_S)
    return LoadSpec(
        trial=trial,
        url=bench.inventory.balancer.need("study_target_url"),
        users=max(1, min(MOST_USERS, round(capacity_per_s * (think_s + QUEUE_S)))),
        think_time_s=think_s,
        ramp_up_s=RAMP_UP_S,
        duration_s=PROBE_S,
        timeout_s=10.0,
        window_from_s=PROBE_FROM_S,
        request=bench.grid.request,
        keep_alive=bench.grid.load.keep_alive,
    )


def check_caps(caps: dict[str, float | None], cores: int) -> None:
    """Refuse caps that together leave this machine no room (rule E6); raises CannotRun."""
    total = sum(cap for cap in caps.values() if cap)
    if total > 0.9 * cores:
        each = ", ".join(f"{host} {cap:.2f}" for host, cap in caps.items() if cap)
        raise CannotRun(
            f"the lab's CPU caps sum to {total:.2f}, more than 90 % of this machine's {cores} cores ({each}); "
            "lower lab_server_capacity, locust_cpus or nginx_lb_cpus in the inventory"
        )

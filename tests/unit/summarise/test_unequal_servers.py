"""Servers of different speeds: a capacity that depends on which of them take part is a reason and no number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from harness.plan import order
from harness.summarise.capacity import capacity, unequal
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.counts import Count
from harness.summarise.capacity.crossing import Bound, BoundReasonKind

P95 = {"p95": 0.05}
REQUESTS = 2000
SLOPE = 20.0  # probits over ln(load), as of a queue with seven slots


def trials(
    speeds: dict[str, float], noise: float, seed: int, blocks: int = 5, block_noise: float = 0.0
) -> dict[int, list[Count]]:
    """Trials of one to three servers around 100 req/s each; every server has an equal part of the requests."""
    random_of = np.random.default_rng(seed)
    shifts = {block: block_noise * random_of.normal() for block in range(1, blocks + 1)}
    found: dict[int, list[Count]] = {1: [], 2: [], 3: []}
    for block, shift in shifts.items():
        names = order.rotation(list(speeds), block, seed)
        for servers, counts in found.items():
            for load in (93.0, 100.0, 107.0):
                speed = shift + noise * random_of.normal()
                beyond = [math.log(load / 100 / speeds[name]) - speed for name in names[:servers]]
                share = float(np.mean([special.ndtr(special.ndtri(0.05) + SLOPE * each) for each in beyond]))
                late = int(random_of.binomial(REQUESTS, share))
                counts.append(
                    Count(
                        block=block,
                        load=load * servers,
                        requests=REQUESTS,
                        late=late,
                        failed=0,
                        servers=tuple(sorted(names[:servers])),
                    )
                )
    return found


def capacities(found: dict[int, list[Count]]) -> list[Capacity]:
    each = [capacity.of_topology({}, servers, "rate", counts, P95) for servers, counts in found.items()]
    return unequal.without_unequal(each, list(found.values()), P95)


SLOW = {"server-1": 1.0, "server-2": 1.0, "server-3": 0.8}
EQUAL = dict.fromkeys(SLOW, 1.0)


def test_a_slow_server_is_named_and_found_in_nearly_every_study() -> None:
    found = [unequal.of_trials(list(trials(SLOW, 0.03, seed).values()), "p95", 0.05) for seed in range(6)]
    named = [each for each in found if each is not None and each.differ and each.slowest == "server-3"]
    assert len(named) >= 5
    assert np.median([each.speeds["server-3"] / each.speeds["server-1"] for each in named]) == pytest.approx(
        0.8, abs=0.06
    )


@pytest.mark.parametrize("block_noise", [0.0, 0.06])
def test_equal_servers_are_rarely_called_different(block_noise: float) -> None:
    """Also where whole blocks differ, each of which has its own servers."""
    found = [
        unequal.of_trials(list(trials(EQUAL, 0.03, seed, block_noise=block_noise).values()), "p95", 0.05)
        for seed in range(8)
    ]
    assert sum(each is not None and each.differ for each in found) <= 1


def test_only_topologies_in_which_servers_take_turns_lose_their_capacity() -> None:
    one, two, three = capacities(trials(SLOW, 0.03, 1))
    for found in (one, two):
        assert (found.bound, found.value, found.reason_kind) == (Bound.NONE, None, BoundReasonKind.UNEQUAL_SERVERS)
        assert found.reason.startswith("server-3 is about ")
        assert found.reason.endswith(" % slower than the other servers: the capacity depends on which take part")
    assert (three.bound, three.reason) == (Bound.BELOW, "missed at all loads measured")


def test_small_differences_keep_the_capacity() -> None:
    """They are a part of its interval; trials without noise show them all the same."""
    found = capacities(trials({"server-1": 1.02, "server-2": 1.0, "server-3": 0.98}, 0.002, 1))
    assert [each.bound for each in found] == [Bound.EXACT] * 3


def test_studies_without_rotation_or_names_keep_their_capacity() -> None:
    found = trials(SLOW, 0.03, 1)
    for names in ((), ("server-1",)):
        same = {servers: [replace(count, servers=names) for count in counts] for servers, counts in found.items()}
        assert all(each.reason_kind != BoundReasonKind.UNEQUAL_SERVERS for each in capacities(same))


def test_too_few_trials_show_no_speeds() -> None:
    few = [counts[:3] for counts in trials(SLOW, 0.03, 1).values()]
    assert unequal.of_trials(few, "p95", 0.05) is None
    assert unequal.of_trials([[]], "p95", 0.05) is None

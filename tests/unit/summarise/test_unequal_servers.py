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


# Block, load, requests and late ones of one to three servers; with pauses, the share hardly depends on the load.
PAUSES = {
    1: "1 44.4 887 0, 1 48.7 974 0, 1 41.1 822 0, 2 51.8 1036 62, 2 59.8 1196 87, 2 67.1 1342 0, 3 41.2 824 0, "
    "3 58.8 1175 0, 3 85.9 1718 188, 4 81.3 1627 108, 4 68.8 1375 0, 4 100 1999 368, 5 77.2 1544 133, "
    "5 70.9 1418 108, 5 91 1819 210",
    2: "1 16.4 328 0, 1 18.2 364 14, 1 17.6 351 7, 2 18.1 361 6, 2 19.9 397 22, 2 23 460 15, 3 18.6 373 16, "
    "3 28.4 569 9, 3 13.8 276 13, 4 54.5 1090 25, 4 108.2 2165 150, 4 28.4 568 26, 5 86 1719 115, 5 62.9 1257 26, "
    "5 124.5 2490 47",
    3: "1 158.3 3166 225, 1 145.2 2904 120, 1 167.3 3346 161, 2 218.7 4374 268, 2 144.9 2899 134, 2 103.1 2062 34, "
    "3 144.8 2897 126, 3 102.8 2057 116, 3 216 4320 393, 4 151.1 3022 201, 4 216.3 4326 273, 4 100.2 2005 86, "
    "5 131.8 2636 53, 5 153.1 3062 79, 5 178.7 3573 207",
}
IN_BLOCKS = {1: ("1", "2", "3", "2", "3"), 2: ("12", "23", "13", "23", "13"), 3: ("123",) * 5}


def test_shares_that_hardly_depend_on_the_load_show_no_speed_and_are_no_error() -> None:
    """The fit goes on to infinity there; exp of it would overflow."""
    found = {
        servers: [
            Count(
                block=int(block),
                load=float(load),
                requests=int(requests),
                late=int(late),
                failed=0,
                servers=tuple(f"server-{digit}" for digit in IN_BLOCKS[servers][int(block) - 1]),
            )
            for block, load, requests, late in (trial.split() for trial in text.split(", "))
        ]
        for servers, text in PAUSES.items()
    }
    speeds = unequal.of_trials(list(found.values()), "p95", 0.05)
    assert speeds is not None
    assert all(math.exp(-5) <= speed <= math.exp(5) for speed in speeds.speeds.values())
    assert not speeds.differ

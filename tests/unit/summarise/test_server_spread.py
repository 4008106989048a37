"""The spread of servers, estimated from rotated blocks, against simulated servers of known speeds."""

import math

import numpy as np
import pytest

from harness.plan import order
from harness.records.trial import TrialRecord
from harness.summarise.gains import server_spread
from tests.builders import record as record_of

NAMES = [f"server-{n}" for n in range(1, 7)]


def records(speeds: dict[str, float], blocks: int, noise: float, seed: int) -> list[TrialRecord]:
    """Return trials of saturated topologies of 1 to all servers, whose throughput is the sum of their servers'."""
    draw, found = np.random.default_rng(seed), []
    for block in range(1, blocks + 1):
        servers = order.rotation(list(speeds), block, seed)
        day = draw.normal(0, 0.02)
        for count in range(1, len(speeds) + 1):
            mine = servers[:count]
            tps = 100 * sum(speeds[name] for name in mine) * math.exp(day + draw.normal(0, noise))
            context = {"users": 2000, "generators": [], "balancer": "", "balancing": {}}
            context |= {"expected_servers": dict.fromkeys(mine, "10.0.0.1:8080"), "kind": "hosts", "machine_of": {}}
            found.append(record_of(count, 2000, block, tps, context=context))
    return found


def test_the_spread_of_servers_is_found() -> None:
    speeds = {"server-1": 0.9, "server-2": 1.0, "server-3": 1.1}
    found = server_spread.of_records(records(speeds, 5, 0.005, seed=1))
    assert found
    assert found.differs
    assert found.slowest == "server-1"
    assert found.speeds == pytest.approx(speeds, rel=0.03)
    assert found.spread == pytest.approx(0.1, rel=0.2)


def test_equal_servers_are_rarely_called_different() -> None:
    """5 % of 200 studies, within what chance allows."""
    equal = dict.fromkeys(NAMES[:3], 1.0)
    found = [server_spread.of_records(records(equal, 5, 0.02, seed)) for seed in range(200)]
    assert sum(each.differs for each in found if each) < 20
    assert np.mean([each.spread for each in found if each]) < 0.02


def test_the_mean_estimate_is_the_true_spread() -> None:
    """Six servers whose speeds are drawn anew in each of 60 studies, with a standard deviation of 5 %."""
    squares = []
    for seed in range(60):
        draw = np.random.default_rng(1000 + seed)
        speeds = {name: float(math.exp(draw.normal(0, 0.05))) for name in NAMES}
        found = server_spread.of_records(records(speeds, 6, 0.02, seed))
        assert found
        squares.append(found.spread**2)
    assert math.sqrt(np.mean(squares)) == pytest.approx(0.05, rel=0.15)


def test_a_design_that_cannot_separate_servers_has_no_spread() -> None:
    whole = [each for each in records(dict.fromkeys(NAMES[:3], 1.0), 5, 0.01, 1) if each.cell["servers"] == 3]
    assert server_spread.of_records(whole) is None, "all servers took part in every trial"
    assert server_spread.of_records([]) is None
    assert server_spread.of_records(records({"server-1": 1.0}, 5, 0.01, 1)) is None

"""Sizing the lab: which cap is tried next."""

import math

import pytest

from harness import sizing


def settled(rate_of: "dict[str, float]", first: float, wanted: float, users_bound: float) -> tuple[float, int]:
    """The cap that the probes end at, and how many there were, for a server with rate = a · cap^b."""
    probes: list[tuple[float, float]] = []
    cap = first
    while True:
        rate = min(users_bound, rate_of["a"] * cap ** rate_of["b"])
        probes.append((cap, rate))
        if abs(rate / wanted - 1) <= sizing.CLOSE_ENOUGH:
            return cap, len(probes)
        cap = sizing.next_cap(probes, wanted, users_bound)
        assert len(probes) < 10


@pytest.mark.parametrize("first", [0.05, 0.17, 0.3])
@pytest.mark.parametrize("shape", [{"a": 1650.0, "b": 1.0}, {"a": 10_000.0, "b": 1.28}, {"a": 1200.0, "b": 0.8}])
def test_a_few_probes_find_the_cap_on_slow_and_fast_machines(first: float, shape: dict[str, float]) -> None:
    cap, probes = settled(shape, first, 280.0, 560.0)
    assert probes <= sizing.ROUNDS
    assert shape["a"] * cap ** shape["b"] == pytest.approx(280, rel=0.05)


def test_between_two_probes_the_cap_is_interpolated() -> None:
    """As seen: in proportion alone, a third probe missed by 12 %."""
    cap = sizing.next_cap([(0.17, 556.0), (0.085, 434.0), (0.055, 248.0)], 280.0, 560.0)
    assert cap == pytest.approx(0.060, abs=0.001)


def test_a_probe_that_its_users_limited_tells_only_that_the_cap_is_too_large() -> None:
    assert sizing.next_cap([(0.17, 556.0)], 280.0, 560.0) == pytest.approx(0.75 * 0.17 * 280 / 556, abs=0.001)
    assert sizing.next_cap([(0.17, 350.0)], 280.0, math.inf) == pytest.approx(0.136, abs=0.001)

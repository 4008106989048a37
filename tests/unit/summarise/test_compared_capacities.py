"""Capacities of two studies (rule E21)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.grid.thresholds import Thresholds
from harness.records.trial import Component
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.limit import CapacityLimit
from harness.summarise.comparison import capacities
from harness.summarise.comparison.capacities import CapacityRatio
from harness.summarise.comparison.machine_change import MachineChange
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.welch import difference
from tests.unit.summarise.test_capacity import counts, of

UNKNOWN = MachineChange(None, reason="not computed")
SPEEDS = (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)


def capacity(at: float, speeds: tuple[float, ...] = SPEEDS) -> Capacity:
    """A capacity of `at`, measured around it."""
    return of(counts((0.93 * at, at, 1.07 * at), speeds, at))


def ratio(before: Capacity, after: Capacity, machines: MachineChange = UNKNOWN) -> CapacityRatio:
    (found,) = capacities.ratios([(before, after)], machines, Thresholds())
    return found


def test_searched_studies_are_compared_by_topology() -> None:
    one, two = capacity(100), capacity(126)
    ((before, after),) = capacities.pairs_of([one], [two, replace(two, servers=2)])
    found = ratio(before, after)
    assert found.ratio
    assert found.ratio.value == pytest.approx(1.26, rel=0.01)
    assert found.ratio.low
    assert found.ratio.low < 1.26 < (found.ratio.high or 0)
    assert found.conclusion is Conclusion.HIGHER
    assert ratio(capacity(100), capacity(100, SPEEDS[::-1])).conclusion is Conclusion.EQUIVALENT


def test_bounds_make_one_sided_statements_only() -> None:
    exact, least, below = capacity(100), of(counts((150.0, 160.0), at=300)), of(counts((40.0, 50.0), at=20))
    cases = [
        (exact, least, "higher, at least"),
        (least, exact, "lower, at most"),
        (exact, below, "lower, at most"),
        (below, exact, "higher, at least"),
        (below, least, "higher, at least"),
        (least, below, "lower, at most"),
        (least, least, "not measurable at this load"),
        (below, below, "not measurable at this load"),
        (capacity(200), least, "not measurable at this load"),
    ]
    for before, after, conclusion in cases:
        found = ratio(before, after)
        assert found.conclusion_text.removesuffix(" (build and machines together)") == conclusion
        assert (found.obstacle is not None) == (found.conclusion is Conclusion.NOT_MEASURABLE)


def test_a_bound_that_the_machines_explain_is_no_statement() -> None:
    faster = MachineChange(difference([1.0, 1.01, 0.99, 1.0, 1.0], [1.7, 1.71, 1.69, 1.7, 1.7]), ("balancer",))
    found = ratio(capacity(100), of(counts((150.0, 160.0), at=300)), faster)
    assert found.conclusion is Conclusion.NOT_MEASURABLE


def test_the_bottlenecks_of_both_capacities_decide_as_for_throughput() -> None:
    def limited(at: float, component: Component) -> Capacity:
        return replace(capacity(at), limit=CapacityLimit(component, "reason"))

    both = ratio(limited(100, Component.BALANCER), limited(126, Component.BALANCER))
    assert both.obstacle
    assert both.obstacle.text == "the balancer was the bottleneck, not the servers"
    assert ratio(capacity(100), limited(126, Component.BALANCER)).conclusion_text.startswith("higher, at least")
    assert ratio(capacity(100), limited(80, Component.BALANCER)).conclusion is Conclusion.NOT_MEASURABLE
    generator = ratio(limited(100, Component.GENERATOR), capacity(126))
    assert generator.obstacle
    assert "was the generator" in generator.obstacle.text

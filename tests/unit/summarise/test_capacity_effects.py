"""Effects of other factors on capacities: levels of one factor in the blocks of one study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.grid.schema import Grid
from harness.records.trial import Component
from harness.summarise.capacity import capacity as capacities
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.limit import CapacityLimit
from harness.summarise.comparison import capacity_effects
from harness.summarise.comparison.attribution import RatioBound
from harness.summarise.comparison.capacity_effects import CapacityEffect
from harness.summarise.gains.obstacle import ObstacleKind
from harness.summarise.statistics.conclusion import Conclusion
from report.sentences import factor_effects
from report.tables import gains
from tests.builders import grid
from tests.unit.summarise.test_capacity import P95, counts

FACTOR = "ml_server_image"
BLOCKS = (0.8, 0.9, 1.0, 1.1, 1.2)  # the machines' speed in each block, equal for both levels


def capacity(level: str, at: float, loads: tuple[float, ...] = ()) -> Capacity:
    measured = counts(loads or tuple(share * at for share in (0.78, 0.9, 1.0, 1.1, 1.25)), BLOCKS, at)
    return capacities.of_topology({FACTOR: level}, 2, "vusers", measured, P95)


def plan() -> Grid:
    return grid(factors={"servers": [2], "vusers": [100], FACTOR: ["old", "new"]}, objectives={"p95": "450ms"})


def effect(old: Capacity, new: Capacity) -> CapacityEffect:
    (found,) = capacity_effects.effects(plan(), [old, new])
    return found


def test_levels_are_paired_by_block() -> None:
    """Blocks differ by 20 %, the levels by 10 %: only pairs show it."""
    found = effect(capacity("old", 100), capacity("new", 110))
    assert found.ratio
    assert found.ratio.value == pytest.approx(1.1, rel=0.01)
    assert (found.ratio.half_width or 1) < 0.05
    assert (found.conclusion, found.k, found.bound) == (Conclusion.HIGHER, 5, None)
    (sentence,) = factor_effects.of_capacities([found], plan().evidence)
    assert sentence.startswith("Capacity: ml_server_image new instead of old gave 1.10× [")
    assert sentence.endswith("the capacity with 2 servers.")
    table = gains.effect_table([], [found])
    assert table
    assert table.rows[0][:4] == [FACTOR, "old → new", "capacity of 2 servers", "1.10×"]


def test_a_bound_gives_a_one_sided_statement() -> None:
    found = effect(capacity("old", 100), capacity("new", 600, (200.0, 210.0)))
    assert (found.conclusion, found.bound) == (Conclusion.HIGHER, RatioBound.AT_LEAST)
    none = effect(capacity("old", 600, (200.0, 210.0)), capacity("new", 600, (200.0, 210.0)))
    assert (none.conclusion, none.ratio) == (Conclusion.NOT_MEASURABLE, None)
    assert none.obstacle
    assert none.obstacle.text.startswith("the capacity in ml_server_image old is only a bound")


def test_the_bottlenecks_decide_as_for_throughput() -> None:
    balancer = CapacityLimit(Component.BALANCER, "reason")
    both = effect(*(replace(capacity(level, 100), limit=balancer) for level in ("old", "new")))
    assert both.obstacle
    assert both.obstacle.kind is ObstacleKind.OTHER_BOTTLENECK
    (sentence,) = factor_effects.of_capacities([both], plan().evidence)
    assert sentence.endswith("is not measurable: the balancer was the bottleneck, not the servers.")

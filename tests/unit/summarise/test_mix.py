"""Rule E25: a ratio is a statement only between cells that did the same work."""

import math
from typing import Any

import numpy as np
import pytest

from benchmarks import mix as simulation
from harness.grid.thresholds import Thresholds
from harness.records.trial import TrialRecord
from harness.summarise.gains import mix, scalability
from harness.summarise.gains.gain import GainKind, all_gains
from harness.summarise.gains.obstacle import ObstacleKind
from harness.summarise.summary import Summary, summarise_records
from tests.builders import changed, grid, record

LEAST = Thresholds().mix_held
BLOCKS = 5
TRAFFIC = {
    "requests": [
        {"name": "predict", "weight": 9, "request": {"path": "/predict"}},
        {"name": "history", "weight": 1, "request": {"path": "/history"}},
    ]
}


def of(history: int, requests: int = 10_000) -> dict[str, int]:
    return {"predict": requests - history, "history": history}


def trial(servers: int, block: int, counts: dict[str, int], tps: float | None = None) -> TrialRecord:
    made = record(servers, 100, block, tps or 100.0 * servers)
    return changed(made, requests={name: {"requests": count} for name, count in counts.items()})


def summary(mixes: dict[int, dict[str, int]], **more: Any) -> Summary:
    """A study whose topologies have these mixes in each of their trials."""
    keys = {"factors": {"servers": [*mixes], "vusers": [100]}, "repeats": BLOCKS, "request": None, "traffic": TRAFFIC}
    records = {
        f"servers-{servers}_vusers-100/r{block}": trial(servers, block, counts)
        for servers, counts in mixes.items()
        for block in range(1, BLOCKS + 1)
    }
    return summarise_records(grid(**{**keys, **more}), records)


def test_a_share_may_differ_by_one_point_where_chance_explains_less() -> None:
    assert mix.shift(of(100_000, 1_000_000), of(109_900, 1_000_000), LEAST) is None
    found = mix.shift(of(100_000, 1_000_000), of(110_100, 1_000_000), LEAST)
    assert found is not None
    assert (found.before, found.after, found.allowed) == (0.1, 0.1101, LEAST)


def test_a_share_of_few_requests_may_differ_by_what_chance_explains() -> None:
    """The allowed difference is the quantile of two binomial shares, simultaneous over the names."""
    assert mix.shift(of(40, 400), of(58, 400), LEAST) is None
    found = mix.shift(of(40, 400), of(70, 400), LEAST)
    assert found is not None
    pooled = 110 / 800
    assert found.allowed == pytest.approx(2.807 * math.sqrt(pooled * (1 - pooled) / 200), rel=1e-3)


def test_a_name_of_one_side_alone_is_a_shift() -> None:
    found = mix.shift({"predict": 1000}, {"predict": 900, "history": 100}, LEAST)
    assert found is not None
    assert {found.before, found.after} in ({0.0, 0.1}, {1.0, 0.9})


def test_a_name_without_requests_on_both_sides_is_no_shift() -> None:
    """With a threshold of 0, chance explains nothing of a share that is 0 or 1."""
    assert mix.shift({"predict": 1000, "history": 0}, {"predict": 900, "history": 0}, 0.0) is None


def test_one_plain_request_has_no_mix() -> None:
    assert mix.shift({}, {}, LEAST) is None
    assert mix.shift({}, of(1000), LEAST) is None
    assert mix.shift({"request": 10}, {"request": 20}, LEAST) is None


def test_a_gain_between_cells_with_other_mixes_is_invalid() -> None:
    found = summary({1: of(1000), 2: of(1000), 3: of(1300)})
    held, shifted = found.gains
    assert held.kind is GainKind.GAIN
    assert (shifted.kind, shifted.ratio) == (GainKind.NONE, None)
    assert shifted.obstacle is not None
    assert shifted.obstacle.kind is ObstacleKind.OTHER_WORK
    expected = "compares different work: history was 10.0 % of the requests with 2 servers and 13.0 % with 3 servers"
    assert expected in shifted.reason
    assert [gain.ratio for gain in found.whole_range_gains] == [None]
    assert shifted.response_times is not None
    assert shifted.response_times.obstacle is not None


def test_a_cell_with_another_mix_is_in_no_efficiency() -> None:
    found = summary({1: of(1000), 2: of(1000), 3: of(1300)})
    assert [cell.servers for cell in scalability.alike(found.cells, LEAST)] == [1, 2]
    (profile,) = found.efficiency_profiles.values()
    assert set(profile.efficiency) <= {1, 2}


def test_a_grid_may_allow_larger_shifts() -> None:
    kinds = [gain.kind for gain in summary({1: of(1000), 2: of(1300)}, evidence={"mix_held": "5%"}).gains]
    assert kinds == [GainKind.GAIN]


def test_the_effect_of_a_factor_on_another_mix_is_no_statement() -> None:
    keys = {
        "factors": {"servers": [1], "vusers": [100], "nginx_lb_method": ["round_robin", "least_conn"]},
        "repeats": BLOCKS,
    }
    records = {}
    for method, counts in (("round_robin", of(1000)), ("least_conn", of(1300))):
        for block in range(1, BLOCKS + 1):
            made = changed(trial(1, block, counts), cell={"servers": 1, "vusers": 100, "nginx_lb_method": method})
            records[f"servers-1_vusers-100_nginx_lb_method-{method}/r{block}"] = made
    (effect,) = summarise_records(grid(**keys, request=None, traffic=TRAFFIC), records).factor_effects
    assert effect.obstacle is not None
    assert effect.obstacle.kind is ObstacleKind.OTHER_WORK


def test_requests_have_the_order_of_the_grid_and_their_shares() -> None:
    (cell,) = summary({1: of(1000)}).cells
    assert [(each.name, each.share) for each in cell.by_request] == [("predict", 0.9), ("history", 0.1)]


def test_a_drifting_mix_is_found_and_a_healthy_one_is_not() -> None:
    """The short form of `python -m benchmarks.mix`."""
    draw = np.random.default_rng(25)
    assert sum(simulation.is_invalid(draw, drift=0.03) for _ in range(20)) == 20
    assert sum(simulation.is_invalid(draw, drift=0.0) for _ in range(20)) == 0


def test_all_gains_of_plain_requests_stay_as_they_were() -> None:
    keys = {"factors": {"servers": [1, 2], "vusers": [100]}, "repeats": BLOCKS}
    records = {
        f"servers-{servers}_vusers-100/r{block}": record(servers, 100, block, 100.0 * servers)
        for servers in (1, 2)
        for block in range(1, BLOCKS + 1)
    }
    (gain,) = all_gains(summarise_records(grid(**keys), records).cells, Thresholds())
    assert gain.kind is GainKind.GAIN

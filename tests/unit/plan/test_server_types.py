"""Servers of several types before a study: levels, known rates, rotation, predicted-idle cells and the forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.deploy import lab_resources
from harness.deploy.inventory import checks
from harness.grid import server_type_checks, server_types
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.judge import prediction
from harness.plan import order, predicted_idle
from harness.study.config import resolve
from harness.study.forecast import sentences
from tests.builders import grid
from tests.study_stubs import inventory

ROOT = Path(__file__).resolve().parents[3]
TYPES = {"small": ["server-1", "server-2"], "large": ["server-3"]}
LEVELS = [{"small": 1}, {"small": 2}, {"large": 1}, {"small": 2, "large": 1}]
MIXED = "2 small + 1 large"
RATES = ServerRates(70.0, {"small": 70.0, "large": 140.0})
EVEN = ServerRates(70.0, {"small": 70.0, "large": 140.0}, even=True)


def study(**more: Any) -> Grid:
    return grid(server_types=TYPES, **{"factors": {"servers": LEVELS, "vusers": [100, 600]}, "repeats": 5, **more})


def test_levels_are_text_in_the_order_of_the_types_and_survive_a_stored_grid() -> None:
    written = study(factors={"servers": [*LEVELS[:3], {"large": 1, "small": 2}], "vusers": [100]})
    assert written.levels["servers"] == ("1 small", "2 small", "1 large", MIXED)
    stored = dict(sorted(written.model_dump(mode="json", by_alias=True).items()))
    stored["server_types"] = dict(sorted(stored["server_types"].items()))
    assert Grid.model_validate(stored).cells.known == written.cells.known
    cell = written.cells.known[-1]
    assert (cell.servers, cell.servers_level) == (3, MIXED)


def test_a_step_leads_to_a_topology_from_the_largest_ones_that_it_contains() -> None:
    assert server_types.neighbours([3, 1, 2]) == [(1, 2), (2, 3)]
    levels = study().levels["servers"]
    assert server_types.neighbours([str(level) for level in levels]) == [
        ("1 small", "2 small"), ("2 small", MIXED), ("1 large", MIXED),
    ]  # fmt: skip


def test_equal_shares_give_each_server_the_pace_of_the_slowest() -> None:
    assert [RATES.of(level) for level in ("1 small", "2 small", "1 large", MIXED)] == [70, 140, 140, 280]
    assert [EVEN.of(level) for level in ("1 small", "2 small", "1 large", MIXED)] == [70, 140, 140, 210]
    assert ServerRates(140.0).of(3) == 420
    assert RATES.divided(2).of(MIXED) == 140


@pytest.mark.parametrize(("method", "expected"), [("least_conn", 280), ("round_robin", 210)])
def test_the_lab_has_the_rate_of_each_type(method: str, expected: float) -> None:
    lab = lab_resources.of(study(vars={"nginx_lb_method": method}), inventory(3, (0.25, 0.25, 0.5)))
    assert lab
    assert lab.rates
    assert (lab.rates.by_type, lab.rates.of(MIXED)) == ({"small": 70.0, "large": 140.0}, expected)


def test_servers_rotate_within_their_type() -> None:
    names = ["server-1", "server-2", "server-3"]
    orders = [order.rotation_by_type(names, TYPES, block, seed=3) for block in range(1, 5)]
    assert all(each[0] == "server-3" for each in orders), "types in the order of their names"
    singles = [server_types.members("1 small", each, TYPES) for each in orders]
    assert sorted(singles) == [("server-1",), ("server-1",), ("server-2",), ("server-2",)]
    assert order.rotation_by_type(names, {}, 2, seed=3) == order.rotation(names, 2, seed=3)


def test_cells_whose_added_servers_are_idle_are_predicted() -> None:
    """100 users generate 91 req/s: less than two small servers serve, and more than one does."""
    found = predicted_idle.predict(study(), RATES, 0.1, 1.0)
    assert found
    assert found.cells == ({"servers": MIXED, "vusers": 100},)
    assert predicted_idle.rates_of(found) == RATES
    (sentence,) = predicted_idle.sentences(found, study(), 1.0)
    assert sentence == (
        "2 small + 1 large servers at 100 users: 2 blocks only, to verify the prediction of idle servers "
        "(1 large server can serve 154 % of the maximum rate of these users)"
    )


def test_the_forecast_has_the_rate_of_each_topology() -> None:
    levels = ["1 small", "2 small", "1 large", MIXED]
    few, many = prediction.sentences([100, 600], levels, RATES, 0.1, 1.0)
    assert few.endswith(
        ". The servers that 2 small + 1 large adds to 2 small, and the servers that 2 small + 1 large adds to 1 large, "
        "will be idle; 400 users would saturate 2 small + 1 large servers"
    )
    assert many == (
        "600 users generate at most 545 req/s, enough for 7.8 times 1 small at 70 req/s, 3.9 times 2 small at 140 "
        "req/s, 3.9 times 1 large at 140 req/s, 1.9 times 2 small + 1 large at 280 req/s"
    )
    *_, limited = prediction.sentences([600], levels, EVEN, 0.1, 1.0)
    assert "limits the others: 2 small + 1 large servers serve 210 instead of 280 req/s. Use the balancing" in limited
    (rate,) = prediction.of_rates([(150, 150)], levels, RATES)
    assert rate.endswith("1 large server cannot serve this rate, so the queue grows")


def test_drains_and_the_largest_rate_follow_from_the_types() -> None:
    known = study(load={"think_time": "1s", "duration": "30s", "timeout": "120s"})
    by_level = {(cell.servers_level, cell.vusers): cell for cell in known.cells.known}
    assert order.drain_s(known, by_level["1 large", 600], RATES) == pytest.approx(600 / 140 - 1)
    assert order.drain_s(known, by_level[MIXED, 600], RATES) == pytest.approx(600 / 280 - 1)


def test_a_missing_single_server_is_named() -> None:
    written = study(factors={"servers": [{"small": 1}, {"small": 2, "large": 1}], "vusers": [600]})
    assert server_type_checks.missing_singles(written) == {MIXED: ("large",)}


def test_the_grid_of_the_project_can_be_planned(tmp_path: Path) -> None:
    config = resolve(ROOT, tmp_path, ROOT / "grids" / "server-types.yaml")
    assert len(config.planned_trials()) == 20
    assert [host.name for host in config.inventory.servers] == ["server-1", "server-2", "server-3"]
    assert config.scaled_max_rate_per_s() == 280
    assert set(config.configuration.hosts) >= {"server-1", "server-2", "server-3"}
    (forecast,) = sentences(config)
    assert "1.9 times 2 small + 1 large at 280 req/s" in forecast


def test_servers_are_compared_within_their_type() -> None:
    mixed = inventory(3, (0.25, 0.25, 0.5))
    hosts = tuple(
        host.with_variables(ml_server_rate=host.variables["lab_server_capacity"])
        if host.group == "ml_servers"
        else host
        for host in mixed.hosts
    )
    unequal = type(mixed)(mixed.path, hosts)
    assert checks.unequal(unequal, TYPES) == []
    (problem,) = checks.unequal(unequal, {})
    assert (problem.host, problem.variable) == ("server-3", "ml_server_rate")
    assert problem.message.endswith("name the types as server_types in the grid.")
    (problem,) = checks.unequal(unequal, {"small": ["server-1", "server-3"], "large": ["server-2"]})
    assert "Servers of type small must be identical" in problem.message

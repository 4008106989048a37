"""Grids: expansion, units, and what is kept of them."""

import json
from pathlib import Path

import pytest
import yaml

from harness.deploy.role_values import RoleValues
from harness.grid import units
from harness.grid.cells import FixedCells, SearchedCells
from harness.grid.schema import Grid
from harness.study.config import resolve, role_variables
from tests.builders import BASE, grid

ROOT = Path(__file__).resolve().parents[3]


def test_a_grid_is_the_product_of_its_factors() -> None:
    assert [cell.slug for cell in grid().cells.known] == [
        "servers-1_vusers-100",
        "servers-1_vusers-200",
        "servers-2_vusers-100",
        "servers-2_vusers-200",
    ]


def test_exclude_takes_partial_matches_away_and_include_adds_cells() -> None:
    cells = grid(exclude=[{"servers": 1, "vusers": 200}], include=[{"servers": 3, "vusers": 100}]).cells.known
    assert [(cell.servers, cell.vusers) for cell in cells] == [(1, 100), (2, 100), (2, 200), (3, 100)]


def test_cells_are_made_once_and_again_for_a_changed_copy() -> None:
    written = grid()
    assert written.cells is written.cells
    fewer = written.model_copy(update={"factors": {"servers": (1,), "vusers": (100,)}})
    assert (len(written.cells.known), len(fewer.cells.known)) == (4, 1)
    assert written.scaled(2).cells == written.cells


def test_cached_cells_are_in_no_comparison_and_no_file() -> None:
    used, fresh = grid(), grid()
    assert used.cells.known
    assert used == fresh
    assert used.model_dump(mode="json") == fresh.model_dump(mode="json")


def test_a_cell_that_is_included_twice_is_there_once() -> None:
    assert len(grid(include=[{"servers": 1, "vusers": 100}]).cells.known) == 4


def test_levels_keep_their_type_so_that_0_and_false_are_two_things() -> None:
    levels = grid(factors={**BASE["factors"], "nginx_lb_upstream_keepalive": [0, 64]}).cells.known  # type: ignore[dict-item] # a plain dict
    assert levels[0].variables == {"nginx_lb_upstream_keepalive": 0}


def test_a_grid_reads_back_from_what_is_stored_of_it() -> None:
    """Units are stored too, else a resumed study would read other numbers."""
    first = grid(objectives={"error_rate": "1%", "p95": "5s"}, budget={"time": "2h", "cost": "5 USD"})
    assert Grid.model_validate(first.model_dump(mode="json", by_alias=True)) == first


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (units.duration_s, "500ms", 0.5),
        (units.duration_s, "1.5 s", 1.5),
        (units.duration_s, "2h", 7200),
        (units.share, "1%", 0.01),
        (units.money_usd, "5 USD", 5),
        (units.per_second, "280/s", 280),
        (units.rate_per_s, "300/s", 300),
        (units.rate_per_s, "18000 / min", 300),
    ],
)
def test_quantities_carry_their_unit(read: object, text: str, value: float) -> None:
    assert callable(read)
    assert read(text) == value


@pytest.mark.parametrize("text", ["5", 5, True, "5 parsec", "", "-1s", "1s2"])
def test_a_duration_without_a_known_unit_is_rejected(text: object) -> None:
    with pytest.raises(ValueError, match="Allowed: a number with ms, s, m or h"):
        units.duration_s(text)


@pytest.mark.parametrize("path", [ROOT / "grid.yaml", *sorted((ROOT / "grids").glob("*.yaml"))], ids=lambda p: p.stem)
def test_every_grid_that_comes_along_is_valid(path: Path, tmp_path: Path) -> None:
    assert resolve(ROOT, tmp_path, path).planned_trials()


def test_every_variable_in_grids_and_inventories_exists_in_a_role() -> None:
    """A misspelt variable would pass silently in Ansible."""
    known = role_variables(ROOT)
    prefixes = ("ml_server_", "nginx_lb_", "locust_")
    for file in sorted((ROOT / "inventory").rglob("*.yml")):
        for name in yaml.safe_load(file.read_text()) or {}:
            assert not name.startswith(prefixes) or name in known, f"{file}: {name}"


def test_a_grid_may_set_every_variable_of_the_roles_that_a_study_deploys() -> None:
    assert RoleValues.read(ROOT).options.keys() - role_variables(ROOT) == set()


def test_a_stored_grid_names_its_cells_as_the_written_one_did() -> None:
    """Stored with sorted keys; a study whose folders nobody finds again would be lost."""
    factors = {
        "vusers": [100],
        "nginx_lb_method": ["round_robin", "least_conn"],
        "servers": [1, 2],
        "ml_server_image": ["a"],
    }
    written = grid(factors=factors)
    stored = json.loads(json.dumps(written.model_dump(mode="json", by_alias=True), sort_keys=True))
    again = Grid.model_validate(stored)
    assert [cell.slug for cell in again.cells.known] == [cell.slug for cell in written.cells.known]
    assert written.cells.known[0].slug == "servers-1_vusers-100_ml_server_image-a_nginx_lb_method-round_robin"


def test_cells_that_lose_servers_have_a_place_of_their_own_and_ask_no_role_for_it() -> None:
    factors = {"servers": [2, 3], "vusers": [100], "fail_servers": [0, 1], "nginx_lb_max_fails": [0, 1]}
    cells = grid(factors=factors, exclude=[{"servers": 2, "fail_servers": 1}]).cells.known
    assert [(cell.servers, cell.fail_servers) for cell in cells] == [(2, 0)] * 2 + [(3, 0)] * 2 + [(3, 1)] * 2
    assert cells[-1].slug == "servers-3_vusers-100_fail_servers-1_nginx_lb_max_fails-1"
    assert cells[-1].variables == {"nginx_lb_max_fails": 1}
    assert grid().cells.known[0].fail_servers == 0


def test_servers_are_lost_at_a_share_of_the_steady_window_in_slow_motion_too() -> None:
    load = grid(load={"think_time": "1s", "ramp_up": "2s", "duration": "13s", "fail_at": "40%"})
    assert load.fail_at_s == pytest.approx(3 + 0.4 * 10)
    assert load.scaled(2).fail_at_s == pytest.approx(14)
    assert grid().fail_at_s == pytest.approx(7.5)


OPEN = {"factors": {"servers": [1, 2], "rate": ["100/s", "90/min"]}, "load": {"ramp_up": "2s", "duration": "12s"}}


def test_rates_are_numbers_of_requests_per_second_and_name_cells() -> None:
    cells = grid(
        **OPEN, exclude=[{"servers": 1, "rate": "6000/min"}], include=[{"servers": 3, "rate": "7/s"}]
    ).cells.known
    assert [(cell.servers, cell.rate, cell.load_factor) for cell in cells] == [
        (1, 1.5, "rate"),
        (2, 100, "rate"),
        (2, 1.5, "rate"),
        (3, 7, "rate"),
    ]
    assert cells[1].slug == "servers-2_rate-100"
    assert cells[1].variables == {}
    assert cells[1].topology.at("rate", 5.0).load == 5


@pytest.mark.parametrize(
    "factors",
    [
        {"servers": [1, 2], "rate": ["100/s", "100/min"]},
        {"servers": [1, 2], "rate": {"from": "20/s", "to": "2000/s", "until": "5%"}},
    ],
)
def test_an_open_grid_reads_back_from_what_is_stored_of_it(factors: dict[str, object]) -> None:
    written = grid(**{**OPEN, "factors": factors}, objectives={"p95": "1s"}, exclude=[{"servers": 1, "rate": "100/s"}])
    stored = json.loads(json.dumps(written.model_dump(mode="json", by_alias=True), sort_keys=True))
    assert Grid.model_validate(stored) == written
    assert [cell.slug for cell in Grid.model_validate(stored).cells.known] == [
        cell.slug for cell in written.cells.known
    ]


def test_a_search_over_rates_names_its_factor() -> None:
    span = {"from": "20/s", "to": "2000/s"}
    cells = grid(**{**OPEN, "factors": {"servers": [1], "rate": span}}, objectives={"p95": "1s"}).cells
    assert isinstance(cells, SearchedCells)
    assert (cells.search.factor, cells.search.least, cells.search.most) == ("rate", 20, 2000)


def test_an_open_load_begins_its_window_where_its_rate_is_reached() -> None:
    open_, load = grid(**OPEN), grid(**OPEN).load
    assert (open_.window_from_s, load.process, load.most_in_flight) == (2, "poisson", 10_000)


def test_time_scaling_plays_a_lower_rate_under_the_name_that_was_written() -> None:
    """Cells are named before it is known how slow the machine is."""
    written = grid(**OPEN)
    slow = written.scaled(2)
    assert (written.scaled_per_s(100), slow.scaled_per_s(100), slow.load.ramp_up) == (100, 50, 4)
    assert slow.factors == written.factors


def test_a_default_is_not_part_of_a_grids_identity() -> None:
    """Otherwise a new key with a default would separate users from their earlier studies."""
    dumped = grid().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert dumped == {
        "name": "study",
        "factors": {"servers": [1, 2], "vusers": [100, 200]},
        "load": {"think_time": "1s", "ramp_up": "2s", "duration": "12s"},
        "request": {"path": "/"},
    }


def test_a_search_is_stored_under_a_key_of_its_own_next_to_its_smallest_load() -> None:
    """Studies of users that are there already have this form: it is part of their identity."""
    searched = grid(factors={"servers": [1], "vusers": {"from": 10, "to": 100}})
    own = searched.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert (own["factors"], own["search"]) == ({"servers": [1], "vusers": [10]}, {"from": 10, "to": 100})
    whole = searched.model_dump(mode="json", by_alias=True)
    assert whole["search"] == {"factor": "vusers", "from": 10, "to": 100, "until": "5%"}
    assert grid().model_dump(mode="json", by_alias=True)["search"] is None
    for stored in (own, whole):
        assert Grid.model_validate(stored) == searched


def test_a_searched_grid_has_topologies_and_no_level_of_the_load() -> None:
    factors = {"servers": [1, 2, 3], "nginx_lb_max_fails": [0, 1], "vusers": {"from": 10, "to": 100}}
    searched = grid(
        factors=factors,
        exclude=[{"servers": 1, "vusers": 10}, {"servers": 2, "vusers": 20}, {"servers": 3, "nginx_lb_max_fails": 0}],
        include=[{"servers": 4, "vusers": 50, "nginx_lb_max_fails": 0}],
    )
    assert searched.levels == {"servers": (1, 2, 3), "nginx_lb_max_fails": (0, 1)}
    assert isinstance(searched.cells, SearchedCells)
    assert [tuple(each.by_name.values()) for each in searched.cells.topologies] == [(2, 0), (2, 1), (3, 1), (4, 0)]
    assert searched.cells.known[0].slug == "servers-2_vusers-10_nginx_lb_max_fails-0"
    assert {cell.vusers for cell in searched.cells.known} == {10}


def test_a_topology_is_named_once_whatever_the_loads_of_its_cells() -> None:
    cells = grid().cells
    assert isinstance(cells, FixedCells)
    assert [each.by_name for each in cells.topologies] == [{"servers": 1}, {"servers": 2}]
    assert [each.at("vusers", 200) for each in cells.topologies] == [cells.known[1], cells.known[3]]

"""The grids of a gate and of a quick study, which follow from a grid file."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import gate as command
from harness.errors import BadInput
from harness.grid import derive
from harness.grid.checks import Checker
from harness.grid.gate import IMAGE, Gate
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.study.config import role_variables
from tests.builders import grid

ROOT = Path(__file__).resolve().parents[3]
OLD, NEW = "app:1", "app:2"
GRIDS = [ROOT / "grid.yaml", *sorted((ROOT / "grids").glob("*.yaml"))]


def gated(of: Grid, **more: object) -> Grid:
    options = {"tolerance": "5%", "time": "10min", "servers": None, "load": "", **more}
    return command.gate_grid(of, (OLD, NEW), **options)  # type: ignore[arg-type] # options by name


def levels(of: Grid) -> dict[str, tuple[object, ...]]:
    return dict(of.levels)


def test_a_gate_has_two_builds_in_the_smallest_topology_at_the_largest_load() -> None:
    found = gated(grid(factors={"servers": [3, 1, 2], "vusers": [100, 900], "nginx_lb_method": ["ip_hash", "cookie"]}))
    assert levels(found) == {"servers": (1,), "vusers": (900,), IMAGE: (OLD, NEW), "nginx_lb_method": ("ip_hash",)}
    assert found.name == "study-gate"
    assert found.gate == Gate(order="drawn")
    assert not list(Checker(found, frozenset({IMAGE, "nginx_lb_method"})).all())


def test_the_time_of_a_gate_is_its_number_of_blocks() -> None:
    """Ten minutes have 25 blocks of two trials of 12 s; their number is even, as half of them begin with each build."""
    assert gated(grid()).repeats.max == 24
    assert gated(grid(), time="20min").repeats.max == 50
    assert gated(grid(), time="10h").repeats.max == 100
    with pytest.raises(BadInput, match=r"--time: got 60s, in which only 2 blocks .* Fix: at least 240s"):
        gated(grid(), time="1min")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": "5"}, "--tolerance: got '5'. Allowed: a percentage, as in 5%"),
        ({"tolerance": "80%"}, "--tolerance: got 80%. Allowed: from 0.1% to 50%"),
        ({"time": "10"}, "--time: got '10'. Allowed: a number with ms, s, m or h, as in 30s"),
        ({"load": "100/s"}, "--load: got '100/s'. Allowed: a whole number of users, as in 2000"),
        ({"load": "0"}, "--load: vusers: got 0. Allowed: a whole number from 1 to 50000"),
        ({"servers": 0}, "--servers: got 0. Allowed: a whole number from 1 to 1000"),
    ],
)
def test_a_wrong_option_of_a_gate_is_one_message(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput) as raised:
        gated(grid(), **options)
    assert str(raised.value) == message


def test_a_gate_at_a_rate_takes_a_rate() -> None:
    rates = grid(
        factors={"servers": [1], "rate": {"from": "100/s", "to": "400/s"}},
        load={"ramp_up": "2s", "duration": "12s"},
        objectives={"p95": "100ms"},
    )
    assert levels(gated(rates))["rate"] == (200,)
    assert levels(gated(rates, load="150/s"))["rate"] == (150,)


@pytest.mark.parametrize("change", [{"repeats": 5}, {"factors": {"servers": [1, 2], "vusers": [100]}}])
def test_a_grid_that_compares_no_two_builds_has_no_gate(change: dict[str, object]) -> None:
    builds = {"factors": {"servers": [1], "vusers": [100], IMAGE: [OLD, NEW]}, "repeats": {"min": 6, "max": 20}}
    good = grid(**builds, gate={})
    assert not [words for _, words in Checker(good, frozenset({IMAGE})).all()]
    bad = grid(**{**builds, **change}, gate={})
    assert [words for _, words in Checker(bad, frozenset({IMAGE})).all() if words.startswith("gate: ")]


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.name)
@pytest.mark.parametrize("kind", ["gate", "quick"])
def test_both_follow_from_every_grid_of_the_project(path: Path, kind: str) -> None:
    variables = role_variables(ROOT)
    written, _ = load_grid(path, variables)
    found = gated(written, time="2h") if kind == "gate" else derive.quick(written)
    assert found.name.endswith(f"-{kind}")
    assert not list(Checker(found, variables).all())
    assert len(found.cells.known) <= 2
    assert len({cell.load for cell in found.cells.known}) == 1
    stored = Grid.model_validate(found.model_dump(mode="json", by_alias=True))
    assert stored.cells == found.cells, "a stored grid is the same"

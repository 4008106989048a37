"""Windows that are too short for an objective."""

from typing import Any

import pytest

from harness.summarise.capacity import window
from tests.builders import grid


def at(duration: str, p95: str | None = "100ms", slower: float = 1) -> str:
    more: dict[str, Any] = {"objectives": {"p95": p95}} if p95 else {}
    load = {"think_time": "1s", "ramp_up": "2s", "duration": duration, "timeout": "10s"}
    made = grid(load=load, **more)
    found = window.too_short(made.scaled(slower))
    return found.sentence if found else ""


@pytest.mark.parametrize(("duration", "short"), [("14s", False), ("11s", True)])
def test_a_window_is_long_enough_with_a_hundred_times_p95(duration: str, short: bool) -> None:
    """The window begins at second 3, after the ramp-up and a think time."""
    assert bool(at(duration)) is short
    assert not at(duration, None)


def test_the_effect_of_a_short_window_is_reported_in_nominal_times() -> None:
    message = at("12s", "150ms")
    assert message == at("12s", "150ms", slower=2)
    assert "short for p95 below 150 ms: capacities are overestimated by up to 2 %" in message
    assert "with 100 times p95, 15 s, by 1 %" in message


def test_a_window_below_twenty_times_p95_gives_no_capacity() -> None:
    assert "overestimated by up to 5 %; with 100 times p95" in at("19s", "800ms")
    assert "there is no capacity below 20 times p95, 100 s; use 100 times p95, 500 s" in at("19s", "5s")

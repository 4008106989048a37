"""Conclusions about simulated studies with known gains: the short form of `python -m benchmarks.truth`.

Seeds are fixed and bounds are wide, because there are few studies; the benchmark has the exact shares.
"""

from dataclasses import replace
from functools import cache

import pytest

from benchmarks.truth import tables
from benchmarks.truth.__main__ import counted
from benchmarks.truth.scenarios import SCENARIOS
from benchmarks.truth.study import Tally, one
from benchmarks.truth.world import Scenario

DISTURBED = (
    "noisy, 9 %",
    "one stall of 2 s a study",
    "stalls of 1 to 2 s in 20 % of trials",
    "−30 % drift over the study",
    "warm-up of 8 s",
    "timeout 5 s",
)


def named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


@cache
def first_of(name: str) -> Tally:
    """Return the counts of the scenario's first study, which several tests read."""
    return counted(named(name), 1, None)


def covers(count: Tally, least: float = 0.8) -> bool:
    """Return whether all steps have a gain in all studies, with intervals that include the truth in a share `least`."""
    return all(
        count.with_interval[step] == count.studies and count.covered[step] >= least * count.studies for step in (0, 1)
    )


def under_one_load(name: str) -> Scenario:
    """Return the scenario with only the load at which the servers are the bottleneck."""
    scenario = named(name)
    return replace(scenario, setup=scenario.setup.changed(users=scenario.setup.users[-1:]))


def test_quiet_studies_find_the_true_gains_and_bottlenecks() -> None:
    studies = 20
    count = counted(under_one_load("quiet, 3 %"), studies, None)
    assert covers(count)
    count.add(counted(named("quiet, 3 %"), 2, None))
    assert (count.trials, count.judged, count.users) == (15 * studies + 60, 15 * studies + 60, 20)
    assert not count.invalid
    assert not count.warnings
    assert not +count.false_bottlenecks  # `server` and `load` in all cells
    assert count.of_truth / count.users == pytest.approx(1, abs=0.02)
    assert count.findings["slow server, falsely"] == count.findings["E22"] == 0
    assert count.findings["trend"] + count.findings["outlier"] <= 2


def test_intervals_exclude_a_wrong_gain() -> None:
    """The count can fail: few intervals include a value 15 % away from the truth."""
    count = counted(replace(under_one_load("quiet, 3 %"), truth=(1.7, 1.28)), 4, None)
    assert count.covered[0] + count.covered[1] <= 2


@pytest.mark.parametrize("studies", [2, pytest.param(5, marks=pytest.mark.long)])
def test_disturbed_servers_are_not_attributed_to_generator_or_network(studies: int) -> None:
    """The gains are still found; the coverage is that of all these studies together."""
    total = Tally()
    for name in DISTURBED:
        count = counted(under_one_load(name), studies, None)
        assert not {"E3", "E5", "E6", "E7", "E13"} & {*count.invalid}, name
        assert not {"E5", "E6"} & {*count.warnings}, name
        assert sum(count.false_bottlenecks.values()) <= 0.02 * count.judged, name
        total.add(count)
    assert covers(total)


def test_a_stall_near_the_window_is_not_attributed_to_the_generator() -> None:
    count = counted(named("stalls at the window's edges in all trials"), 4, None)
    assert not {"E5", "E6"} & {*count.invalid, *count.warnings}
    assert not +count.false_bottlenecks


@pytest.mark.parametrize("studies", [4, pytest.param(8, marks=pytest.mark.long)])
def test_a_varying_speed_is_named_and_gains_are_still_covered(studies: int) -> None:
    count = counted(named("speed ±25 % in phases of 20 to 40 s"), studies, None)
    assert covers(count, 0.7)
    assert count.findings["E22"] == count.studies


def test_a_drift_within_blocks_is_named() -> None:
    count = counted(named("−30 % drift in every block"), 4, None)
    assert count.findings["trend"] >= 3


@pytest.mark.parametrize("long_s", [1, 2])
def test_a_frozen_generator_is_found_at_any_time_and_is_the_only_finding(long_s: int) -> None:
    scenario = replace(named(f"generator frozen for {long_s} s in 30 % of trials"), frozen=1.0)
    count = counted(scenario, 1, None)
    assert count.frozen == count.trials == 15
    assert count.noticed >= 14  # a freeze at the end of the window may be reported one second later
    assert {*count.invalid, *count.warnings} <= {"E5", "E6"}
    assert not +count.false_bottlenecks


def test_a_collapsed_server_is_reported_with_the_larger_topology() -> None:
    count = counted(named("timeout 3 s: one server collapses"), 2, None)
    assert count.other_kinds["1 → 2 only the larger"] == count.studies
    assert count.with_interval[1] == count.studies
    assert {*count.invalid} == {"E8"}


@pytest.mark.parametrize(
    "name", ["generator at 85 % for one second", "one line of worker_connections", "long think times"]
)
def test_harmless_events_make_no_trial_invalid(name: str) -> None:
    count = first_of(name)
    assert not count.invalid
    assert not {"balancer", "generator", "network"} & {*+count.false_bottlenecks}


def test_a_saturated_link_is_not_attributed_to_servers() -> None:
    count = counted(named("the way to the balancer is full"), 1, None)
    assert not +count.false_bottlenecks
    assert not count.with_interval


@pytest.mark.parametrize("name", ["a database at half of its capacity", "the same, paced servers"])
def test_a_database_below_its_limit_is_never_the_bottleneck(name: str) -> None:
    """With the simulated readings of CPU and connections."""
    count = counted(named(name), 4, None)
    assert (count.trials, count.judged) == (60, 60)
    assert not {"dependency"} & {*+count.false_bottlenecks}
    assert sum(count.false_bottlenecks.values()) <= 0.02 * count.judged
    assert covers(count, 0.6)  # few studies; the benchmark has the exact share


@pytest.mark.parametrize("name", ["a database whose CPU is full", "a database whose connections are full"])
def test_a_shared_database_limits_two_servers_and_hides_what_a_third_one_adds(name: str) -> None:
    count = counted(named(name), 2, None)
    assert count.judged == count.trials == 30
    assert not +count.false_bottlenecks
    assert count.other_kinds["1 → 2 lower bound"] == count.other_kinds["2 → 3 not measurable"] == count.studies


def test_users_with_long_think_times_are_in_steady_state_from_the_beginning() -> None:
    begun = counted(named("long think times, users begin with a request"), 1, None)
    assert begun.of_truth / begun.users > 1.1  # each user has had only one think time in the window
    count = first_of("long think times")
    assert count.of_truth / count.users == pytest.approx(1, abs=0.02)


def test_tables_contain_the_counts() -> None:
    scenario = named("one stall of 2 s a study")
    count = one(scenario, 0)[2]
    row = tables.covered(scenario, count)
    assert row.startswith(f"| {scenario.name} | 1 | {count.covered[0]:.1%} | {count.covered[1]:.1%} |")
    assert len(row.split(" | ")) == len(tables.COVERED)
    both = tables.false_bottlenecks([scenario], {scenario.name: count})
    assert f"| {scenario.name} | 15 | 0.0% |" in both
    assert "| **all clean scenarios** | 15 |" in both

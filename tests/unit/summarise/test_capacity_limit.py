"""The bottleneck that sets a capacity, and its place in gains, tables and sentences."""

from __future__ import annotations

import pytest

from harness.grid.schema import Grid
from harness.records.trial import Component, TrialRecord
from harness.summarise import tables
from harness.summarise.gains.gain import GainKind
from harness.summarise.gains.obstacle import ObstacleKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary, summarise_records
from report.sentences import capacity as sentences
from report.tables import capacity as capacity_table
from tests.builders import changed, grid, record
from tests.unit.summarise.test_capacity import counts

LOADS = {1: (280, 300, 320), 2: (300, 321, 345)}
AT = {1: 300.0, 2: 321.0}  # a balancer that stops growing at about 300/s
Judged = tuple[str, dict[str, object], dict[str, float]]  # component, basis, figures
SERVERS: Judged = ("server", {"kind": "server CPU", "subject": "server-1"}, {"server_cpu": 0.97})
BALANCER: Judged = ("balancer", {"kind": "balancer CPU"}, {"balancer_cpu": 0.97})
SERVED = {"response_s": 0.4, "upstream_s": 0.05, "unloaded_s": 0.05, "times": 8.0, "served": 0.125}


def measured(above: dict[int, Judged], *, invalid: bool = False) -> tuple[Grid, dict[str, TrialRecord]]:
    """Return a study of two topologies at rates; `above` has the bottleneck of the trials that miss the objective."""
    records = {}
    for servers, loads in LOADS.items():
        for count in counts(tuple(map(float, loads)), at=AT[servers]):
            missed = count.late > 0.05 * count.requests
            component, basis, figures = above[servers] if missed else ("load", {"kind": "rate served"}, {})
            bottleneck = {"component": component, "basis": basis, "reason": "", "figures": figures}
            found = changed(
                record(servers, 1, count.block, count.load),
                cell={"servers": servers, "rate": count.load},
                objective_counts={"requests": count.requests, "late": count.late, "failed": 0},
                bottleneck=bottleneck,
            )
            if invalid and missed and servers == 2:
                found = changed(found, outcome="invalid", cause="the generator was late")
            records[f"servers-{servers}_rate-{count.load:g}/r{count.block}"] = found
    plan = grid(
        factors={"servers": [1, 2], "rate": [f"{load}/s" for load in sorted({*LOADS[1], *LOADS[2]})]},
        load={"ramp_up": "3s", "duration": "60s", "timeout": "20s"},
        objectives={"p95": "450ms"},
        repeats=5,
    )
    return plan, records


def study(above: dict[int, Judged], *, invalid: bool = False) -> Summary:
    return summarise_records(*measured(above, invalid=invalid))


def test_a_capacity_that_the_balancer_sets_names_it_everywhere() -> None:
    summary = study({1: SERVERS, 2: BALANCER})
    assert [one.limit and one.limit.component for one in summary.capacities] == [Component.SERVER, Component.BALANCER]
    (gain,) = summary.capacity_gains
    assert gain.ratio
    assert gain.ratio.value == pytest.approx(1.07, abs=0.01)
    assert gain.limit
    assert (gain.limit.kind, gain.limit.servers) == (ObstacleKind.OTHER_BOTTLENECK, (2,))
    why = "the bottleneck of 2 servers was the balancer"
    (sentence,) = sentences.sentences(summary)
    assert sentence.endswith(f"efficiency 54 %, {why}.")
    table = capacity_table.table(summary)
    assert table
    assert f"{why}: the CPU utilization of the balancer's busiest worker was 97 %" in table.rows[1][-1]
    one, two = tables.capacity(summary)
    assert (one["component"], two["component"]) == ("server", "balancer")
    assert why in str(two["reason"])


def test_a_gain_between_topologies_that_their_servers_limit_has_no_such_reason() -> None:
    (gain,) = study({1: SERVERS, 2: SERVERS}).capacity_gains
    assert (gain.limit, gain.reason, gain.kind) == (None, "", GainKind.GAIN)


def test_both_topologies_can_have_the_same_bottleneck() -> None:
    (gain,) = study({1: BALANCER, 2: BALANCER}).capacity_gains
    assert gain.limit
    assert gain.limit.servers == (1, 2)
    assert gain.reason.startswith("the bottleneck of 1 server and 2 servers was the balancer")


@pytest.mark.parametrize(
    ("upstream_s", "more", "component"),
    [
        (0.35, {}, Component.SERVER),
        (0.05, {}, Component.UNKNOWN),
        (0.05, {"balancer_cpu": 0.9}, Component.BALANCER),
        (0.05, {"retransmitted": 0.05}, Component.NETWORK),
    ],
)
def test_a_load_that_is_served_too_slowly_is_attributed_by_its_times(
    upstream_s: float, more: dict[str, float], component: Component
) -> None:
    """All requests succeed and the queue does not grow, so the trial's own bottleneck is the load."""
    slow: Judged = ("load", {"kind": "rate served"}, {**SERVED, "upstream_s": upstream_s, **more})
    two = study({1: SERVERS, 2: slow}).capacities[1]
    assert two.limit
    assert two.limit.component == component


def test_without_times_the_bottleneck_of_a_served_load_is_not_known() -> None:
    unknown: Judged = ("load", {"kind": "rate served"}, {})
    summary = study({1: SERVERS, 2: unknown})
    assert summary.capacities[1].limit is None
    assert summary.capacity_gains[0].limit is None


def test_a_generator_makes_the_gain_a_bound() -> None:
    late: Judged = ("generator", {"kind": "generator late", "detail": "90 % CPU"}, {})
    (gain,) = study({1: SERVERS, 2: late}, invalid=True).capacity_gains
    assert gain.limit
    assert gain.limit.kind is ObstacleKind.GENERATOR
    assert gain.kind is GainKind.LOWER_BOUND
    (counted,) = study({1: SERVERS, 2: late}).capacity_gains
    assert counted.ratio
    assert (counted.kind, counted.ratio.high) == (GainKind.LOWER_BOUND, None)
    (smaller,) = study({1: late, 2: SERVERS}).capacity_gains
    assert (smaller.kind, smaller.conclusion, smaller.ratio) == (
        GainKind.NOT_MEASURABLE,
        Conclusion.NOT_MEASURABLE,
        None,
    )

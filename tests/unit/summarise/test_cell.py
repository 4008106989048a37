"""A cell over its trials: failed topologies, a slower server, steadiness, and figures of all trials."""

import json
import math
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from harness.grid.schema import Grid
from harness.grid.thresholds import Thresholds
from harness.judge import latency_stats
from harness.records.trial import TrialRecord
from harness.summarise.cells import slow_server
from harness.summarise.cells.cell import CellSummary, summarise
from harness.summarise.cost import Prices
from harness.summarise.gains.gain import Gain, GainKind, between
from harness.summarise.summary import Summary, of_cells
from report.sentences import answer, findings
from tests.builders import changed, grid, judged, record, study_record

LIMITS = Thresholds()
COLLAPSE = {
    "rule": "E8",
    "severity": "invalid",
    "cause": "more than 50 % of the requests failed for 10 s (900 timeout)",
    "next_step": "fewer users, or more servers",
    "figure": 0.56,
    "threshold": 0.5,
    "kind": "collapse",
}


def collapsed(servers: int, repeat: int, share: float) -> TrialRecord:
    failed = record(servers, 2000, repeat, None)
    return changed(failed, findings=[COLLAPSE], cause=COLLAPSE["cause"], error_rate=share)


def summed(study: Grid, cells: list[CellSummary], gains: list[Gain]) -> Summary:
    return of_cells(study, cells, gains, {}, [], [], Prices())


def cell(records: Sequence[TrialRecord], **more: Any) -> CellSummary:
    return summarise(records[0].cell, records, [], LIMITS, **more)


def two() -> CellSummary:
    return cell([record(2, 2000, k, 280.0) for k in range(1, 6)])


def test_a_topology_that_failed_its_requests_is_reported_like_a_dead_server() -> None:
    one = cell([collapsed(1, k, 0.56) for k in range(1, 6)])
    gain = between(one, two(), LIMITS)
    assert (gain.kind, gain.conclusion_text) == (GainKind.ONLY_LARGER, "no gain")
    assert gain.reason == "1 server failed 56 % of its requests, 2 servers served the load"
    factors = {"servers": [1, 2], "vusers": [2000]}
    summary = summed(grid(factors=factors), [one, two()], [gain])
    assert answer.answer(summary) == ["At 2,000 users 1 server failed 56 % of its requests, 2 servers served the load."]
    noted = findings.sentences(summary, study_record())
    assert noted[0].startswith("1 server at 2,000 users: invalid. More than 50 % of the requests failed for 10 s")


def test_few_valid_trials_of_a_collapsing_topology_are_no_baseline() -> None:
    valid = [record(1, 2000, k, 150.0) for k in (1, 2)]
    one = cell([*valid, *(collapsed(1, k, 0.6) for k in (3, 4, 5))])
    assert one.usable == 0
    assert between(one, two(), LIMITS).kind == GainKind.ONLY_LARGER
    mostly_fine = cell([*(record(1, 2000, k, 150.0) for k in (1, 2, 3)), collapsed(1, 4, 0.6), collapsed(1, 5, 0.6)])
    assert mostly_fine.usable == 3
    assert between(mostly_fine, two(), LIMITS).kind == GainKind.GAIN


@pytest.mark.parametrize("limit", ["generator", "balancer", "network"])
def test_failures_outside_the_servers_are_not_attributed_to_them(limit: str) -> None:
    one = cell([judged(collapsed(1, k, 0.82), limit) for k in range(1, 6)])
    gain = between(one, two(), LIMITS)
    assert (gain.kind, one.failed_share) == (GainKind.NONE, None)
    assert gain.reason.startswith("1 server: invalid (more than 50 % of the requests failed")


def trials_with(**figures: Any) -> list[TrialRecord]:
    """Return five trials of three servers; a figure is a constant, or a function of the repeat."""
    return [
        changed(record(3, 2000, k, 400.0), figures={n: v(k) if callable(v) else v for n, v in figures.items()})
        for k in range(1, 6)
    ]


@pytest.mark.parametrize(("cost", "named"), [(1.20, True), (1.10, True), (1.03, False), (1.0, False)])
def test_a_slower_server_is_found_over_all_trials(cost: float, named: bool) -> None:
    random = Random(11)  # noqa: S311 - no secret

    def costs(_repeat: int) -> dict[str, float]:
        each_s = 0.0036  # CPU time of a request, as a share of its limit
        speeds = (("server-1", 1), ("server-2", cost), ("server-3", 1))
        return {name: each_s * x * random.gauss(1, 0.015) for name, x in speeds}

    found = cell(trials_with(server_cost=costs))
    assert (found.slow_server is not None) == named
    if named and found.slow_server:
        assert found.slow_server.server == "server-2"
        assert found.slow_server.cost.value == pytest.approx(cost, abs=0.03)
        assert found.bottleneck_reason.startswith("server-2 is slower: its cost per request is 1.")
        gain = between(cell([record(2, 2000, k, 280.0) for k in range(1, 6)]), found, LIMITS)
        assert gain.reason.startswith("server-2 is slower")


def test_of_thirty_equal_servers_none_is_rarely_called_slow() -> None:
    """With an interval of 95 % for each of them one would be slow, in a quarter of such noisy studies."""
    random, named, studies = Random(5), 0, 60  # noqa: S311 - no secret
    noise = 6 * math.log1p(LIMITS.slower_server)
    bare = changed(record(30, 2000, 1, 4000.0), figures={"server_cost": {"server-1": 1.0}})
    assert bare.figures is not None
    for _ in range(studies):
        costs = [{f"server-{n}": math.exp(random.gauss(0, noise)) for n in range(30)} for _ in range(5)]
        trials = [
            bare.model_copy(update={"figures": bare.figures.model_copy(update={"server_cost": each})}) for each in costs
        ]
        named += slow_server.slowest(trials, LIMITS) is not None
    assert named <= 0.1 * studies, named


def test_rising_latencies_are_marked_with_steady_throughput() -> None:
    rising = cell(trials_with(latency_drift=lambda k: 0.2 + k / 1000, drift=lambda k: k / 1000))
    assert rising.usable == 5
    assert rising.latency_unsteady == "rose by 23 % from the first to the second half of the window"
    assert cell(trials_with(latency_drift=lambda k: 0.06 * (-1) ** k)).latency_unsteady == ""


def test_a_p95_objective_is_missed_if_every_twelfth_request_fails() -> None:
    """Percentiles of successes exclude timeouts, so the objective uses those with failures."""
    good, bad = latency_stats.histogram_of_ms([(100, 920)]), latency_stats.histogram_of_ms([(3000, 80)])
    trials = [record(2, 2000, k, 280.0) for k in range(1, 6)]
    one = summarise(trials[0].cell, trials, [good] * 5, LIMITS, [bad] * 5)
    assert one.latency_ms["p95"] == pytest.approx(100, abs=1)
    assert one.latency_with_failures_ms["p95"] == pytest.approx(3000, abs=2)
    study = grid(factors={"servers": [2], "vusers": [2000]}, objectives={"p95": "500ms"})
    (judged,) = summed(study, [one], []).objectives
    assert not judged.met
    fine = summarise(trials[0].cell, trials, [good] * 5, LIMITS)
    assert summed(study, [fine], []).objectives[0].met


def test_a_cells_figures_are_those_of_all_its_trials() -> None:
    trials = [
        changed(
            record(1, 2000, k, 140.0),
            bottleneck={
                "component": "server",
                "reason": "one trial's",
                "basis": {"kind": "server CPU", "subject": "server-1"},
                "figures": {"server_cpu": 0.90 + k / 100, "of_users_bound": 0.80 + k / 100},
            },
        )
        for k in range(1, 6)
    ]
    found = cell(trials)
    assert found.bottleneck_reason == "the CPU utilization of server-1 was 93 %"
    assert found.next_bottleneck == "users (83 % of their maximum rate)"
    noted = findings.sentences(summed(grid(), [found], []), study_record())
    assert noted[0].startswith("At 2,000 users servers beyond one add at most 20 % of throughput")


def test_a_warning_of_a_cell_has_its_worst_case_and_its_frequency() -> None:
    def marked(k: int) -> TrialRecord:
        cause = f"this machine: the CPU utilization by processes outside the study was {15 + k} %"
        found = {"rule": "E11", "severity": "warning", "cause": cause, "figure": 0.15 + k / 100, "threshold": 0.15}
        return changed(record(1, 2000, k, 140.0), outcome="warning", cause=cause, findings=[found])

    found = cell([*(marked(k) for k in (1, 2, 3)), record(1, 2000, 4, 141.0), record(1, 2000, 5, 140.0)])
    assert found.cause.endswith("was 18 % (in 3 of 5 trials, the worst shown)")
    other = cell([changed(t, cell={"servers": 2, "vusers": 2000}) for t in [marked(1), marked(2), marked(3)]])
    noted = findings.sentences(summed(grid(), [found, other], []), study_record())
    assert [line for line in noted if "warning" in line] == [noted[0]], json.dumps(noted)

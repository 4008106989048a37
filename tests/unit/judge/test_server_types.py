"""Rule E12 with servers of several types: types may differ, and a slow server of one type is still found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import rules
from harness.judge.balancing import Balancing
from harness.judge.observation import Observation
from harness.records.series import HostSample
from harness.records.trial import TrialRecord
from harness.summarise.cells import slow_server
from tests.builders import changed, logged, observation, record

LIMITS = Thresholds()
TYPES = {"small": ["server-1", "server-2"], "large": ["server-3"]}
TYPE_OF = {"server-1": "small", "server-2": "small", "server-3": "large"}
LEAST_CONN = Balancing(method="least_conn")


def causes(seen: Observation) -> list[str]:
    return [finding.cause for finding in rules.judge(seen, LIMITS) if finding.rule == "E12"]


def shared(*parts: int, types: bool = True, balancing: Balancing = LEAST_CONN) -> Observation:
    """Return a trial of three servers with these parts of the requests and a CPU time of each by its type."""
    seen = observation(rate=280, servers=3)
    done = sum(sample.completed for sample in seen.samples)
    counts = [done * part // sum(parts) for part in parts]
    upstreams = {address: {"200": n} for address, n in zip(seen.expected_servers.values(), counts, strict=True)}
    served = {name: {"200": n} for name, n in zip(seen.expected_servers, counts, strict=True)}
    found = replace(logged(seen, upstreams=upstreams), served=served, balancing=balancing)
    return replace(found, type_of=TYPE_OF if types else {})


def with_cpu(seen: Observation, *cores: float) -> Observation:
    """Return the trial with this use of a CPU limit of 0.2 cores at the servers."""
    used = {**dict(zip(seen.expected_servers, cores, strict=True)), "generator": 0.2}
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=each, throttled_share=None, memory_mb=90.0)
        for name, each in used.items()
        for t in range(18)
    ]
    return replace(seen, hosts=hosts)


def test_shares_by_type_are_no_finding() -> None:
    """A large server gets twice the requests of a small one, and each costs it half the CPU time."""
    fair = with_cpu(shared(1, 1, 2), 0.18, 0.18, 0.18)
    assert causes(fair) == []
    assert causes(replace(fair, type_of={})), "the same trial of equal servers has findings"


def test_a_server_with_a_smaller_share_than_its_type_is_found() -> None:
    (cause, *_) = causes(with_cpu(shared(2, 1, 3), 0.18, 0.09, 0.18))
    assert "server-1 33.3 %, server-2 16.7 %, server-3 50.0 %" in cause


def test_round_robin_must_give_equal_shares_to_all_types() -> None:
    uneven = with_cpu(shared(1, 1, 2, balancing=Balancing()), 0.1, 0.1, 0.1)
    assert causes(uneven)[0].startswith("the balancer's shares differ from 33.3 %")


def test_a_slow_server_is_found_within_its_type() -> None:
    slow = with_cpu(shared(1, 1, 2), 0.09, 0.18, 0.09)
    (cause,) = causes(slow)
    assert cause.startswith("server-2 needed 2.0 times as much CPU time per request as the cheapest server of its type")


def trials(cost: float) -> list[TrialRecord]:
    """Return trials in which a request costs server-2 this much, and the large server half of a small one."""
    wobble = (1.0, 1.01, 0.99, 1.005, 0.995)
    costs = [{"server-1": 1.0, "server-2": cost * each, "server-3": 0.5 * each} for each in wobble]
    return [changed(record(3, 2000, k, 400.0), figures={"server_cost": each}) for k, each in enumerate(costs, 1)]


@pytest.mark.parametrize(("cost", "named"), [(1.2, "server-2"), (1.0, None)])
def test_over_all_trials_a_server_is_compared_with_its_type(cost: float, named: str | None) -> None:
    found = slow_server.slowest(trials(cost), LIMITS, TYPES)
    assert (found.server if found else None) == named
    equal = slow_server.slowest(trials(1.0), LIMITS)
    assert equal, "without types the small servers would be slow"

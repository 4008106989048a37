"""Without a balancer the counts of generator and server are compared (E13), and no rule reads a log of one."""

from dataclasses import replace

import pytest

from harness.balancers.none import UNAVAILABLE
from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, rules
from harness.judge.balancing import Balancing
from harness.judge.observation import Death, Observation
from harness.records.counters import BalancerCounters
from harness.records.findings import Finding
from tests.builders import observation


def direct(served: int | None) -> Observation:
    """A healthy trial of one server that counted this many successes; None for a server without a count."""
    seen = observation(servers=1)
    (name,) = seen.expected_servers
    counts = None if served is None else {"200": served}
    return replace(
        seen,
        balancer=BalancerCounters(),
        balancing=Balancing(balancer="none"),
        served={name: counts},
        ceiling=None,
        unavailable=UNAVAILABLE,
    )


def succeeded() -> int:
    return sum(sample.completed for sample in observation(servers=1).samples)


def found(seen: Observation, rule: str) -> list[Finding]:
    return [finding for finding in rules.judge(seen, Thresholds()) if finding.rule == rule]


def test_equal_counts_leave_only_the_notes_of_rules_that_are_not_available() -> None:
    every = rules.judge(direct(succeeded()), Thresholds())
    assert sorted(finding.rule for finding in every) == sorted(UNAVAILABLE)
    assert all(finding.cause == f"not available: {UNAVAILABLE[finding.rule]}" for finding in every)


@pytest.mark.parametrize("missing", [-500, 500])
def test_e13_different_counts_of_generator_and_server_are_invalid(missing: int) -> None:
    (worst, note) = found(direct(succeeded() - missing), "E13")
    assert worst.severity == "invalid"
    assert f"the generator counts {succeeded():,} successes, the server {succeeded() - missing:,}" in worst.cause
    assert note.cause.startswith("not available")


def test_e13_a_server_without_counts_is_a_note() -> None:
    assert [finding.severity for finding in found(direct(None), "E13")] == ["note", "note"]


def test_a_dead_server_has_no_balancer_that_handles_its_requests() -> None:
    seen = replace(direct(succeeded()), died={"server-1": Death("{server} died with exit code 137")})
    reason = bottleneck.of_trial(seen, [], Thresholds()).reason
    assert reason == "server-1 died with exit code 137; there is no balancer, so every request fails"

"""What limited a trial: what would raise throughput."""

from dataclasses import replace

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, rules, utilization
from harness.judge.observation import Observation
from harness.records.series import HostSample
from harness.records.trial import Bottleneck, Component, Pacing
from tests.builders import logged, observation, samples

LIMITS = Thresholds()


def limit(seen: Observation, unloaded_s: float = 0.01) -> Bottleneck:
    seen = replace(seen, unloaded_s=unloaded_s)
    return bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)


def test_a_server_that_used_its_cpu_is_the_limit() -> None:
    found = limit(observation(rate=280, users=1000))
    assert found.component == "server"
    assert "server-1 used 95 %" in found.reason


def test_users_who_ask_for_no_more_are_the_limit_whatever_the_cpu_says() -> None:
    assert limit(observation(rate=495, users=1000, servers=2)).component == "load"


def test_users_near_their_bound_are_the_next_limit() -> None:
    found = limit(observation(rate=840, users=2000, servers=3))
    assert found.component == "server"
    assert found.next_bottleneck.startswith("users (84 %")


def test_a_sick_generator_is_never_blamed_on_the_server() -> None:
    rows = [replace(s, in_flight=(s.in_flight or 0.0) - 80) for s in samples(280, 1000, busiest_cpu_s=0.75)]
    assert limit(observation(samples=rows)).component == "generator"


def test_long_waits_with_an_idle_cpu_are_a_limit_of_concurrency() -> None:
    """A plateau of 40 threads at 30 % CPU."""
    idle = [HostSample(t + 0.5, "server-1", 0.06, None, 90.0) for t in range(18)]
    found = limit(observation(rate=280, users=1000, hosts=idle), unloaded_s=0.1)
    assert found.component == "server"
    assert "requests wait for a slot, not for the CPU" in found.reason


def test_an_idle_server_with_short_waits_is_unknown() -> None:
    idle = [HostSample(t + 0.5, "server-1", 0.06, None, 90.0) for t in range(18)]
    rows = samples(280, 1000, think_s=3.0)
    assert limit(observation(samples=rows, hosts=idle, think_time_s=3.0), unloaded_s=0.25).component == "unknown"


def test_the_busiest_server_decides() -> None:
    hosts = [
        HostSample(t + 0.5, name, cores, None, 90.0)
        for name, cores in (("server-1", 0.1), ("server-2", 0.2))
        for t in range(18)
    ]
    name, use = utilization.server(observation(servers=2, hosts=hosts))
    assert name == "server-2"
    assert use == pytest.approx(1.0)


def test_a_cell_needs_two_thirds_of_its_trials_for_a_verdict() -> None:
    assert bottleneck.of_cell([Component.SERVER, Component.SERVER, Component.LOAD]) == ("server", "")
    assert bottleneck.of_cell([Component.SERVER, Component.LOAD])[0] == "unknown"
    assert bottleneck.of_cell([])[0] == "unknown"


IDLE = [HostSample(t + 0.5, "server-1", 0.06, None, 90.0) for t in range(18)]


def test_long_waits_that_servers_know_nothing_of_are_not_their_limit() -> None:
    """Answers take 31 times as long as unloaded, the CPU is idle, and upstreams take no longer."""
    seen = observation(rate=280, users=1000, hosts=IDLE)
    elsewhere = limit(logged(seen, upstream_mean_s=0.06), unloaded_s=0.05)
    assert elsewhere.component == "unknown"
    assert "4 % of it at the servers: the rest is spent elsewhere" in elsewhere.reason
    assert limit(logged(seen, upstream_mean_s=1.5), unloaded_s=0.05).component == "server"


def test_the_servers_share_is_of_what_answers_took_longer_than_unloaded() -> None:
    """1.57 s instead of 0.5 s: of the 1.07 s more, servers took 0.6 s."""
    seen = observation(rate=280, users=1000, hosts=IDLE)
    assert limit(logged(seen, upstream_mean_s=1.1), unloaded_s=0.5).component == "server"
    assert limit(logged(seen, upstream_mean_s=1.0), unloaded_s=0.5).component == "unknown"


def test_slots_that_were_free_are_nobodys_limit() -> None:
    free = {"server-1": Pacing(offered=70.0, busy=40.0, lost=0.0, late=0.0, answers=2800)}
    assert limit(observation(rate=280, users=1000, hosts=IDLE, pacing=free), unloaded_s=0.05).component == "unknown"


@pytest.mark.parametrize(("fastest_s", "limited"), [(None, "server"), (0.2, "load")])
def test_a_cold_first_request_does_not_make_users_the_limit(fastest_s: float | None, limited: str) -> None:
    """430/s of 1000 users who think 2 s, servers at work: with R0 = 0.9 s that would be 125 % of what they can ask."""
    found = limit(observation(rate=430, users=1000, servers=2, fastest_s=fastest_s), unloaded_s=0.9)
    assert found.figures["of_users_bound"] != pytest.approx(1.25, abs=0.1)
    if fastest_s is None:
        assert found.figures["of_users_bound"] is None, "a bound that is exceeded says nothing"
        assert found.component == limited
    else:
        assert found.figures["of_users_bound"] == pytest.approx(0.946, abs=0.001)


@pytest.mark.parametrize("shift", [-40, 40])
def test_the_windows_edges_do_not_move_what_users_can_ask_for(shift: int) -> None:
    """More or fewer answers than think times ended in the window: those who think are counted, not reckoned."""
    rows = samples(495, 1000)
    moved = [replace(s, completed=s.completed + shift, thinks=(s.thinks or 0) + shift) for s in rows]
    found = limit(observation(samples=moved, users=1000, servers=2))
    assert found.figures["of_users_bound"] == pytest.approx(0.995, abs=0.002)
    assert found.component == "load"

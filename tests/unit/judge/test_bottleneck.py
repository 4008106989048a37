"""The bottleneck of a trial and of a cell."""

from dataclasses import replace

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, rules, utilization
from harness.judge.observation import Observation
from harness.records.context import Pacing
from harness.records.reasons import ReasonKind
from harness.records.series import HostSample, MachineSample
from harness.records.trial import Bottleneck, Component
from tests.builders import logged, observation, samples

LIMITS = Thresholds()


def bottleneck_of(seen: Observation, unloaded_s: float = 0.01) -> Bottleneck:
    seen = replace(seen, unloaded_s=unloaded_s)
    return bottleneck.of_trial(seen, rules.judge(seen, LIMITS), LIMITS)


def test_a_server_that_used_its_cpu_is_the_bottleneck() -> None:
    found = bottleneck_of(observation(rate=280, users=1000))
    assert found.component == "server"
    assert "the CPU utilization of server-1 was 95 %" in found.reason


def test_a_load_limited_trial_has_bottleneck_load_at_any_cpu_utilization() -> None:
    assert bottleneck_of(observation(rate=495, users=1000, servers=2)).component == "load"


def test_users_near_their_bound_are_the_next_bottleneck() -> None:
    found = bottleneck_of(observation(rate=840, users=2000, servers=3))
    assert found.component == "server"
    assert found.next_bottleneck.startswith("users (84 %")


def test_a_faulty_generator_is_the_bottleneck_and_not_the_server() -> None:
    rows = [replace(s, in_flight=(s.in_flight or 0.0) - 80) for s in samples(280, 1000, busiest_cpu_s=0.75)]
    assert bottleneck_of(observation(samples=rows)).component == "generator"


def test_slow_responses_with_an_idle_cpu_are_limited_by_concurrency() -> None:
    """A pool of 40 threads at 30 % CPU."""
    idle = [
        HostSample(t_s=t + 0.5, host="server-1", cpu_cores=0.06, throttled_share=None, memory_mb=90.0)
        for t in range(18)
    ]
    found = bottleneck_of(observation(rate=280, users=1000, hosts=idle), unloaded_s=0.1)
    assert found.component == "server"
    assert "requests wait for a slot, not for the CPU" in found.reason


@pytest.mark.parametrize(
    ("busy", "steal", "kind"),
    [
        (0.8, 0.6, ReasonKind.MACHINE_CPU),  # a burstable instance without credits
        (2.0, 0.0, ReasonKind.MACHINE_CPU),  # a neighbour that uses all the rest
        (0.8, 0.1, ReasonKind.CONCURRENCY),
    ],
)
def test_a_server_that_gets_no_cpu_is_not_said_to_wait_for_a_slot(busy: float, steal: float, kind: ReasonKind) -> None:
    """Its CPU is at 30 % of its allowance because its machine of two cores has none left."""
    hosts = [
        HostSample(t_s=t + 0.5, host="server-1", cpu_cores=0.06, throttled_share=None, memory_mb=90.0)
        for t in range(18)
    ]
    machines = [
        MachineSample(
            t_s=t + 0.5,
            machine="m",
            cores=2,
            busy_cores=busy,
            steal_share=steal,
            load=1.0,
            conntrack_share=None,
            offset_s=0.0,
        )
        for t in range(18)
    ]
    seen = observation(rate=280, users=1000, hosts=hosts)
    seen = replace(seen, machines=machines, machine_of={"server-1": "m"})
    found = bottleneck_of(seen, unloaded_s=0.1)
    assert (found.component, found.basis.kind) == ("server", kind)
    if kind is ReasonKind.MACHINE_CPU:
        assert "while 100 % of the CPU of the machine of server-1 was in use" in found.reason
        assert "slot" not in found.reason


def test_an_idle_server_with_fast_responses_is_unknown() -> None:
    idle = [
        HostSample(t_s=t + 0.5, host="server-1", cpu_cores=0.06, throttled_share=None, memory_mb=90.0)
        for t in range(18)
    ]
    rows = samples(280, 1000, think_s=3.0)
    assert (
        bottleneck_of(observation(samples=rows, hosts=idle, think_time_s=3.0), unloaded_s=0.25).component == "unknown"
    )


def test_the_busiest_server_decides() -> None:
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=cores, throttled_share=None, memory_mb=90.0)
        for name, cores in (("server-1", 0.1), ("server-2", 0.2))
        for t in range(18)
    ]
    name, use = utilization.server(observation(servers=2, hosts=hosts))
    assert name == "server-2"
    assert use == pytest.approx(1.0)


def test_a_cells_bottleneck_is_that_of_two_thirds_of_its_trials() -> None:
    assert bottleneck.of_cell([Component.SERVER, Component.SERVER, Component.LOAD]) == ("server", "")
    assert bottleneck.of_cell([Component.SERVER, Component.LOAD])[0] == "unknown"
    assert bottleneck.of_cell([])[0] == "unknown"


IDLE = [
    HostSample(t_s=t + 0.5, host="server-1", cpu_cores=0.06, throttled_share=None, memory_mb=90.0) for t in range(18)
]


def test_slow_responses_outside_the_servers_are_unknown() -> None:
    """Responses take 31 times as long as unloaded, the CPU is idle, and the servers respond as fast as before."""
    seen = observation(rate=280, users=1000, hosts=IDLE)
    elsewhere = bottleneck_of(logged(seen, upstream_mean_s=0.06), unloaded_s=0.05)
    assert elsewhere.component == "unknown"
    assert "4 % of it at the servers: the rest is spent elsewhere" in elsewhere.reason
    assert bottleneck_of(logged(seen, upstream_mean_s=1.5), unloaded_s=0.05).component == "server"


def test_the_servers_share_is_of_the_increase_in_response_time() -> None:
    """1.57 s instead of 0.5 s: of the increase of 1.07 s, 0.6 s is in the servers."""
    seen = observation(rate=280, users=1000, hosts=IDLE)
    assert bottleneck_of(logged(seen, upstream_mean_s=1.1), unloaded_s=0.5).component == "server"
    assert bottleneck_of(logged(seen, upstream_mean_s=1.0), unloaded_s=0.5).component == "unknown"


def test_free_slots_are_not_a_bottleneck() -> None:
    free = {"server-1": Pacing(offered=70.0, busy=40.0, lost=0.0, late=0.0, answers=2800)}
    assert (
        bottleneck_of(observation(rate=280, users=1000, hosts=IDLE, pacing=free), unloaded_s=0.05).component
        == "unknown"
    )


@pytest.mark.parametrize(("fastest_s", "limited"), [(None, "server"), (0.2, "load")])
def test_a_slow_first_request_does_not_make_users_the_bottleneck(fastest_s: float | None, limited: str) -> None:
    """430/s of 1,000 users who think 2 s: with R0 = 0.9 s that would be 125 % of the users' bound."""
    found = bottleneck_of(observation(rate=430, users=1000, servers=2, fastest_s=fastest_s), unloaded_s=0.9)
    assert found.figures["of_users_bound"] != pytest.approx(1.25, abs=0.1)
    if fastest_s is None:
        assert found.figures["of_users_bound"] is None, "an exceeded bound is unknown"
        assert found.component == limited
    else:
        assert found.figures["of_users_bound"] == pytest.approx(0.946, abs=0.001)


@pytest.mark.parametrize("shift", [-40, 40])
def test_the_windows_edges_do_not_change_the_users_bound(shift: int) -> None:
    """Thinking users are counted, so more or fewer responses than think times in the window do not matter."""
    rows = samples(495, 1000)
    moved = [replace(s, completed=s.completed + shift, thinks=(s.thinks or 0) + shift) for s in rows]
    found = bottleneck_of(observation(samples=moved, users=1000, servers=2))
    assert found.figures["of_users_bound"] == pytest.approx(0.995, abs=0.002)
    assert found.component == "load"

"""The bottleneck `dependency`: a database, cache or API that the servers share is at its limit."""

from dataclasses import replace
from typing import Any

import pytest

from harness.grid.thresholds import Thresholds
from harness.judge import bottleneck, rules
from harness.judge.observation import Death, Observation
from harness.records.context import Dependency, Pacing
from harness.records.reasons import ReasonKind
from harness.records.series import HostSample, MachineSample
from harness.records.trial import Bottleneck
from tests.builders import logged, observation

LIMITS = Thresholds()
COLUMNS = ("in_use", "most_connections", "connections", "longest_wait_s", "sessions")
POSTGRESQL = Dependency(name="PostgreSQL")
WAITING = {"upstream_mean_s": 1.5}  # 30 times R0
FREE = {"server-1": Pacing(offered=70.0, busy=40.0, lost=0.0, late=0.0, answers=2800)}


def seen(cores: float, *, server: float = 0.06, what: Dependency = POSTGRESQL, **more: Any) -> Observation:
    """Return a trial with waiting users: CPU of the database (allowance: one core) and of the server (0.2 cores)."""
    columns = {name: more.pop(name) for name in COLUMNS if name in more}
    hosts = [
        HostSample(
            t_s=t + 0.5,
            host=host,
            cpu_cores=used,
            throttled_share=None,
            memory_mb=90.0,
            **(columns if host == "db" else {}),
        )
        for t in range(18)
        for host, used in (("server-1", server), ("db", cores))
    ]
    made = observation(rate=280, users=1000, hosts=hosts, unloaded_s=0.05)
    made = replace(made, caps={**made.caps, "db": more.pop("cap", 1.0)}, dependencies={"db": what})
    return logged(replace(made, **more), **WAITING)


def judged(made: Observation) -> Bottleneck:
    return bottleneck.of_trial(made, rules.judge(made, LIMITS), LIMITS)


def test_a_dependency_with_a_busy_cpu_is_the_bottleneck() -> None:
    found = judged(seen(0.97))
    assert (found.component, found.basis.kind) == ("dependency", ReasonKind.DEPENDENCY_CPU)
    assert found.reason == "the CPU utilization of PostgreSQL was 97 %"
    assert found.figures["dependency_cpu"] == pytest.approx(0.97)
    assert judged(seen(0.84, server=0.19)).component == "server"


def test_a_dependency_limits_before_busy_servers() -> None:
    assert judged(seen(0.9, server=0.19)).component == "dependency"


def test_connections_in_use_are_a_limit_while_servers_are_idle() -> None:
    full: dict[str, Any] = {"in_use": 42, "most_connections": 42}
    found = judged(seen(0.1, **full))
    assert (found.component, found.basis.kind) == ("dependency", ReasonKind.DEPENDENCY_CONNECTIONS)
    assert found.reason == "100 % of the connections of PostgreSQL were in use"
    assert judged(seen(0.1, pacing=FREE, **full)).component == "dependency"
    assert judged(seen(0.1, server=0.19, **full)).component == "server", "the server is at its own limit"
    assert judged(seen(0.1, in_use=20, most_connections=42)).basis.kind is ReasonKind.CONCURRENCY


def test_open_connections_are_a_limit_while_requests_fail() -> None:
    """Sessions that a pool keeps idle leave none for other programs."""
    pooled: dict[str, Any] = {"in_use": 10, "sessions": 42, "most_connections": 42}
    failing = [replace(row, failed=28) for row in seen(0.1).samples]
    found = judged(seen(0.1, samples=failing, **pooled))
    assert found.basis.kind is ReasonKind.DEPENDENCY_CONNECTIONS
    assert judged(seen(0.1, **pooled)).component == "server"


def test_the_number_in_the_inventory_is_the_limit_of_a_view_without_one() -> None:
    limited = Dependency(name="Redis", connections=100)
    assert judged(seen(0.1, what=limited, in_use=98)).basis.kind is ReasonKind.DEPENDENCY_CONNECTIONS


@pytest.mark.parametrize(
    ("in_use", "longest_wait_s", "kind"),
    [
        (56, 0.0, ReasonKind.DEPENDENCY_TIME),  # 56 / 280 per s is 200 ms, 4 times R0
        (56, 0.2, ReasonKind.DEPENDENCY_LOCKS),
        (1000, 3.0, ReasonKind.DEPENDENCY_LOCKS),  # more connections would wait as well
        (1000, 0.0, ReasonKind.DEPENDENCY_CONNECTIONS),
        (28, 0.2, ReasonKind.CONCURRENCY),  # 100 ms of 1.5 s: requests wait in the servers
        (56, None, ReasonKind.CONCURRENCY),  # such a view counts clients
    ],
)
def test_idle_servers_wait_where_their_requests_spend_the_time(
    in_use: int, longest_wait_s: float | None, kind: ReasonKind
) -> None:
    columns: dict[str, Any] = {"in_use": in_use, "most_connections": 1000, "longest_wait_s": longest_wait_s}
    found = judged(seen(0.1, **columns))
    assert found.basis.kind is kind
    assert found.figures["dependency_times"] == (None if longest_wait_s is None else pytest.approx(in_use / 280 / 0.05))
    assert judged(seen(0.1, server=0.19, **columns)).basis.kind is ReasonKind.SERVER_CPU


def test_servers_whose_machine_has_no_cpu_left_do_not_wait_for_a_dependency_near_its_limit() -> None:
    near: dict[str, Any] = {"in_use": 31, "most_connections": 42}
    assert judged(seen(0.1, **near)).basis.kind is ReasonKind.DEPENDENCY_WAIT
    full = [
        MachineSample(
            t_s=t + 0.5,
            machine="m",
            cores=2,
            busy_cores=0.8,
            steal_share=0.6,
            load=1.0,
            conntrack_share=None,
            offset_s=0.0,
        )
        for t in range(18)
    ]
    found = judged(seen(0.1, **near, machines=full, machine_of={"server-1": "m"}))
    assert (found.component, found.basis.kind) == ("server", ReasonKind.MACHINE_CPU)


def test_established_connections_count_where_their_limit_is_known() -> None:
    limited = Dependency(name="api", connections=100)
    assert judged(seen(0.1, what=limited, connections=98)).reason == "98 % of the connections of api were in use"
    assert judged(seen(0.1, connections=98)).component == "server", "without a limit nothing is known"


def test_idle_servers_wait_for_a_dependency_near_its_limit() -> None:
    found = judged(seen(0.75))
    assert (found.component, found.basis.kind) == ("dependency", ReasonKind.DEPENDENCY_WAIT)
    assert found.reason == (
        "servers wait for PostgreSQL: responses took 31.4 times the unloaded time with the servers' CPU at 30 %, "
        "and the dependency at 75 % of its limit"
    )
    assert judged(seen(0.6)).basis.kind is ReasonKind.CONCURRENCY
    assert judged(logged(seen(0.75), upstream_mean_s=0.1)).component != "dependency", "responses are slow elsewhere"


def test_redis_can_use_one_core() -> None:
    assert judged(seen(0.95, what=Dependency(name="Redis", cores=1), cap=4.0)).component == "dependency"
    assert judged(seen(0.95, cap=4.0)).component == "server"
    assert judged(seen(0.95, cap=None)).figures["dependency_cpu"] is None


def test_a_dependency_that_ended_is_named() -> None:
    found = judged(
        seen(0.1, dependencies_died={"db": Death("{server} was killed for lack of memory", out_of_memory=True)})
    )
    assert found.reason == "PostgreSQL was killed for lack of memory"


def test_without_dependencies_nothing_changes() -> None:
    made = replace(seen(0.97), dependencies={})
    found = judged(made)
    assert found.component == "server"
    assert not {"dependency_cpu", "dependency_connections"} & found.figures.keys()

"""Simulated thread pools under a closed and an open load, counted by the real recorder and log summary, and judged."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest

from benchmarks.truth import parts
from harness.grid.schema import Grid
from harness.judge.assess import assess
from harness.records.context import Context, HostState, HostStates
from harness.records.counters import BalancerCounters, Counters, GeneratorCounters
from harness.records.reasons import ReasonKind
from harness.records.series import BalancerSample, HostSample
from harness.records.trial import Bottleneck, Component, Outcome, TrialData, TrialRecord
from tests.builders import grid

DURATION_S, RAMP_UP_S, SERVICE_S, THREADS = 20.0, 2.0, 0.05, 10
CAPACITY = THREADS / SERVICE_S  # of one server in req/s
CPU_S = 0.0005  # of a request: the threads wait for something else
PATH_S = 0.001  # network on each way between generator and balancer
R0_S = SERVICE_S  # measured at the balancer


@dataclass
class Fifo:
    """`slots` servers of one queue; `take` returns the time at which a request that arrives at `at` leaves it."""

    slots: int
    service_s: float

    def __post_init__(self) -> None:
        self.free = [0.0] * self.slots

    def take(self, at: float, until: float = float("inf")) -> float:
        """A request that would begin after `until` is removed from the queue and uses no slot."""
        begun = max(at, self.free[0])
        if begun >= until:
            return until
        heapq.heapreplace(self.free, begun + self.service_s)
        return begun + self.service_s


@dataclass(frozen=True, kw_only=True)
class Path:
    """A pool's way: `balancer` and `network` are queues before it, in the balancer and before the balancer."""

    servers: int = 1
    balancer: Fifo | None = None
    network: Fifo | None = None
    timeout_s: float = 60.0


def overloaded(rate: float, path: Path, seed: str = "1") -> TrialData:
    """Run an open load of `rate` req/s and return the judged trial."""
    plan = grid(
        factors={"servers": [path.servers], "rate": [f"{rate:g}/s"]},
        load={"ramp_up": "2s", "duration": "20s", "timeout": f"{path.timeout_s:g}s"},
    )
    recorder = parts.recorder(RAMP_UP_S, DURATION_S, path.timeout_s, open_load=True)
    pools = [Fifo(THREADS, SERVICE_S) for _ in range(path.servers)]
    events: list[tuple[float, int, str, float, str]] = []
    lines = []
    for turn, due in enumerate(parts.due_times(rate, RAMP_UP_S, DURATION_S, seed)):
        gives_up = due + path.timeout_s
        sent = path.network.take(due) if path.network else due
        arrives = sent + PATH_S
        proxied = path.balancer.take(arrives) if path.balancer else arrives
        ready = pools[turn % path.servers].take(proxied, gives_up)
        ended = min(ready, gives_up)
        error = "timeout" if ended >= gives_up else ""
        events += [(due, 2 * turn, "sent", due, ""), (ended + PATH_S, 2 * turn + 1, "answered", due, error)]
        status, address = ("499" if error else "200"), f"10.0.0.{turn % path.servers + 1}:8080"
        lines.append(f"t\t{ended:.3f}\t{status}\t{ended - arrives:.3f}\t{address}\t{ended - proxied:.3f}\n")
    over_at = 0.0
    for at, _, what, due, error in sorted(events):
        if what == "sent":
            recorder.offered(due, False)
            recorder.sent_late(at, due)
            recorder.sent(at, due)
        else:
            recorder.answered(at, due, error)
        over_at = at
    return judged(recorder, over_at, lines, plan)


def closed(users: int, balancer: Fifo | None = None, seed: int = 1) -> TrialData:
    """Run a closed loop of users who think for 0.2 s on average, and return the judged trial."""
    plan = grid(
        factors={"servers": [1], "vusers": [users]},
        load={"think_time": "0.2s", "ramp_up": "2s", "duration": "20s", "timeout": "60s"},
    )
    recorder = parts.recorder(plan.window_from_s, DURATION_S, 60.0)
    draw = random.Random(seed)  # noqa: S311 - a reproducible load, no secret
    pool, lines = Fifo(THREADS, SERVICE_S), []
    heap = [(draw.uniform(0, 1), user, "start", 0.0) for user in range(users)]
    heapq.heapify(heap)
    number, at = users, 0.0
    while heap:
        at, _, what, sent = heapq.heappop(heap)
        number += 1
        if what == "answered":
            recorder.answered(at, sent, "")
            think = draw.uniform(0.1, 0.3)
            recorder.thinks(at, think)
            heapq.heappush(heap, (at + think, number, "send", 0.0))
            continue
        if what == "start":
            recorder.user_started(at)
        if at >= DURATION_S:
            recorder.user_ended(at)
            continue
        recorder.sent(at)
        arrives = at + PATH_S
        proxied = balancer.take(arrives) if balancer else arrives
        ended = pool.take(proxied)
        lines.append(f"t\t{ended:.3f}\t200\t{ended - arrives:.3f}\t10.0.0.1:8080\t{ended - proxied:.3f}\n")
        heapq.heappush(heap, (ended + PATH_S, number, "answered", at))
    return judged(recorder, at, lines, plan)


def judged(recorder: Any, over_at: float, lines: list[str], plan: Grid) -> TrialData:
    """Return the trial as it would be recorded, judged by the evidence rules."""
    cell = plan.cells.known[0].by_name
    servers = int(cell["servers"])
    for second in range(int(DURATION_S)):
        recorder.process(second + 0.5, 0.1, 0.0005)
    got = parts.load_result(recorder, over_at, open_load=plan.is_open)
    summary = parts.balancer_summary(lines, plan.window_from_s, DURATION_S)
    rows = [BalancerSample(*row) for row in summary.pop("seconds")]
    for unused in ("begun", "times_ms"):
        summary.pop(unused)
    names = [f"server-{i + 1}" for i in range(servers)]
    answered = {name: summary["upstreams"][f"10.0.0.{i + 1}:8080"] for i, name in enumerate(names)}
    state = HostState(running=True, started_at="2026-01-01", cpus=1.0)
    record = TrialRecord(
        id="t",
        cell=cell,
        repeat=1,
        block_position=1,
        started_at="2026-01-01T00:00:00+00:00",
        outcome=Outcome.NONE,
        unloaded_ms=R0_S * 1000,
        load_s=over_at,
        counters=Counters(
            generator=GeneratorCounters(errors=dict(got.errors), workers=got.workers, delays=got.delays),
            balancer=BalancerCounters(**summary, worker_cpu_s=[1.0]),
            servers=answered,
        ),
        hosts={name: HostStates(before=state, after=state) for name in [*names, "generator", "balancer"]},
        context=Context(
            users=int(cell.get("vusers", 0)),
            generators=["generator"],
            balancer="balancer",
            balancing={"max_fails": 0},
            expected_servers={name: f"10.0.0.{i + 1}:8080" for i, name in enumerate(names)},
            kind="lab",
            machine_of={},
        ),
    )
    cpu = CPU_S * CAPACITY
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=cpu, throttled_share=0.0, memory_mb=90.0)
        for name in [*names, "generator", "balancer"]
        for t in range(int(DURATION_S))
    ]
    both = {f.name for f in fields(TrialData)} & {f.name for f in fields(got)} - {"samples"}
    histograms = {name: getattr(got, name) for name in both}
    data = TrialData(record=record, samples=got.samples or [], hosts=hosts, balancer=rows, machines=[], **histograms)
    return replace(data, record=assess(data, plan))


def bottleneck_of(trial: TrialData) -> Bottleneck:
    assert trial.record.bottleneck
    return trial.record.bottleneck


@pytest.mark.parametrize("times", [1.2, 2, 3, 5])
@pytest.mark.parametrize(("servers", "timeout_s"), [(1, 60.0), (1, 10.0), (3, 60.0)])
def test_an_overloaded_thread_pool_is_the_bottleneck(times: float, servers: int, timeout_s: float) -> None:
    found = bottleneck_of(overloaded(times * servers * CAPACITY, Path(servers=servers, timeout_s=timeout_s)))
    assert found.component == Component.SERVER
    assert found.basis.kind == ReasonKind.CONCURRENCY
    assert found.figures["served"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("times", [1.2, 2, 3, 5])
def test_a_growing_queue_in_the_balancer_is_not_the_servers(times: float) -> None:
    """The balancer delays requests, as with nginx's limit_req, and the pool has free threads."""
    limit = 0.7 * CAPACITY
    found = bottleneck_of(overloaded(times * limit, Path(balancer=Fifo(1, 1 / limit))))
    assert (found.component, found.basis.kind) == (Component.UNKNOWN, ReasonKind.SLOW_ELSEWHERE)


def test_a_growing_queue_before_the_balancer_is_not_the_servers() -> None:
    limit = 0.7 * CAPACITY
    found = bottleneck_of(overloaded(2 * limit, Path(network=Fifo(1, 1 / limit))))
    assert (found.component, found.basis.kind) == (Component.GENERATOR, ReasonKind.GENERATOR_LATE)


def test_a_record_without_the_balancers_mean_time_keeps_littles_law() -> None:
    trial = overloaded(2 * CAPACITY, Path())
    counters = trial.record.counters
    assert counters
    balancer = counters.balancer.model_copy(update={"request_mean_s": None})
    older = replace(
        trial, record=trial.record.model_copy(update={"counters": counters.model_copy(update={"balancer": balancer})})
    )
    plan = grid(
        factors={"servers": [1], "rate": [f"{2 * CAPACITY:g}/s"]},
        load={"ramp_up": "2s", "duration": "20s", "timeout": "60s"},
    )
    found = assess(older, plan).bottleneck
    assert found
    rows = [row for row in trial.samples if 2 <= row.t_s < 20]
    law_s = sum(row.in_flight or 0 for row in rows) / sum(row.completed + row.failed for row in rows)
    assert found.figures["response_s"] == pytest.approx(law_s)


def test_a_closed_loop_of_a_thread_pool_keeps_littles_law() -> None:
    trial = closed(200)
    found = bottleneck_of(trial)
    assert (found.component, found.basis.kind) == (Component.SERVER, ReasonKind.CONCURRENCY)
    rows = [row for row in trial.samples if 2.2 <= row.t_s < 20]
    law_s = sum(row.in_flight or 0 for row in rows) / sum(row.completed for row in rows)
    assert found.figures["response_s"] == pytest.approx(law_s)


def test_a_closed_loop_with_a_slow_balancer_is_not_the_servers() -> None:
    found = bottleneck_of(closed(200, Fifo(1, 1 / (0.7 * CAPACITY))))
    assert (found.component, found.basis.kind) == (Component.UNKNOWN, ReasonKind.SLOW_ELSEWHERE)

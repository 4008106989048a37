"""One simulated open load (arrivals.py), recorded as a real one and judged by the same code.

The recorder of the load generator gets every event of the requests in the order of time. The balancer's log and the
servers count the same requests. `counted` is the count of the same requests that uses none of this.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from benchmarks.truth import parts
from benchmarks.truth.arrivals import Requests, ServiceModel, simulate
from harness.grid.schema import Grid
from harness.judge.assess import assess
from harness.plan.order import PlannedTrial
from harness.records.context import Context, HostState, HostStates
from harness.records.counters import BalancerCounters, Counters, GeneratorCounters
from harness.records.failover import ServerFailure
from harness.records.series import BalancerSample, HostSample
from harness.records.trial import Outcome, TrialData, TrialRecord

LAG_EVERY_S = 0.05  # interval of the samples of the generator's event loop
CPU = 0.1  # cores that every container uses, of one: nothing but the queues limits such a trial
SEND, ANSWER, PROCESS = 0, 1, 2
HOSTS = ("generator", "balancer")
MACHINE = "this machine"


@dataclass(frozen=True)
class Truth:
    """The requests due in a window, and how many of them failed, or failed or exceeded the objective p95."""

    requests: int
    failed: int
    late: int


def counted(seen: Requests, from_s: float, to_s: float, p95_s: float) -> Truth:
    """Count the requests due in a window."""
    inside = (seen.due_s >= from_s) & (seen.due_s < to_s)
    return Truth(int(inside.sum()), int(seen.failed[inside].sum()), int(seen.late(p95_s)[inside].sum()))


def simulate_open(
    model: ServiceModel, planned: PlannedTrial, grid: Grid, seed: int | np.random.Generator
) -> tuple[TrialData, Requests]:
    """Run and judge one trial of a grid with a `rate`; return it with all of its requests.

    The timeout is the grid's. Requests are due at the full rate from second 0 on.
    """
    load, cell = grid.load, planned.cell
    model = replace(model, timeout_s=load.timeout)
    seen = simulate(model, cell.servers, grid.scaled_per_s(cell.load), seed, load.duration)
    p95_s = grid.objectives.p95_s
    recorder = parts.recorder(grid.window_from_s, load.duration, load.timeout, open_load=True, p95_s=p95_s)
    over_at = _record(recorder, seen, load.timeout, load.duration)
    got = parts.load_result(recorder, over_at, open_load=True, counts_slow=p95_s is not None)
    balancer, rows = _balancer(seen, load.timeout, grid.window_from_s, load.duration)
    names = [f"server-{number + 1}" for number in range(cell.servers)]
    served = [
        Counter(_status(seen, at) for at in np.flatnonzero(seen.server == number)) for number in range(len(names))
    ]
    record = TrialRecord(
        id=planned.path,
        cell=cell.by_name,
        repeat=planned.repeat,
        block_position=1,
        started_at="2026-01-01T00:00:00+00:00",
        outcome=Outcome.NONE,
        unloaded_ms=model.service_s * 1000,
        load_s=round(over_at, 3),
        counters=Counters(
            generator=GeneratorCounters(errors=dict(got.errors), workers=got.workers, delays=got.delays),
            balancer=balancer,
            servers={name: {"200": by["200"]} for name, by in zip(names, served, strict=True)},
        ),
        hosts={name: _states(model, name) for name in (*names, *HOSTS)},
        context=_context(model, names),
        control=planned.control,
    )
    both = {each.name for each in fields(TrialData)} & {each.name for each in fields(got)} - {"samples"}
    data = TrialData(
        record=record,
        samples=got.samples or [],
        hosts=_readings((*names, *HOSTS), math.ceil(load.duration)),
        balancer=rows,
        **{name: getattr(got, name) for name in both},
    )
    return replace(data, record=assess(data, grid)), seen


def _ended_s(seen: Requests, timeout_s: float) -> Any:
    """When the generator has the response of each request, or gives up."""
    sent_s = seen.due_s + seen.delay_s
    return np.minimum(seen.due_s + seen.response_s, sent_s + timeout_s)


def _status(seen: Requests, at: int | np.integer[Any]) -> str:
    """The status that the balancer logs for a request; 499 for one that the generator gave up."""
    if not seen.failed[at]:
        return "200"
    return "499" if seen.response_s[at] == np.inf else "502"


def _record(recorder: Any, seen: Requests, timeout_s: float, duration_s: float) -> float:
    """Give the recorder every event in the order of time; return the end of the load."""
    sent_s, ended_s = seen.due_s + seen.delay_s, _ended_s(seen, timeout_s)
    events = [(float(at), SEND, number) for number, at in enumerate(sent_s)]
    events += [(float(at), ANSWER, number) for number, at in enumerate(ended_s)]
    lags = _lags(seen, duration_s)
    events += [(at, PROCESS, number) for number, (at, _) in enumerate(lags)]
    over_at = duration_s
    for at, what, number in sorted(events):
        due = float(seen.due_s[number]) if what != PROCESS else 0.0
        if what == SEND:
            recorder.offered(due, late=False)
            recorder.sent_late(at, due)
            recorder.sent(at, due)
        elif what == ANSWER:
            kind = {"200": "", "499": "timeout", "502": "status 502"}[_status(seen, number)]
            recorder.answered(at, due, kind)
            over_at = max(over_at, at)
        else:
            recorder.process(at, CPU * LAG_EVERY_S, lags[number][1])
    return over_at


def _lags(seen: Requests, duration_s: float) -> list[tuple[float, float]]:
    """The samples of the generator's event loop: when each one ended, and by how much it was late.

    A stall is known by the delays of the requests that were due in it; all of them were sent at its end.
    """
    ends_s, first = np.unique(np.round((seen.due_s + seen.delay_s)[seen.delay_s > 0], 6), return_index=True)
    longest_s = seen.delay_s[seen.delay_s > 0][first]
    found, now = list[tuple[float, float]](), 0.0
    while now < duration_s:
        wakes = now + LAG_EVERY_S
        stalls = np.flatnonzero((ends_s >= wakes) & (ends_s - longest_s <= wakes))
        now = float(ends_s[stalls[-1]]) if len(stalls) else wakes
        found.append((now, now - wakes))
    return found


def _balancer(
    seen: Requests, timeout_s: float, from_s: float, to_s: float
) -> tuple[BalancerCounters, list[BalancerSample]]:
    """Counters and seconds of the balancer, by the reader of its real log."""
    sent_s, ended_s = seen.due_s + seen.delay_s, _ended_s(seen, timeout_s)
    lines = []
    for at in np.argsort(ended_s):
        took = f"{ended_s[at] - sent_s[at]:.3f}"
        address = f"10.0.0.{max(int(seen.server[at]), 0) + 1}:8080"
        lines.append(f"t\t{ended_s[at]:.3f}\t{_status(seen, at)}\t{took}\t{address}\t{took}\n")
    summary = parts.balancer_summary(lines, from_s, to_s)
    rows = summary.pop("seconds")
    summary.pop("begun")
    summary.pop("times_ms", None)
    return BalancerCounters(**summary, worker_cpu_s=[1.0], events={}), [BalancerSample(*row) for row in rows]


def _context(model: ServiceModel, names: list[str]) -> Context:
    killed = model.killed
    return Context(
        users=0,
        generators=["generator"],
        balancer="balancer",
        balancing={"max_fails": 0},
        expected_servers={name: f"10.0.0.{number + 1}:8080" for number, name in enumerate(names)},
        kind="lab",
        machine_of=dict.fromkeys((*names, *HOSTS), MACHINE),
        server_failure=None
        if killed is None
        else ServerFailure(servers=[names[0]], at_s=killed.at_s, stopped_s={names[0]: killed.at_s}),
    )


def _states(model: ServiceModel, name: str) -> HostStates:
    state = HostState(running=True, started_at="2026-01-01", cpus=1.0)
    ended = model.killed is not None and name == "server-1"
    return HostStates(before=state, after=state.model_copy(update={"running": not ended}))


def _readings(names: tuple[str, ...], seconds: int) -> list[HostSample]:
    return [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=CPU, throttled_share=None, memory_mb=90.0)
        for name in names
        for t in range(seconds)
    ]

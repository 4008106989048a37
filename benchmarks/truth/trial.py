"""One simulated load, recorded as a real one and judged by the same code."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from benchmarks.truth import parts
from benchmarks.truth.loop import Setup, SimulatedLoad, run
from benchmarks.truth.pace import Array, Pace, Server
from harness.grid.schema import Grid
from harness.judge.assess import assess
from harness.plan.order import PlannedTrial
from harness.records.context import Context, Dependency, HostState, HostStates, Pacing
from harness.records.counters import BalancerCounters, Counters, GeneratorCounters
from harness.records.series import BalancerSample, HostSample, MachineSample
from harness.records.trial import Outcome, TrialData, TrialRecord

MACHINE, CORES, IDLE = "this machine", 4, 0.05  # all hosts are on it; cores that its own processes use
DATABASE_CAP = 0.5  # CPU allowance of a database that servers share, in cores
READ_NOISE = 0.005  # relative, of a reading of CPU usage
SEGMENTS, RETRANSMITTED = 8, 0.0002  # TCP segments of a request, and the share of retransmitted ones
CEILING = 8.0  # times the capacity of three servers


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The conditions of one load: speed of the machine, pace of each server, spans in which the generator is frozen.

    `events` are those of the balancer's error log; `unloaded_s` is R0, measured before the load.
    """

    machine: Pace
    servers: Sequence[Pace]
    freezes: Sequence[tuple[float, float]] = ()
    unloaded_s: float = 0.0
    events: dict[str, int] | None = None
    generator_busy: tuple[float, float] | None = None  # (second, cores) that another process uses


def simulate(
    setup: Setup,
    planned: PlannedTrial,
    position: int,
    grid: Grid,
    conditions: Conditions,
    works: Array,
    random_of: np.random.Generator,
) -> tuple[TrialData, float]:
    """Run and judge one trial; return it with the second at which its load ended."""
    cell, load = planned.cell, grid.load
    recorder = parts.recorder(grid.window_from_s, load.duration, load.timeout)
    servers = [Server(pace, setup.workers) for pace in conditions.servers]
    draw = random.Random(int(random_of.integers(2**63)))  # noqa: S311 - a reproducible load, no secret
    result = run(setup, cell.vusers, servers, _endless(works), draw, conditions.freezes, recorder)
    hosts, busiest = _hosts(setup, result, servers, conditions, random_of)
    for second, cores in enumerate(busiest):
        recorder.process(second + 0.5, float(cores), 0.0)
    got = parts.load_result(recorder, result.over_at)
    balancer, rows = _balancer(result, grid.window_from_s, load.duration)
    record = TrialRecord(
        id=planned.path,
        cell=cell.by_name,
        repeat=planned.repeat,
        block_position=position,
        started_at="2026-01-01T00:00:00+00:00",
        outcome=Outcome.NONE,
        unloaded_ms=round(conditions.unloaded_s * 1000, 3),
        load_s=round(result.over_at, 3),
        counters=Counters(
            generator=GeneratorCounters(errors=dict(got.errors), workers=got.workers),
            balancer=balancer.model_copy(update={"events": conditions.events or {}}),
            servers={name: {"200": server.answered} for name, server in zip(_names(servers), servers, strict=True)},
        ),
        hosts={name: _unchanged(cap) for name, cap in _caps(setup, servers).items()},
        context=_context(setup, cell.vusers, servers, _network(len(result.log), random_of), grid),
        control=planned.control,
    )
    data = TrialData(
        record=record,
        samples=got.samples or [],
        hosts=hosts,
        balancer=rows,
        machines=_machine(hosts, random_of),
        **_histograms(got),
    )
    return replace(data, record=assess(data, grid)), result.over_at


def _names(servers: Sequence[Server]) -> list[str]:
    return [f"server-{i + 1}" for i in range(len(servers))]


def _caps(setup: Setup, servers: Sequence[Server]) -> dict[str, float]:
    """CPU allowance of every container, in cores."""
    return {
        **({"database": DATABASE_CAP} if setup.database_workers else {}),
        **dict.fromkeys(_names(servers), setup.server_cap),
        "generator": setup.generator_cap,
        "balancer": setup.balancer_cap,
    }


def _balancer(result: SimulatedLoad, from_s: float, to_s: float) -> tuple[BalancerCounters, list[BalancerSample]]:
    """Counters and seconds of the balancer, by the reader of its real log."""
    lines = [
        f"t\t{row.ended:.3f}\t{row.status}\t{row.took:.3f}\t10.0.0.{row.server + 1}:8080\t{row.upstream:.3f}\n"
        for row in result.log
    ]
    summary = parts.balancer_summary(lines, from_s, to_s)
    rows = summary.pop("seconds")
    summary.pop("begun")
    summary.pop("times_ms", None)
    return BalancerCounters(**summary, worker_cpu_s=[1.0]), [BalancerSample(*row) for row in rows]


def _context(
    setup: Setup, users: int, servers: Sequence[Server], network: dict[str, dict[str, int]], grid: Grid
) -> Context:
    names = _names(servers)
    return Context(
        users=users,
        generators=["generator"],
        balancer="balancer",
        balancing={"max_fails": 0},
        expected_servers={name: f"10.0.0.{i + 1}:8080" for i, name in enumerate(names)},
        kind="lab",
        ceiling=CEILING * 3 * setup.rate,
        machine_of=dict.fromkeys(_caps(setup, servers), MACHINE),
        network=network,
        dependencies={"database": Dependency(name="database")} if setup.database_workers else {},
        pacing=_slots(names, servers, grid.window_from_s, grid.load.duration) if setup.paced else {},
    )


def _histograms(got: Any) -> dict[str, Any]:
    """The histograms: fields with the same name in the result of the generator and in the record."""
    both = {f.name for f in fields(TrialData)} & {f.name for f in fields(got)} - {"samples"}
    return {name: getattr(got, name) for name in both}


def _endless(works: Array) -> Iterator[float]:
    return itertools.cycle(works.tolist())


def _unchanged(cpus: float) -> HostStates:
    state = HostState(running=True, started_at="2026-01-01", cpus=cpus)
    return HostStates(before=state, after=state)


def _slots(names: Sequence[str], servers: Sequence[Server], from_s: float, to_s: float) -> dict[str, Pacing]:
    """The report of paced servers about the window; they had all the CPU that they needed."""
    found = {}
    for name, server in zip(names, servers, strict=True):
        busy, answers = server.in_window(from_s, to_s)
        found[name] = Pacing(offered=server.workers * (to_s - from_s), busy=busy, lost=0.0, late=0.0, answers=answers)
    return found


def _network(requests: int, random_of: np.random.Generator) -> dict[str, dict[str, int]]:
    segments = SEGMENTS * requests
    return {"balancer": {"segments": segments, "retransmits": int(random_of.poisson(RETRANSMITTED * segments))}}


def _hosts(
    setup: Setup,
    result: SimulatedLoad,
    servers: Sequence[Server],
    conditions: Conditions,
    random_of: np.random.Generator,
) -> tuple[list[HostSample], Array]:
    """Readings of every container's CPU, once a second at an offset of its own; and the generator's by second.

    On a slow machine generator and balancer need more CPU time for a request; a stall of a server does not affect
    them.
    """
    seconds: Array = np.arange(int(setup.duration_s) + 1).astype(float)
    found: list[HostSample] = []

    def read(name: str, used: Array, ends: Array) -> None:
        noisy = np.maximum(0.0, used * random_of.normal(1, READ_NOISE, len(used)))
        found.extend(
            HostSample(
                t_s=round(float(end), 3),
                host=name,
                cpu_cores=round(float(cores), 4),
                throttled_share=None,
                memory_mb=90.0,
            )
            for end, cores in zip(ends, noisy, strict=True)
        )

    def spent(moments: Array, cost_s: float, edges: Array) -> Array:
        counts = np.histogram(moments, edges)[0]
        speed = np.array([conditions.machine.speed(float(at)) or 1.0 for at in (edges[:-1] + edges[1:]) / 2])
        used: Array = counts * cost_s / speed
        return used

    for i, server in enumerate(servers):
        edges = seconds + random_of.random()
        read(f"server-{i + 1}", server.cpu_share(edges) * setup.server_cap, edges[1:])
    if result.database is not None:
        edges = seconds + random_of.random()
        used = result.database.cpu_share(edges)
        read("database", used * setup.database_cpu * DATABASE_CAP, edges[1:])
        in_use = (used * setup.database_workers).round()
        rows = [row for row in found if row.host == "database"]
        found[-len(rows) :] = [
            replace(row, role="dependency", in_use=int(count), most_connections=setup.database_workers)
            for row, count in zip(rows, in_use, strict=True)
        ]
    processed, ended = np.array(result.processed), np.array([row.ended for row in result.log])
    edges = seconds + random_of.random()
    read("balancer", spent(ended, setup.balancer_s, edges), edges[1:])
    busiest = spent(processed, setup.generator_s / 2, seconds)
    if conditions.generator_busy is not None:
        second, cores = conditions.generator_busy
        busiest[int(second)] = cores
    read("generator", busiest, seconds[1:])
    return found, busiest


def _machine(hosts: Sequence[HostSample], random_of: np.random.Generator) -> list[MachineSample]:
    """The CPU usage of the machine: that of its containers and a little more."""
    by_second: dict[int, float] = {}
    for row in hosts:
        by_second[round(row.t_s)] = by_second.get(round(row.t_s), 0.0) + row.cpu_cores
    return [
        MachineSample(
            t_s=float(second),
            machine=MACHINE,
            cores=CORES,
            busy_cores=round(used + random_of.exponential(IDLE), 3),
            steal_share=0.0,
            load=used,
            conntrack_share=None,
            offset_s=0.0,
        )
        for second, used in sorted(by_second.items())
    ]

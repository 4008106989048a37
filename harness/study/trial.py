"""One trial on a topology that is up: play the load, watch, collect, judge, record."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime

from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.judge import balancing, observation, window_stats
from harness.judge.assess import assess
from harness.observe.watch import Watcher
from harness.plan.order import PlannedTrial
from harness.records.series import BalancerSample
from harness.records.trial import (
    BalancerCounters,
    Context,
    Counters,
    GeneratorCounters,
    HostState,
    HostStates,
    Outcome,
    TrialData,
    TrialRecord,
)
from harness.study import collect, liveness
from harness.study.fault_injection import Losing
from harness.study.trial_context import Bench
from harness.traffic.load_generator import LoadSpec
from harness.traffic.run_load import load_spec, open_spec, play
from harness.traffic.verification import require_usable, verify


def run(
    bench: Bench,
    planned: PlannedTrial,
    position: int,
    on_start: Callable[[float], None],
    on_read: Callable[[bool], None],
) -> TrialData:
    """Carry out one trial on a topology that is up; raises TrialFailed when that is not possible.

    `on_start` is told when the load's second 0 is. `on_read` is called once nothing more is read of the hosts
    that a switch could change, with whether all containers run.
    """
    grid, cell = bench.grid, planned.cell
    servers = bench.inventory.servers[: cell.servers]
    to_lose = servers[cell.servers - cell.fail_servers :]
    trial = f"{position:04d}-r{planned.repeat}-{secrets.token_hex(4)}"
    unloaded_s = verify(bench, cell, trial)
    spec = _spec(bench, planned, trial)
    _try_client(bench, cell, spec)
    before = bench.probes.states()
    watchers: list[Watcher] = []
    losing: list[Losing] = []

    def started(at: float) -> None:
        steady = (spec.window_from_s, spec.duration_s)
        watchers.append(bench.outside.watch(bench.probes, before, at, servers, steady))
        if to_lose:
            losing.append(bench.outside.lose(bench.reach, to_lose, at + grid.load.fail_at_s))
        on_start(at)

    bench.probes.begin_counting(servers)
    began = datetime.now(UTC)
    try:
        got, result = play(bench, spec, started)
    finally:
        for loss in losing:
            loss.end()
        watched = [watcher.stop() for watcher in watchers]
    seen = watched[0]
    # The balancer's log has every second of a load, whatever rows of its own an engine of totals has.
    counted_s = math.ceil(spec.duration_s) if result.totals else len(got.samples)
    window_to_s = observation.window_end_s(spec.duration_s, counted_s, got.stopped_s)
    at = got.started_at
    # Second 0 is by the generator's clock; the balancer's log has times by its own.
    generator = bench.inventory.generator.name
    ahead_s = seen.offset_s(bench.inventory.balancer.name) - seen.offset_s(generator)
    begin_at = {host.name: at + seen.offset_s(host.name) - seen.offset_s(generator) for host in to_lose}
    lost = losing[0].loss(grid.load.fail_at_s, begin_at) if losing else None
    begin = at + ahead_s
    window = (begin + spec.window_from_s, begin + max(window_to_s, spec.window_from_s + 1))
    # The count of a server that is lost is lost with it, so nobody knows which sum to wait for.
    counted = result.totals.get("completed", sum(sample.completed for sample in got.samples))
    successes = None if lost and lost.stopped_s else counted
    left = [server for server in servers if lost is None or server.name not in lost.stopped_s]
    health = liveness.health_path(grid, cell, bench.inventory)
    said = collect.read(bench, left, trial, seen, at, successes, (begin, *window), health, on_read)
    after, summary = said.after, said.summary
    answered = [BalancerSample(*row) for row in summary.pop("seconds", [])]
    samples, users = got.samples, result.users or spec.users
    if result.totals:
        whole_s = counted_s if got.stopped_s is None else got.stopped_s
        samples = window_stats.by_log(samples, answered, grid.request.expect_status, users, whole_s)
    # The log stamps whole seconds; the middle of one is the best guess.
    first_s = {event: round(when + 0.5 - begin, 1) or 0.0 for event, when in summary.pop("events_at", {}).items()}
    good_ms, bad_ms = _times(summary.pop("times_ms", {}), grid)
    states = {
        name: HostStates(before=HostState(**asdict(before[name])), after=HostState(**asdict(after[name])))
        for name in before
    }
    expected = {server.name: bench.inventory.address(server) for server in servers}
    record = TrialRecord(
        id=trial,
        cell=cell.by_name,
        repeat=planned.repeat,
        block_position=position,
        started_at=began.isoformat(timespec="seconds"),
        outcome=Outcome.NONE,
        latency_source="generator" if result.latencies else "balancer",
        unloaded_ms=round(unloaded_s * 1000, 3),
        load_s=round(got.ended_at - at, 3),
        counters=Counters(
            generator=GeneratorCounters(
                errors=result.errors, workers=result.workers, delays=result.delays, totals=result.totals
            ),
            balancer=BalancerCounters(**summary, events_first_s=first_s),
            servers={server.name: said.served.get(server.name) for server in servers},
        ),
        hosts=states,
        context=Context(
            users=users,
            lost_workers=result.lost_workers,
            stopped_s=got.stopped_s,
            generators=[host.name for host in bench.inventory.generators],
            balancer=bench.inventory.balancer.name,
            balancing=asdict(balancing.of(cell.variables, grid.vars, bench.inventory.balancer.variables)),
            expected_servers=expected,
            health=said.health,
            kind=bench.inventory.kind,
            ceiling=bench.ceiling_per_s,
            machine_of=bench.probes.placed(),
            network=said.network,
            logged=said.logged,
            cpu_models=bench.cpu_models,
            pacing=seen.slots(),
            server_failure=lost,
        ),
        control=planned.control,
    )
    data = TrialData(
        record=record,
        samples=samples,
        hosts=seen.samples(generator),
        balancer=answered,
        latencies=result.latencies or window_stats.histogram_of_ms(good_ms),
        failures=result.failures if result.latencies else window_stats.histogram_of_ms(bad_ms),
        machines=seen.machines(generator),
        ended_at=got.ended_at,
    )
    return replace(data, record=assess(data, grid))


def _spec(bench: Bench, planned: PlannedTrial, trial: str) -> LoadSpec:
    """The cell's load: think times or arrivals that are the same for every topology at this load in this block.

    Another load has others: a capacity is told by several, whose luck would be one.
    """
    if not bench.grid.is_open:
        users = planned.cell.vusers
        return replace(load_spec(bench, users, trial), seed=f"{bench.seed}/users/{planned.repeat}/{users}")
    rate = planned.cell.rate
    return open_spec(bench, rate, trial, f"{bench.seed}/arrivals/{planned.repeat}/{rate:g}")


def _try_client(bench: Bench, cell: Cell, spec: LoadSpec) -> None:
    """Have the generator's own client try the load's request, once for all cells whose servers are made alike."""
    made = tuple(sorted((name, str(level)) for name, level in cell.variables.items()))
    if made not in bench.tried:
        require_usable(bench, spec)
        bench.tried.add(made)


def _times(logged: dict[str, list[list[int]]], grid: Grid) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(milliseconds, requests) of the successes by the balancer's log, and of failures, at the timeout or more."""
    good, bad = [], []
    for status, counts in logged.items():
        if int(status) in grid.request.expect_status:
            good += [(ms, count) for ms, count in counts]
        else:
            bad += [(max(ms, round(grid.load.timeout * 1000)), count) for ms, count in counts]
    return good, bad


def failed_record(planned: PlannedTrial, position: int, cause: str) -> TrialRecord:
    """The record of a trial that could not be carried out."""
    return TrialRecord(
        id="",
        cell=planned.cell.by_name,
        repeat=planned.repeat,
        block_position=position,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        outcome=Outcome.FAILED,
        cause=cause,
    )

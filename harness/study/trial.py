"""Run one trial on a deployed topology: send the load, watch and collect the hosts, judge the result."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from harness.deploy import dependency_reset
from harness.deploy.inventory.hosts import Host
from harness.grid.cell import Cell
from harness.grid.load import BALANCER
from harness.judge.assess import assess
from harness.observe.watch import Watcher
from harness.plan.order import PlannedTrial
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.study import liveness, trial_record
from harness.study.collect import LoadEnd, collect
from harness.study.fault_injection import FaultInjector
from harness.study.trial_context import TrialContext
from harness.study.trial_record import LoadRun, Trial
from harness.traffic import platform
from harness.traffic.load_generator import LoadSpec
from harness.traffic.run_load import load_spec, open_spec, run_load
from harness.traffic.verification import require_usable, verify


def run(
    context: TrialContext,
    planned: PlannedTrial,
    position: int,
    servers: Sequence[str],
    on_start: Callable[[float], None],
    on_collected: Callable[[bool], None],
) -> TrialData:
    """Run and judge one trial on a deployed topology; raises TrialFailed when it cannot be run.

    `servers` are the names of those that take part; a planned failure kills the last ones. `on_start` receives the Unix
    time of the load's second 0. `on_collected` is called once the hosts' data are read, with whether all containers
    run. From then on a switch may change the hosts.
    """
    trial = _prepare(context, planned, position, [context.inventory.server(name) for name in servers])
    load = _send_load(context, trial, on_start)
    load_end = LoadEnd(
        trial=trial.id,
        servers=load.surviving_servers(trial),
        started_at=load.started_at,
        bounds=load.balancer_bounds(trial),
        successes=load.countable_successes(),
        health_path=liveness.health_path(context.grid, planned.cell, context.inventory),
        has_log=context.grid.balancer_of(planned.cell.by_name).forwards,
    )
    report = collect(context, load_end, load.watcher, on_collected)
    data = trial_record.build(context, trial, load, report, load_end.bounds[0])
    return replace(data, record=assess(data, context.grid))


def failed_record(planned: PlannedTrial, position: int, cause: str) -> TrialRecord:
    """Return the record of a trial that could not be run."""
    return TrialRecord(
        id="",
        cell=planned.cell.by_name,
        repeat=planned.repeat,
        block_position=position,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        outcome=Outcome.FAILED,
        cause=cause,
        probe=planned.probe,
    )


def _prepare(context: TrialContext, planned: PlannedTrial, position: int, servers: list[Host]) -> Trial:
    """Reset the dependencies. Verify that exactly the cell's servers respond, and that the generator can use them.

    Of a platform that the user already runs only the responses are verified.
    """
    cell = planned.cell
    dependency_reset.run(context.connections, context.inventory, cell.variables, context.grid.vars)
    trial_id = f"{position:04d}-r{planned.repeat}-{secrets.token_hex(4)}"
    spec = _load_spec(context, planned, trial_id, servers[0] if servers else None)
    if context.grid.platform is not None:
        unloaded_s = platform.verify(context, cell, context.grid.platform, trial_id)
    else:
        unloaded_s = verify(context, cell, servers, trial_id)
        _require_usable_once(context, cell, spec)
    return Trial(
        id=trial_id,
        planned=planned,
        position=position,
        servers=servers,
        spec=spec,
        unloaded_s=unloaded_s,
        states_before=context.probes.states(),
    )


def _send_load(context: TrialContext, trial: Trial, on_start: Callable[[float], None]) -> LoadRun:
    """Run the load to its end, watch the hosts meanwhile, and kill the servers that the cell names."""
    watchers: list[Watcher] = []
    injectors: list[FaultInjector] = []
    to_kill, fail_at_s = trial.to_kill, context.grid.fail_at_s

    def started(at: float) -> None:
        window = (trial.spec.window_from_s, trial.spec.duration_s)
        watch_hosts = context.dependencies.watch_hosts
        watchers.append(watch_hosts(context.probes, trial.states_before, at, trial.servers, window))
        if to_kill:
            injectors.append(context.dependencies.inject_fault(context.connections, to_kill, at + fail_at_s))
        on_start(at)

    context.probes.begin_counting(trial.servers)
    began = datetime.now(UTC)
    try:
        collected, result = run_load(context, trial.spec, started)
    finally:
        for injector in injectors:
            injector.cancel()
        for watcher in watchers:
            watcher.stop()
    load = LoadRun(
        began=began,
        collected=collected,
        result=result,
        watcher=watchers[0],
        generator=context.inventory.generator.name,
        balancer="" if context.grid.platform is not None else context.inventory.balancer.name,
    )
    if not injectors:
        return load
    start_at = {host.name: load.started_at_by_clock_of(host.name) for host in to_kill}
    return replace(load, failure=injectors[0].result(fail_at_s, start_at))


def _load_spec(context: TrialContext, planned: PlannedTrial, trial_id: str, server: Host | None) -> LoadSpec:
    """Return the cell's load. Its think times or arrivals are the same for every topology at this load in this block.

    Each load and each probe draws its own: a capacity is computed from several loads, and a common draw would bias all
    of them.
    """
    drawn = f"{planned.repeat}" if (planned.probe or 1) == 1 else f"{planned.repeat}-probe{planned.probe}"
    if not context.grid.is_open:
        users = planned.cell.vusers
        seed = f"{context.seed}/users/{drawn}/{users}"
        return replace(load_spec(context, users, trial_id, planned.cell.by_name, server), seed=seed)
    rate = planned.cell.rate
    seed = f"{context.seed}/arrivals/{drawn}/{rate:g}"
    return open_spec(context, rate, trial_id, seed, planned.cell.by_name, server)


def _require_usable_once(context: TrialContext, cell: Cell, spec: LoadSpec) -> None:
    """Send the load's request with the load generator's own client, once for all cells with the same variables."""
    deployed = {**cell.variables, BALANCER: context.grid.balancer_of(cell.by_name).name}
    variables = tuple(sorted((name, str(level)) for name, level in deployed.items()))
    if variables not in context.tried:
        require_usable(context, spec)
        context.tried.add(variables)

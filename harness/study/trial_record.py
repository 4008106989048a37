"""Build a trial's record from what the load generator, the watcher and the hosts have reported."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from harness.balancers.balancer import Balancer
from harness.deploy.inventory.hosts import Host
from harness.grid.schema import Grid
from harness.judge import balancing, latency_stats, observation, window_stats
from harness.judge.rules import unavailable
from harness.observe import views
from harness.observe.systemd import ContainerState
from harness.observe.watch import Watcher
from harness.plan.order import PlannedTrial
from harness.records.context import Context, Dependency, HostState, HostStates
from harness.records.counters import BalancerCounters, Counters, GeneratorCounters
from harness.records.failover import ServerFailure
from harness.records.requests import Histograms, Logins, RequestStats
from harness.records.series import BalancerSample, Sample
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.study.collect import HostReport
from harness.study.trial_context import TrialContext
from harness.traffic.load_generator import LoadResult, LoadSpec, LoginCounts, RequestCounts
from harness.traffic.run_load import Collected, settings_of

Latencies = list[tuple[int, int]]  # (ms, requests)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial before its load. `unloaded_s` is the response time R0; `id` is sent in every request."""

    id: str
    planned: PlannedTrial
    position: int
    servers: list[Host]
    spec: LoadSpec
    unloaded_s: float
    states_before: dict[str, ContainerState]

    @property
    def to_kill(self) -> list[Host]:
        """Servers that the cell kills in the middle of the load: the last ones."""
        return self.servers[len(self.servers) - self.planned.cell.fail_servers :]


@dataclass(frozen=True, kw_only=True)
class LoadRun:
    """A load that has ended. Second 0 is by the clock of the host `generator`."""

    began: datetime
    collected: Collected
    result: LoadResult
    watcher: Watcher
    generator: str
    balancer: str
    failure: ServerFailure | None = None

    @property
    def started_at(self) -> float:
        """Unix time of second 0 by this machine's clock."""
        return self.collected.started_at

    def started_at_by_clock_of(self, host: str) -> float:
        """Return the Unix time of second 0 by a host's clock."""
        return self.started_at + (self.watcher.offset_s(host) - self.watcher.offset_s(self.generator))

    def balancer_bounds(self, trial: Trial) -> tuple[float, float, float]:
        """Return second 0, the start and the end of the steady window, in Unix seconds of the balancer's clock."""
        spec, start_at = trial.spec, self.started_at_by_clock_of(self.balancer)
        to_s = observation.window_end_s(spec.duration_s, self.seconds(spec), self.collected.stopped_s)
        return start_at, start_at + spec.window_from_s, start_at + max(to_s, spec.window_from_s + 1)

    def seconds(self, spec: LoadSpec) -> int:
        """Return the number of seconds of the load. The balancer's log has all of them, samples may lack some."""
        return math.ceil(spec.duration_s) if self.result.totals else len(self.collected.samples)

    def countable_successes(self) -> int | None:
        """Return how many successes the servers should have counted; None after a failure, which loses counts."""
        if self.failure and self.failure.stopped_s:
            return None
        if self.result.statuses:
            return sum(count for status, count in self.result.statuses.items() if 200 <= int(status) < 400)
        return self.result.totals.get("completed", sum(sample.completed for sample in self.collected.samples))

    def surviving_servers(self, trial: Trial) -> list[Host]:
        """Return the servers that were not killed."""
        killed = self.failure.stopped_s if self.failure else {}
        return [server for server in trial.servers if server.name not in killed]


def build(context: TrialContext, trial: Trial, load: LoadRun, report: HostReport, start_at: float) -> TrialData:
    """Return everything recorded of a trial; its outcome is not judged yet.

    `start_at` is second 0 by the balancer's clock, in Unix seconds.
    """
    result, watcher = load.result, load.watcher
    balancer = dict(report.balancer)
    by_second = [BalancerSample(*row) for row in balancer.pop("seconds", [])]
    begun = [(int(t_s), str(status), int(count)) for t_s, status, count in balancer.pop("begun", [])]
    successes, failures = _latencies_by_balancer(balancer.pop("times_ms", {}), context.grid)
    users = result.users or trial.spec.users
    planned = trial.planned
    by_name = _by_name(result, context.grid)
    record = TrialRecord(
        id=trial.id,
        cell=planned.cell.by_name,
        repeat=planned.repeat,
        block_position=trial.position,
        started_at=load.began.isoformat(timespec="seconds"),
        outcome=Outcome.NONE,
        requests={name: _stats(counted) for name, counted in by_name.items()},
        transactions=result.transactions and _stats(result.transactions),
        logins=Logins(**asdict(result.logins)) if result.logins != LoginCounts() else None,
        sent=result.sent,
        latency_source="generator" if result.latencies else "balancer",
        unloaded_ms=round(trial.unloaded_s * 1000, 3),
        load_s=round(load.collected.ended_at - load.started_at, 3),
        counters=_counters(trial, load, report, balancer, start_at),
        hosts={
            name: HostStates(before=HostState(**asdict(before)), after=HostState(**asdict(report.states[name])))
            for name, before in trial.states_before.items()
        },
        context=_recorded_context(context, trial, load, report),
        control=planned.control,
        probe=planned.probe,
    )
    return TrialData(
        record=record,
        samples=_samples(context.grid, trial, load, by_second, begun, users),
        hosts=watcher.samples(load.generator),
        balancer=by_second,
        latencies=result.latencies or latency_stats.histogram_of_ms(successes),
        failures=result.failures if result.latencies else latency_stats.histogram_of_ms(failures),
        machines=watcher.machines(load.generator),
        request_histograms={name: Histograms(counted.latencies, counted.failures) for name, counted in by_name.items()},
        transaction_histograms=Histograms(result.transactions.latencies, result.transactions.failures)
        if result.transactions
        else Histograms(),
        ended_at=load.collected.ended_at,
    )


def _by_name(result: LoadResult, grid: Grid) -> Mapping[str, RequestCounts]:
    """Return the counts by name; empty for one plain request, whose totals are the same."""
    is_plain = grid.traffic is None and not grid.objectives.p95_by_name
    return {} if is_plain else result.requests


def _stats(counted: RequestCounts) -> RequestStats:
    """Return the counts as recorded; all other values are judged later."""
    return RequestStats(
        requests=counted.requests,
        failed=counted.failed,
        completed=counted.completed,
        slow=counted.slow,
        errors=counted.errors,
    )


def _samples(
    grid: Grid,
    trial: Trial,
    load: LoadRun,
    by_second: list[BalancerSample],
    begun: list[tuple[int, str, int]],
    users: int,
) -> list[Sample]:
    """Return the samples. A generator with totals has inexact seconds, so the balancer's counts replace them."""
    if not load.result.totals:
        return load.collected.samples
    stopped_s = load.collected.stopped_s
    seconds = load.seconds(trial.spec) if stopped_s is None else stopped_s
    return window_stats.by_log(load.collected.samples, by_second, begun, grid.expected_statuses, users, seconds)


def _counters(trial: Trial, load: LoadRun, report: HostReport, balancer: dict[str, Any], start_at: float) -> Counters:
    # The log has whole seconds; the middle of one is the best estimate.
    events_at = balancer.pop("events_at", {})
    first_s = {event: round(at + 0.5 - start_at, 1) or 0.0 for event, at in events_at.items()}
    result = load.result
    return Counters(
        generator=GeneratorCounters(
            errors=result.errors,
            workers=result.workers,
            delays=result.delays,
            totals=result.totals,
            statuses=result.statuses,
        ),
        balancer=BalancerCounters(**balancer, events_first_s=first_s),
        servers={server.name: report.server_counts.get(server.name) for server in trial.servers},
    )


def _recorded_context(context: TrialContext, trial: Trial, load: LoadRun, report: HostReport) -> Context:
    """Return the conditions of the trial that evidence rules need."""
    inventory = context.inventory
    settings = settings_of(context, trial.planned.cell.by_name)
    return Context(
        users=load.result.users or trial.spec.users,
        lost_workers=load.result.lost_workers,
        stopped_s=load.collected.stopped_s,
        generators=[host.name for host in inventory.generators],
        balancer=load.balancer,
        balancing=asdict(balancing.of(settings.balancer, *settings.places)),
        expected_servers={server.name: server.address for server in trial.servers},
        health=report.health,
        kind=inventory.kind,
        ceiling=context.ceiling_per_s if settings.balancer is context.grid.balancer_of({}) else None,
        machine_of=context.probes.machine_of(),
        network=report.network,
        logged=report.log_events,
        cpu_models=context.cpu_models,
        pacing=load.watcher.slots(),
        server_failure=load.failure,
        unavailable=_unavailable(context.grid, settings.balancer, load.result),
        dependencies=_dependencies(context),
    )


def _dependencies(context: TrialContext) -> dict[str, Dependency]:
    """Return the observed dependencies by host; several of one kind have their hosts in their names."""
    hosts = context.probes.dependencies
    kinds = Counter(str(host.variables.get("dependency_kind") or "") for host in hosts)
    found = {}
    for host in hosts:
        kind = str(host.variables.get("dependency_kind") or "")
        label = views.LABELS.get(kind, host.name)
        limit = {**host.variables, **context.grid.vars}.get("dependency_connections")
        found[host.name] = Dependency(
            name=f"{label} on {host.name}" if kind and kinds[kind] > 1 else label,
            cores=views.CORES.get(kind),
            connections=int(str(limit or 0)) or None,
        )
    return found


def _unavailable(grid: Grid, balancer: Balancer, result: LoadResult) -> dict[str, str]:
    """Return rule → why it cannot be evaluated."""
    found = dict(balancer.unavailable)
    if grid.balancer_of({}) is not balancer:
        found.setdefault("E7", grid.balancer_of({}).ceiling_elsewhere)
    if not grid.has_script:
        return found
    found |= {"E7": unavailable.NO_CEILING_OF_SCRIPT}
    if result.streams:
        found["E5"] = unavailable.STREAMS
    return found


def _latencies_by_balancer(times_ms: dict[str, list[list[int]]], grid: Grid) -> tuple[Latencies, Latencies]:
    """Return the latencies of successes and failures by the balancer's log; a failure takes the timeout at least."""
    successes: Latencies = []
    failures: Latencies = []
    timeout_ms = round(grid.load.timeout * 1000)
    for status, counts in times_ms.items():
        if int(status) in grid.expected_statuses:
            successes += [(ms, count) for ms, count in counts]
        else:
            failures += [(max(ms, timeout_ms), count) for ms, count in counts]
    return successes, failures

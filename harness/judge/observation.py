"""The observation of one trial: input of the evidence rules. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.grid.load import RATE
from harness.grid.schema import Grid
from harness.judge import latency_stats, request_stats
from harness.judge import window_stats as stats
from harness.judge.balancing import Balancing
from harness.language import Sentence, messages, sentence
from harness.records import failure_kind
from harness.records.context import Context, Dependency, HostStates, Pacing
from harness.records.counters import BalancerCounters
from harness.records.failover import ServerFailure
from harness.records.failure_kind import FailureKind
from harness.records.requests import Logins
from harness.records.series import BalancerSample, HostSample, MachineSample, Sample
from harness.records.trial import TrialData


@dataclass(frozen=True)
class Death:
    """A server's death: a message with the placeholder {server}, and its other facts.

    `ended` is false if the server runs but does not respond.
    """

    message: str
    facts: Mapping[str, int] = field(default_factory=dict)
    out_of_memory: bool = False
    ended: bool = True

    def of(self, server: str) -> Sentence:
        """Return the death of a server as a sentence."""
        return sentence(self.message, server=server, **self.facts)

    def __str__(self) -> str:
        return str(self.of("")).lstrip()


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Input of the evidence rules. `samples` cover the whole trial; the window's bounds are in seconds."""

    users: int  # 0 with an open load
    think_time_s: float  # mean after a request
    window_from_s: float
    window_to_s: float
    samples: Sequence[Sample]
    hosts: Sequence[HostSample]
    caps: Mapping[str, float | None]  # host → cores it may use
    generators: Sequence[str]
    failures: Mapping[FailureKind, int]  # counted by the load generator over the whole load
    lost_workers: int
    balancer: BalancerCounters
    served: Mapping[str, Mapping[str, int] | None]  # server → status → requests by its own count
    expected_servers: Mapping[str, str]  # server → address, those of the cell
    died: Mapping[str, Death]  # server → its death
    type_of: Mapping[str, str] = field(default_factory=dict)  # server → its type; empty where all servers are equal
    timeout_s: float = 10.0  # longest wait for a response
    expect_status: Sequence[int] = (200,)  # statuses of a success
    kind: str = "lab"
    balancer_host: str = "balancer"
    balancing: Balancing = field(default_factory=Balancing)
    unloaded_s: float | None = None  # response time R0 without load
    fastest_s: float | None = None  # 1st percentile of the latency under load; of a mix the mean over its names
    ceiling: float | None = None  # maximum of generator and balancer without servers, in req/s
    machines: Sequence[MachineSample] = ()
    machine_of: Mapping[str, str] = field(default_factory=dict)  # host → its machine
    network: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # host → kernel counter → increase
    logged: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # server → event in its log → count
    cpu_models: Mapping[str, str] = field(default_factory=dict)
    pacing: Mapping[str, Pacing] = field(default_factory=dict)  # of paced servers
    answered: Sequence[BalancerSample] = ()  # by the balancer's log, second by second
    server_failure: ServerFailure | None = None  # the planned one, with its result
    rate_per_s: float | None = None  # of an open load, time scaling included; None for users
    responses: Mapping[str, int] = field(default_factory=dict)  # to a script: status → responses
    unavailable: Mapping[str, str] = field(default_factory=dict)  # rule → why it cannot be evaluated
    totals: Mapping[str, int] = field(default_factory=dict)  # the generator's own, if samples hold the balancer's
    delays: Mapping[str, int] = field(default_factory=dict)  # µs by which requests of the window were sent late → count
    p95_s: float | None = None  # the objective for the latency, time scaling included
    p95_by_name: Mapping[str, float] = field(default_factory=dict)  # the same by the name of the request
    fastest_by_name: Mapping[str, float | None] = field(default_factory=dict)  # `fastest_s` of each name
    logins: Logins | None = None
    counted_logins: int = 0  # logins that the servers' own counts may include
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)  # host → what the servers share there
    dependencies_died: Mapping[str, Death] = field(default_factory=dict)  # host → its death

    @property
    def window(self) -> list[Sample]:
        """Samples of the steady window."""
        return stats.window(self.samples, self.window_from_s, self.window_to_s)

    def alike(self, server: str) -> list[str]:
        """The cell's servers of the same type as one of them, that one included."""
        return [name for name in self.expected_servers if self.type_of.get(name) == self.type_of.get(server)]

    @property
    def stopped(self) -> Mapping[str, float]:
        """Server → second at which the study stopped it (rule E24)."""
        return self.server_failure.stopped_s if self.server_failure else {}

    @property
    def calm_to_s(self) -> float:
        """End of the undisturbed part of the window: its end, or the server failure."""
        return max(self.window_from_s, min([self.window_to_s, *self.stopped.values()]))

    @property
    def calm(self) -> list[Sample]:
        """Samples of the undisturbed part of the window, without the requests that a planned server failure made fail.

        These were in flight at the failure: sent before it, and failed in its second or in the next one. Of all
        failures in these two seconds, as many as usual have other causes.
        """
        second = math.floor(self.calm_to_s)
        rows = stats.window(self.window, 0.0, second)
        if not self.stopped or not rows:
            return rows
        unended = sum(row.by_start[1] - row.failed for row in self.samples if row.t_s < second)
        ended = sum(row.failed for row in self.samples if second <= row.t_s <= second + 1)
        usual = 2 * sum(row.failed for row in rows) / len(rows)
        in_flight = min(unended, round(ended - usual))
        for place, row in reversed([*enumerate(rows)]):
            requests, failed = row.by_start
            cut = min(failed, max(0, in_flight))
            in_flight -= cut
            if cut:
                rows[place] = replace(row, requests=requests - cut, requests_failed=failed - cut)
        return rows

    def answers_in(self, from_s: float, to_s: float) -> dict[str, dict[str, int]]:
        """Return address → status → requests that ended in a span, by the balancer's log.

        The log has whole seconds of its own clock: the requests of a row ended within two seconds from `t_s`.
        """
        found: dict[str, dict[str, int]] = {}
        for row in self.answered:
            if from_s <= row.t_s and row.t_s + 2 <= to_s:
                by = found.setdefault(row.server, {})
                by[row.status] = by.get(row.status, 0) + row.requests
        return found

    def succeeded(self, statuses: Mapping[str, int]) -> int:
        """Count the requests with an expected status, from status → requests; a status may be a class, as in 2xx."""
        expected = {name for status in self.expect_status for name in (str(status), f"{status // 100}xx")}
        return sum(count for status, count in statuses.items() if status.lower() in expected)

    @property
    def conntrack(self) -> dict[str, float]:
        """Largest utilization of each machine's connection table (0–1)."""
        found: dict[str, float] = {}
        for row in self.machines:
            if row.conntrack_share is not None:
                found[row.machine] = max(found.get(row.machine, 0.0), row.conntrack_share)
        return found


def of_trial(data: TrialData, grid: Grid) -> Observation:
    """Return the observation of a recorded trial; raises ValueError for a trial that could not be run."""
    record = data.record
    context, counters, states = record.context, record.counters, record.hosts
    if context is None or counters is None:
        raise ValueError(f"trial {record.id}: it could not be run and has no data to judge")
    machine_of, machines = context.machine_of, data.machines
    if context.kind == "rehearsal":  # its machines are containers: each reports the machine below
        below = min(machine_of.values())
        machine_of, machines = dict.fromkeys(machine_of, below), [row for row in machines if row.machine == below]
    return Observation(
        users=context.users,
        # That of a script is measured only.
        think_time_s=(stats.mean_think_s(data.samples) or 0.0) if grid.has_script else grid.think_per_request_s,
        window_from_s=grid.window_from_s,
        window_to_s=window_end_s(grid.load.duration, len(data.samples), context.stopped_s),
        samples=data.samples,
        hosts=data.hosts,
        caps={name: state.before.cpus for name, state in states.items()},
        generators=context.generators,
        failures=failure_kind.parse_counts(counters.generator.errors),
        lost_workers=context.lost_workers,
        balancer=counters.balancer,
        served=counters.servers,
        expected_servers=context.expected_servers,
        type_of={server: name for name, servers in grid.server_types.items() for server in servers},
        died=silent(context) | unplanned(deaths(context.expected_servers, states), context.server_failure, states),
        timeout_s=grid.load.timeout,
        expect_status=grid.expected_statuses,
        kind=context.kind,
        balancer_host=context.balancer,
        balancing=Balancing(**context.balancing),
        unloaded_s=None if record.unloaded_ms is None else record.unloaded_ms / 1000,
        fastest_s=request_stats.mean_fastest_s(data) or latency_stats.fastest_s(data.latencies),
        ceiling=context.ceiling,
        machines=machines,
        machine_of=machine_of,
        network=context.network,
        logged=context.logged,
        cpu_models=context.cpu_models,
        pacing=context.pacing,
        answered=data.balancer,
        server_failure=context.server_failure,
        rate_per_s=grid.scaled_per_s(float(record.cell[RATE])) if grid.is_open else None,
        responses=counters.generator.statuses,
        unavailable=context.unavailable,
        totals=counters.generator.totals,
        delays=counters.generator.delays,
        p95_s=grid.objectives.p95_s,
        p95_by_name=grid.objectives.p95_of_names(record.requests),
        fastest_by_name=request_stats.fastest_s(data),
        logins=record.logins,
        counted_logins=_counted_logins(record.logins, grid),
        dependencies=context.dependencies,
        dependencies_died=deaths(context.dependencies, states),
    )


def _counted_logins(logins: Logins | None, grid: Grid) -> int:
    """Logins that the servers count: a counter without a label for the trial has every request of the load."""
    metric = grid.service.requests_metric
    if logins is None or metric is None or metric.trial_label is not None:
        return 0
    return logins.completed + logins.failed


def window_end_s(duration_s: float, seconds: int, stopped_s: int | None) -> float:
    """End of the steady window in seconds; without the partial second in which a load was stopped early."""
    return min(duration_s, float(seconds), math.inf if stopped_s is None else float(stopped_s))


def deaths(servers: Iterable[str], states: Mapping[str, HostStates]) -> dict[str, Death]:
    """Return server → death, for servers that ended or restarted during the trial."""
    found = {}
    for name in servers:
        old, new = states[name].before, states[name].after
        if not new.running:
            if new.oom_killed:
                found[name] = Death(messages("{server} was killed for lack of memory"), out_of_memory=True)
            else:
                found[name] = Death(messages("{server} died with exit code {code}"), {"code": new.exit_code})
        elif new.started_at != old.started_at:
            found[name] = Death(messages("{server} died and was restarted"))
    return found


def is_healthy(status: int) -> bool:
    """Whether this status of a health check means that the server works."""
    return 200 <= status < 400


def silent(context: Context) -> dict[str, Death]:
    """Return server → death, for running servers whose health check failed after the load."""
    return {
        name: Death(
            messages("{server} failed its health check after the load (status {status})"),
            {"status": status},
            ended=False,
        )
        for name, status in context.health.items()
        if not is_healthy(status)
    }


def unplanned(
    died: Mapping[str, Death], failure: ServerFailure | None, states: Mapping[str, HostStates]
) -> dict[str, Death]:
    """Return the deaths that were not planned. A server that the study stopped must not run again."""
    stopped = failure.stopped_s if failure else {}
    return {name: death for name, death in died.items() if name not in stopped or states[name].after.running}

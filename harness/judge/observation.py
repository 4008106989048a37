"""What a trial showed: everything the evidence rules look at. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.grid.load import RATE
from harness.grid.schema import Grid
from harness.judge import window_stats as stats
from harness.judge.balancing import Balancing
from harness.records.failover import ServerFailure
from harness.records.series import BalancerSample, HostSample, MachineSample, Sample
from harness.records.trial import BalancerCounters, Context, HostStates, Pacing, TrialData


@dataclass(frozen=True)
class Death:
    """What became of a server, as a clause; `ended` unless it only stopped answering."""

    words: str
    out_of_memory: bool = False
    ended: bool = True

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Observation:
    """Everything the rules look at. `samples` are the whole trial's; the window bounds are seconds."""

    users: int  # 0 where requests leave at a rate
    think_time_s: float
    window_from_s: float
    window_to_s: float
    samples: Sequence[Sample]
    hosts: Sequence[HostSample]
    caps: Mapping[str, float | None]  # host → cores it may use
    generators: Sequence[str]
    generator_errors: Mapping[str, int]
    lost_workers: int
    balancer: BalancerCounters
    served: Mapping[str, Mapping[str, int] | None]  # server → status → requests by its own count
    expected_servers: Mapping[str, str]  # server → address that the cell asks for
    died: Mapping[str, Death]  # server → what became of it
    timeout_s: float = 10.0  # how long a request may wait for its answer
    expect_status: Sequence[int] = (200,)  # of an answer that is a success
    kind: str = "lab"
    balancer_host: str = "balancer"
    balancing: Balancing = field(default_factory=Balancing)
    unloaded_s: float | None = None  # response time R0 without load
    fastest_s: float | None = None  # 1 % of the answers under load took no longer
    ceiling: float | None = None  # requests per second that generator and balancer reach alone
    machines: Sequence[MachineSample] = ()
    machine_of: Mapping[str, str] = field(default_factory=dict)  # host → the machine it is on
    network: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # host → kernel counter → increase
    logged: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # server → event in its log → count
    cpu_models: Mapping[str, str] = field(default_factory=dict)
    pacing: Mapping[str, Pacing] = field(default_factory=dict)  # of paced servers
    answered: Sequence[BalancerSample] = ()  # by the balancer's log, second by second
    server_failure: ServerFailure | None = None  # of that the cell asks for
    rate_per_s: float | None = None  # of an open load, as it is played; None for users
    totals: Mapping[str, int] = field(default_factory=dict)  # the generator's own, where samples have the balancer's
    delays: Mapping[str, int] = field(default_factory=dict)  # µs by which requests of the window were sent late → count

    @property
    def window(self) -> list[Sample]:
        """Samples of the steady window."""
        return stats.window(self.samples, self.window_from_s, self.window_to_s)

    @property
    def stopped(self) -> Mapping[str, float]:
        """Server → second at which it was stopped on purpose (rule E24)."""
        return self.server_failure.stopped_s if self.server_failure else {}

    @property
    def calm_to_s(self) -> float:
        """Up to where the window is undisturbed: its end, or when servers were stopped on purpose."""
        return max(self.window_from_s, min([self.window_to_s, *self.stopped.values()]))

    def answers_in(self, from_s: float, to_s: float) -> dict[str, dict[str, int]]:
        """Address → status → requests that were over in a span, by the balancer's log second by second.

        Its seconds are whole ones by its own clock, so a row is of what ended within two seconds from `t_s` on.
        """
        found: dict[str, dict[str, int]] = {}
        for row in self.answered:
            if from_s <= row.t_s and row.t_s + 2 <= to_s:
                by = found.setdefault(row.server, {})
                by[row.status] = by.get(row.status, 0) + row.requests
        return found

    def succeeded(self, statuses: Mapping[str, int]) -> int:
        """Requests that had a status which the grid expects, of status → requests; also of classes, as in 2xx."""
        expected = {name for status in self.expect_status for name in (str(status), f"{status // 100}xx")}
        return sum(count for status, count in statuses.items() if status.lower() in expected)

    @property
    def conntrack(self) -> dict[str, float]:
        """How full each machine's table of connections was at most."""
        found: dict[str, float] = {}
        for row in self.machines:
            if row.conntrack_share is not None:
                found[row.machine] = max(found.get(row.machine, 0.0), row.conntrack_share)
        return found


def of_trial(data: TrialData, grid: Grid) -> Observation:
    """The observation that a recorded trial holds: the study judges by the same that is on disk."""
    record = data.record
    context, counters, states = record.context, record.counters, record.hosts
    if context is None or counters is None:
        raise ValueError(f"trial {record.id}: it could not be carried out, so there is nothing to judge")
    machine_of, machines = context.machine_of, data.machines
    if context.kind == "rehearsal":  # its machines are containers: each tells what the one below them does
        below = min(machine_of.values())
        machine_of, machines = dict.fromkeys(machine_of, below), [row for row in machines if row.machine == below]
    return Observation(
        users=context.users,
        think_time_s=grid.load.think_time,
        window_from_s=grid.load.window_from_s,
        window_to_s=window_end_s(grid.load.duration, len(data.samples), context.stopped_s),
        samples=data.samples,
        hosts=data.hosts,
        caps={name: state.before.cpus for name, state in states.items()},
        generators=context.generators,
        generator_errors=counters.generator.errors,
        lost_workers=context.lost_workers,
        balancer=counters.balancer,
        served=counters.servers,
        expected_servers=context.expected_servers,
        died=silent(context) | unplanned(deaths(context.expected_servers, states), context.server_failure, states),
        timeout_s=grid.load.timeout,
        expect_status=grid.request.expect_status,
        kind=context.kind,
        balancer_host=context.balancer,
        balancing=Balancing(**context.balancing),
        unloaded_s=None if record.unloaded_ms is None else record.unloaded_ms / 1000,
        fastest_s=stats.fastest_s(data.latencies),
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
        totals=counters.generator.totals,
        delays=counters.generator.delays,
    )


def window_end_s(duration_s: float, seconds: int, stopped_s: int | None) -> float:
    """Where the steady window ends: the second in which a load was stopped early is not a whole one."""
    return min(duration_s, float(seconds), math.inf if stopped_s is None else float(stopped_s))


def deaths(servers: Iterable[str], states: Mapping[str, HostStates]) -> dict[str, Death]:
    """Server → what became of it, for those that died or started again."""
    found = {}
    for name in servers:
        old, new = states[name].before, states[name].after
        if not new.running:
            words = "was killed for want of memory" if new.oom_killed else f"died with exit code {new.exit_code}"
            found[name] = Death(words, out_of_memory=new.oom_killed)
        elif new.started_at != old.started_at:
            found[name] = Death("died and was started again")
    return found


def is_well(status: int) -> bool:
    """Whether a server that answers its health check with this status can work."""
    return 200 <= status < 400


def silent(context: Context) -> dict[str, Death]:
    """Server → what is known of it, for those that run and did not answer their health check after the load."""
    return {
        name: Death(f"did not answer its health check after the load (status {status})", ended=False)
        for name, status in context.health.items()
        if not is_well(status)
    }


def unplanned(
    died: Mapping[str, Death], loss: ServerFailure | None, states: Mapping[str, HostStates]
) -> dict[str, Death]:
    """Those of the deaths that nobody asked for: a server that was stopped on purpose may not run again by itself."""
    stopped = loss.stopped_s if loss else {}
    return {name: death for name, death in died.items() if name not in stopped or states[name].after.running}

"""Run the load of one trial: start it and follow it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from harness.deploy import balancer_settings, tls
from harness.deploy.balancer_settings import BalancerSettings
from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory, Url
from harness.errors import BadInput, LoadGeneratorFailed
from harness.grid.schema import Grid
from harness.judge import rules
from harness.records.series import Sample
from harness.traffic.load_generator import LoadGenerator, LoadResult, LoadSpec
from harness.traffic.sent_traffic import SentTraffic

_NONE: Mapping[str, Any] = MappingProxyType({})


class TrafficContext(Protocol):
    """What a load needs: the grid, the hosts, the load generator, and callbacks."""

    @property
    def grid(self) -> Grid: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def load_generator(self) -> LoadGenerator: ...
    @property
    def connections(self) -> Connections: ...
    def on_second(self, sample: Sample) -> None:
        """Called with each second of a load as soon as it is known."""

    def balancer_log(self) -> str:
        """The last lines of the balancer's error log."""

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted if the user interrupted the study."""


@dataclass
class Collected:
    """Samples and times of one load."""

    started_at: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    stopped_s: int | None = None  # number of whole seconds when the load was stopped early
    ended_at: float = 0.0


def settings_of(context: TrafficContext, levels: Mapping[str, Any]) -> BalancerSettings:
    """Settings of the balancer for a cell's levels; without a cell the settings that are deployed first."""
    levels = {**tls.initial(context.grid), **levels}
    return balancer_settings.of_levels(context.grid, levels, context.inventory.balancer_variables)


def target_url(context: TrafficContext, settings: BalancerSettings, server: Host | None) -> str:
    """URL to which the load generators send: of the balancer, of the only server without one, or of a platform."""
    if context.grid.platform is not None:
        return context.grid.platform.url
    if settings.balancer.forwards:
        return context.inventory.balancer.url(Url.TARGET, tls=tls.is_on(settings))
    return f"http://{(server or context.inventory.servers[0]).address}"


def load_spec(
    context: TrafficContext,
    users: int,
    trial: str,
    levels: Mapping[str, Any] = _NONE,
    server: Host | None = None,
) -> LoadSpec:
    """The grid's load with a number of users, for a cell with these levels; `server` is its first one."""
    load, of_balancer = context.grid.load, settings_of(context, levels)
    return LoadSpec(
        trial=trial,
        url=target_url(context, of_balancer, server),
        users=users,
        think_time_s=load.think_time,
        ramp_up_s=load.ramp_up,
        duration_s=load.duration,
        timeout_s=load.timeout,
        window_from_s=context.grid.window_from_s,
        traffic=_sent(context.grid, of_balancer),
        keep_alive=load.keep_alive,
        slow_after_s=context.grid.objectives.p95_s,
    )


def _sent(grid: Grid, of_balancer: BalancerSettings) -> SentTraffic:
    """The grid's traffic, and how the load generator verifies the balancer's certificate."""
    traffic = SentTraffic.of_grid(grid)
    verified, file = tls.is_verified(grid, of_balancer), of_balancer.own(tls.CERTIFICATE)
    trusted = Path(file).read_text(encoding="ascii") if verified and file and tls.is_on(of_balancer) else ""
    return replace(traffic, tls_verify=verified, tls_name=tls.host_name(grid), tls_trusted=trusted)


def open_spec(
    context: TrafficContext,
    rate: float,
    trial: str,
    seed: str,
    levels: Mapping[str, Any] = _NONE,
    server: Host | None = None,
) -> LoadSpec:
    """The grid's load at a nominal rate; arrivals follow from `seed`. The rest are arguments of `load_spec`."""
    load = context.grid.load
    return replace(
        load_spec(context, 0, trial, levels, server),
        rate_per_s=context.grid.scaled_per_s(rate),
        arrivals=load.process,
        in_flight=load.most_in_flight,
        seed=seed,
    )


def wait_ready(context: TrafficContext, within_s: float = 30.0) -> None:
    """Wait until the load generator is ready; a load of an earlier process is stopped.

    Raises LoadGeneratorFailed if that takes longer than `within_s`.
    """
    deadline = time.monotonic() + within_s
    is_stopping = False
    while not context.load_generator.ready():
        if not is_stopping:
            context.load_generator.stop()
            is_stopping = True
        if time.monotonic() > deadline:
            raise LoadGeneratorFailed(
                f"the load generator is not ready after {within_s:g} s. Fix: look at the log of its container."
            )
        context.wait(0.1)


def run_load(
    context: TrafficContext, spec: LoadSpec, on_start: Callable[[float], None]
) -> tuple[Collected, LoadResult]:
    """Start a load, follow it second by second to its end, and stop it early if rule E8 requires that.

    Raises LoadGeneratorFailed, and Interrupted on Ctrl-C after the load was stopped.
    """
    wait_ready(context)
    load = Collected(started_at=context.load_generator.start(spec))
    on_start(load.started_at)
    # Second 0 is in the future for a load generator whose users take time to start.
    deadline = time.monotonic() + max(0.0, load.started_at - time.time()) + spec.longest_s
    over = False
    try:
        while not over:
            ending = load.stopped_s is not None or time.time() > load.started_at + spec.duration_s
            context.wait(0.03 if ending else 0.5)
            fresh, over = context.load_generator.samples(len(load.samples))
            for sample in fresh:
                load.samples.append(sample)
                context.on_second(sample)
            is_running = (
                bool(fresh) and load.stopped_s is None and len(load.samples) <= spec.duration_s
            )  # not while the last requests finish
            if is_running and rules.collapse(load.samples, spec.window_from_s, spec.timeout_s, context.grid.evidence):
                load.stopped_s = len(load.samples)
                context.load_generator.stop()
            if time.monotonic() > deadline:
                raise LoadGeneratorFailed(f"the load is not over {spec.longest_s:g} s after its start")
    except BaseException:
        context.load_generator.stop()
        raise
    load.ended_at = time.time()
    result = context.load_generator.result()
    if result.script_problem:
        raise BadInput(result.script_problem)
    if result.samples is not None:
        load.samples = result.samples
    return load, result

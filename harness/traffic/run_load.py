"""Traffic of one trial: start the load, follow it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Inventory, Url
from harness.errors import LoadGeneratorFailed
from harness.grid.schema import Grid
from harness.judge import rules
from harness.records.series import Sample
from harness.traffic.load_generator import LoadGenerator, LoadResult, LoadSpec


class TrafficContext(Protocol):
    """What traffic runs over: who plays it, against whom, and who looks on."""

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
        """Sleep; raises Interrupted when the user asked to stop."""


@dataclass
class Collected:
    """What one load left behind."""

    started_at: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    stopped_s: int | None = None  # how many whole seconds there were when it was stopped early
    ended_at: float = 0.0


def load_spec(context: TrafficContext, users: int, trial: str) -> LoadSpec:
    """The grid's load with a number of users."""
    load = context.grid.load
    return LoadSpec(
        trial=trial,
        url=context.inventory.balancer.url(Url.TARGET),
        users=users,
        think_time_s=load.think_time,
        ramp_up_s=load.ramp_up,
        duration_s=load.duration,
        timeout_s=load.timeout,
        window_from_s=load.window_from_s,
        request=context.grid.request,
        keep_alive=load.keep_alive,
        slow_after_s=context.grid.objectives.p95,
    )


def open_spec(context: TrafficContext, rate: float, trial: str, seed: str) -> LoadSpec:
    """The grid's load at a rate as it is written; `seed` decides the moments at which requests leave."""
    load = context.grid.load
    return replace(
        load_spec(context, 0, trial),
        rate_per_s=context.grid.scaled_per_s(rate),
        arrivals=load.process,
        in_flight=load.most_in_flight,
        seed=seed,
    )


def wait_ready(context: TrafficContext, within_s: float = 30.0) -> None:
    """Wait until the engine may start a load; what an earlier process left running is stopped.

    Raises LoadGeneratorFailed when it does not come to rest.
    """
    deadline = time.monotonic() + within_s
    asked = False
    while not context.load_generator.ready():
        if not asked:
            context.load_generator.stop()
            asked = True
        if time.monotonic() > deadline:
            raise LoadGeneratorFailed(
                f"the traffic engine is not ready after {within_s:g} s; look at its container's log"
            )
        context.wait(0.1)


def run_load(
    context: TrafficContext, spec: LoadSpec, on_start: Callable[[float], None]
) -> tuple[Collected, LoadResult]:
    """Start the load, follow it second by second to its end, and stop it early when rule E8 says so.

    Raises LoadGeneratorFailed when the engine fails, Interrupted (after stopping the load) on Ctrl-C.
    """
    wait_ready(context)
    got = Collected(started_at=context.load_generator.start(spec))
    on_start(got.started_at)
    # An engine whose users take their time to come says a second 0 that is yet to come.
    deadline = time.monotonic() + max(0.0, got.started_at - time.time()) + spec.longest_s
    over = False
    try:
        while not over:
            ending = got.stopped_s is not None or time.time() > got.started_at + spec.duration_s
            context.wait(0.03 if ending else 0.5)
            fresh, over = context.load_generator.samples(len(got.samples))
            for sample in fresh:
                got.samples.append(sample)
                context.on_second(sample)
            going = bool(fresh) and got.stopped_s is None and len(got.samples) <= spec.duration_s  # not in the drain
            if going and rules.collapse(got.samples, spec.window_from_s, spec.timeout_s, context.grid.evidence):
                got.stopped_s = len(got.samples)
                context.load_generator.stop()
            if time.monotonic() > deadline:
                raise LoadGeneratorFailed(f"the load was not over {spec.longest_s:g} s after its start")
    except BaseException:
        context.load_generator.stop()
        raise
    got.ended_at = time.time()
    result = context.load_generator.result()
    if result.samples is not None:
        got.samples = result.samples
    return got, result

"""Objects that every trial of a study shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Inventory
from harness.errors import Interrupted
from harness.grid.schema import Grid
from harness.observe.containers import Probes
from harness.records.series import Sample
from harness.study.dependencies import DEFAULT, Dependencies
from harness.study.events import Listener, SampleTaken
from harness.traffic.load_generator import LoadGenerator


@dataclass(kw_only=True)
class TrialContext:
    """Deployed hosts, the load generator, and the listener of events. All times of `grid` are scaled."""

    grid: Grid
    inventory: Inventory
    load_generator: LoadGenerator
    probes: Probes
    connections: Connections
    listener: Listener
    is_cancelled: Callable[[], bool]
    dependencies: Dependencies = DEFAULT
    ceiling_per_s: float | None = None  # maximum rate of generator and balancer without a server (rule E7)
    cpu_models: dict[str, str] = field(default_factory=dict)
    seed: int = 0  # of the study; arrivals and think times are drawn from it
    tried: set[tuple[tuple[str, str], ...]] = field(default_factory=set)  # variables of cells with usable responses

    def on_second(self, sample: Sample) -> None:
        """Report one second of a load to the listener."""
        self.listener(SampleTaken(sample))

    def balancer_log(self) -> str:
        """Return the last lines of the balancer's error log; empty when they cannot be read."""
        return self.probes.run_in(self.inventory.balancer, ["tail", "-n", "20", "/var/log/balancer/error.log"])

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted when the user has requested a stop."""
        if self.is_cancelled():
            raise Interrupted("interrupted")
        self.dependencies.sleep(seconds)

"""What every trial of a study works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Inventory
from harness.errors import Interrupted
from harness.grid.schema import Grid
from harness.observe.containers import Probes
from harness.records.series import Sample
from harness.study.dependencies import REAL, Outside
from harness.study.events import Listener, SecondSeen
from harness.traffic.load_generator import LoadGenerator


@dataclass
class Bench:
    """Hosts that are up, the engine that plays their users, and who is told of what happens."""

    grid: Grid
    inventory: Inventory
    load_generator: LoadGenerator
    probes: Probes
    connections: Connections
    listener: Listener
    cancelled: Callable[[], bool]
    outside: Outside = REAL
    ceiling_per_s: float | None = None  # what generator and balancer reach without a server (rule E7)
    cpu_models: dict[str, str] = field(default_factory=dict)
    seed: int = 0  # the study's, of which arrivals and think times are drawn
    tried: set[tuple[tuple[str, str], ...]] = field(default_factory=set)  # variables of cells whose answers are usable

    def on_second(self, sample: Sample) -> None:
        """Tell the listener of one second of a load."""
        self.listener(SecondSeen(sample))

    def balancer_log(self) -> str:
        """The last lines of the balancer's error log; empty where it cannot be read."""
        return self.probes.run_in(self.inventory.balancer, ["tail", "-n", "20", "/var/log/balancer/error.log"])

    def wait(self, seconds: float) -> None:
        """Sleep; raises Interrupted when the user asked to stop."""
        if self.cancelled():
            raise Interrupted("interrupted")
        self.outside.sleep(seconds)

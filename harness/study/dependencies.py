"""Everything with an effect outside the process: hosts, time and randomness, replaceable for tests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.deploy.ansible import Ansible, Playbook
from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.grid.schema import Grid
from harness.observe.containers import Probes
from harness.observe.watch import Watcher
from harness.study.fault_injection import FaultInjector
from harness.traffic import registry
from harness.traffic.load_generator import LoadGenerator

SEEDS = 1_000_000


def draw_seed() -> int:
    """Draw a seed for one study."""
    return secrets.randbelow(SEEDS)


class StartPlaybook(Protocol):
    """Starts a playbook; `held` stops it before its first task."""

    def __call__(
        self,
        ansible: Ansible,
        name: str,
        variables: dict[str, Any],
        tags: list[str] | None = None,
        held: bool = False,
        on_task: Callable[[str], None] | None = None,
    ) -> Playbook:
        """Return the started playbook."""


class ConnectHosts(Protocol):
    """Opens connections to all hosts."""

    def __call__(self, inventory: Inventory) -> Connections:
        """Return a context manager that closes the connections at its end."""


class ConnectLoadGenerator(Protocol):
    """Connects to the load generator that the grid names."""

    def __call__(self, grid: Grid, inventory: Inventory, connections: Connections) -> LoadGenerator:
        """Return the client of the load generator."""


class WatchHosts(Protocol):
    """Starts to sample hosts; second 0 is at the Unix time `started_at`, `window` is in seconds since then."""

    def __call__(
        self,
        probes: Probes,
        hosts: Iterable[str],
        started_at: float,
        servers: Iterable[Host] = (),
        window: tuple[float, float] = (0.0, 0.0),
    ) -> Watcher:
        """Return the running watcher."""


class InjectFault(Protocol):
    """Kills servers at a Unix time of this machine's clock."""

    def __call__(self, connections: Connections, servers: Sequence[Host], at: float) -> FaultInjector:
        """Return the started fault injector."""


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Effects of a study. The defaults are the real ones; a test of the loop has neither hosts nor time."""

    start_playbook: StartPlaybook = Playbook
    connect_hosts: ConnectHosts = Connections
    connect_load_generator: ConnectLoadGenerator = registry.connect
    watch_hosts: WatchHosts = Watcher
    inject_fault: InjectFault = FaultInjector
    sleep: Callable[[float], None] = time.sleep
    draw_seed: Callable[[], int] = draw_seed


DEFAULT = Dependencies()

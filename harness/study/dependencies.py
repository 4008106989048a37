"""Everything by which a study touches hosts, lets time pass or draws lots, in one place."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.deploy.ansible import Playbook
from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Inventory
from harness.grid.schema import Grid
from harness.observe.watch import Watcher
from harness.study.fault_injection import Losing
from harness.traffic import registry
from harness.traffic.load_generator import LoadGenerator

SEEDS = 1_000_000


def draw_seed() -> int:
    """A seed for one study."""
    return secrets.randbelow(SEEDS)


@dataclass(frozen=True)
class Outside:
    """The real ones, unless something else stands in for them: a test of the loop has no hosts and no time."""

    playbook: Callable[..., Playbook] = Playbook
    connections: Callable[[Inventory], Connections] = Connections
    load_generator: Callable[[Grid, Inventory, Connections], LoadGenerator] = registry.connect
    watch: Callable[..., Watcher] = Watcher
    lose: Callable[..., Losing] = Losing
    sleep: Callable[[float], None] = time.sleep
    draw_seed: Callable[[], int] = draw_seed


REAL = Outside()

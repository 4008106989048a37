"""Prepare the switch to the next cell while the current load runs."""

from __future__ import annotations

import math
import threading
import time

from harness.deploy.deployment import Deployment, Placement
from harness.grid.schema import Grid

POLL_S = 0.02


class SwitchPrefetch:
    """Starts the next topology switch early and holds it until it may run.

    Preparation uses no CPU during a steady window. It runs before the window when it fits there twice, otherwise after
    the window. No host changes before `on_collected`.
    """

    def __init__(self, deployment: Deployment, grid: Grid) -> None:
        self._deployment = deployment
        self._grid = grid
        self._duration_s = math.inf  # of the last preparation
        self._next: Placement | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def on_load_started(self, following: Placement | None, started_at: float) -> None:
        """Prepare the switch to a cell; second 0 of the current load is at `started_at`, a Unix time."""
        self._next, self._stopped = following, threading.Event()
        if following is not None:
            threading.Thread(target=self._prepare, args=(following, started_at, self._stopped), daemon=True).start()

    def on_collected(self, all_running: bool) -> None:
        """Start the switch after the load: all data of the hosts are read. A repair has priority over the switch."""
        self.stop()
        if self._next is not None and all_running:
            self._deployment.begin(self._next)

    def stop(self) -> None:
        """Start no further preparation; keep a finished one."""
        with self._lock:
            self._stopped.set()

    def _prepare(self, following: Placement, started_at: float, stopped: threading.Event) -> None:
        window_at = started_at + self._grid.window_from_s
        early = time.time() + 2 * self._duration_s < window_at
        if not early and stopped.wait(max(0.0, started_at + self._grid.load.duration - time.time())):
            return
        with self._lock:
            if stopped.is_set():
                return
            began = time.monotonic()
            playbook = self._deployment.prepare(following)
        while playbook is not None and playbook.is_running:
            if playbook.is_ready:
                self._duration_s = time.monotonic() - began
                return
            if early and time.time() > window_at:
                self._duration_s = math.inf
                with self._lock:
                    if not stopped.is_set():
                        self._deployment.drop()
                return
            time.sleep(POLL_S)

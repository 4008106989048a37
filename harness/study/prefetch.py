"""The switch to the next cell, made ready while the load of the one before runs."""

from __future__ import annotations

import math
import threading
import time

from harness.deploy.deployment import Deployment
from harness.grid.cell import Cell
from harness.grid.load import Load

LOOK_EVERY_S = 0.02


class Ahead:
    """Has the next switch started and waiting by the time it may be made.

    Nothing of it runs while a steady window lasts: it is made ready in the time before the window where that
    is surely long enough, else from the window's end on. Nothing is changed before `hosts_read`.
    """

    def __init__(self, deployment: Deployment, load: Load) -> None:
        self._deployment = deployment
        self._load = load
        self._takes_s = math.inf  # to be ready, when last seen
        self._next: Cell | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()

    def load_started(self, cell: Cell | None, started_at: float) -> None:
        """Make the switch to the next cell ready; second 0 of the load that runs is at `started_at`, a Unix time."""
        self._next, self._over = cell, threading.Event()
        if cell is not None:
            threading.Thread(target=self._make_ready, args=(cell, started_at, self._over), daemon=True).start()

    def hosts_read(self, all_running: bool) -> None:
        """The load is over and nothing more is read: begin the switch, unless a repair has to come first."""
        self.stop()
        if self._next is not None and all_running:
            self._deployment.begin(self._next)

    def stop(self) -> None:
        """Make nothing ready from now on; what is stays as it is."""
        with self._lock:
            self._over.set()

    def _make_ready(self, cell: Cell, started_at: float, over: threading.Event) -> None:
        window_at = started_at + self._load.window_from_s
        early = time.time() + 2 * self._takes_s < window_at
        if not early and over.wait(max(0.0, started_at + self._load.duration - time.time())):
            return
        with self._lock:
            if over.is_set():
                return
            began = time.monotonic()
            playbook = self._deployment.prepare(cell)
        while playbook is not None and playbook.is_running:
            if playbook.is_ready:
                self._takes_s = time.monotonic() - began
                return
            if early and time.time() > window_at:
                self._takes_s = math.inf
                with self._lock:
                    if not over.is_set():
                        self._deployment.drop()
                return
            time.sleep(LOOK_EVERY_S)

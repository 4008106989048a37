"""Rented machines: their types and prices, and how a study extends their lifetime."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.records.study import Rented

LEASE_S = 3600.0  # lifetime of a machine after the study's last request
EVERY_S = 600.0


def rented(inventory: Inventory) -> dict[str, Rented]:
    """Type and price of each host, as far as the inventory sets them.

    They are recorded next to the configuration: a changed price does not make another study.
    """
    return {
        host.name: Rented(instance_type=host.instance_type, usd_per_hour=host.usd_per_hour) for host in inventory.hosts
    }


class Lease:
    """Extends the lifetime of machines with a `study_end_command` in the inventory while a study needs them.

    They power off within an hour after a study that was killed, and never run beyond their budget.
    """

    def __init__(
        self,
        inventory: Inventory,
        connections: Connections,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = [host for host in inventory.hosts if host.end_command]
        self._connections = connections
        self._warn = warn
        self._clock = clock
        self._last: float | None = None
        self._warned = False

    def extend(self, trial_s: float, remaining_s: float) -> None:
        """Request a lifetime of the next trial and an hour, at most every `EVERY_S` seconds.

        Warns once if the machines power off before the study's remaining time, `remaining_s`, is over.
        """
        now = self._clock()
        if not self._hosts or (self._last is not None and now - self._last < EVERY_S):
            return
        self._last = now
        wanted_s = LEASE_S + trial_s
        with ThreadPoolExecutor(len(self._hosts)) as pool:
            left = list(pool.map(lambda host: self._extend(host, wanted_s), self._hosts))
        lifetimes = [(host.name, seconds) for host, seconds in zip(self._hosts, left, strict=True)]
        silent = [name for name, seconds in lifetimes if seconds is None]
        short = [(seconds, name) for name, seconds in lifetimes if seconds is not None and seconds < wanted_s - 5]
        if silent and not self._warned:
            self._warn_once(
                f"{', '.join(silent)}: no response to the lifetime extension, so they power off as scheduled"
            )
        elif short and min(short)[0] < remaining_s and not self._warned:
            seconds, name = min(short)
            self._warn_once(
                f"{name}: its budget ends in {seconds / 60:.0f} min, but the study needs {remaining_s / 60:.0f} min"
            )

    def _warn_once(self, message: str) -> None:
        self._warned = True
        self._warn(f"{message}. Trials measured until then are kept; the same command resumes the study later.")

    def _extend(self, host: Host, wanted_s: float) -> float | None:
        """Remaining lifetime of the machine in seconds; None if it does not answer."""
        command = ["sudo", "-n", str(host.end_command), "extend", f"{wanted_s:.0f}"]
        try:
            return float(self._connections.run(host, command))
        except ValueError:
            return None

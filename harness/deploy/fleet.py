"""Rented machines: what each is and costs, and that they do not end while a study runs on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.records.study import Rented

LEASE_S = 3600.0  # how long a machine stays after the study was last heard of
EVERY_S = 600.0


def rented(inventory: Inventory) -> dict[str, Rented]:
    """Type and price of each host, as far as the inventory sets them.

    They are recorded next to the configuration: a changed price does not make another study.
    """
    return {
        host.name: Rented(instance_type=host.instance_type, usd_per_hour=host.usd_per_hour) for host in inventory.hosts
    }


class Lease:
    """Keeps machines that end by themselves (`study_end_command` in the inventory) for as long as they are needed.

    A study that dies leaves them an hour, so they end soon after it; none is kept beyond its budget.
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
        """Keep the machines for the next trial and an hour, if that was not said just now.

        `remaining_s` is what the study still needs; a warning says once if the machines end before.
        """
        now = self._clock()
        if not self._hosts or (self._last is not None and now - self._last < EVERY_S):
            return
        self._last = now
        wanted_s = LEASE_S + trial_s
        with ThreadPoolExecutor(len(self._hosts)) as pool:
            left = list(pool.map(lambda host: self._ask(host, wanted_s), self._hosts))
        told = [(host.name, seconds) for host, seconds in zip(self._hosts, left, strict=True)]
        silent = [name for name, seconds in told if seconds is None]
        short = [(seconds, name) for name, seconds in told if seconds is not None and seconds < wanted_s - 5]
        if silent and not self._warned:
            self._say(f"{', '.join(silent)}: cannot be told to stay, so they end when their hours are over")
        elif short and min(short)[0] < remaining_s and not self._warned:
            seconds, name = min(short)
            self._say(
                f"{name} ends in {seconds / 60:.0f} min by its budget, and the study needs {remaining_s / 60:.0f}"
            )

    def _say(self, words: str) -> None:
        self._warned = True
        self._warn(f"{words}; what is measured by then is kept, and the same command goes on later")

    def _ask(self, host: Host, wanted_s: float) -> float | None:
        """Seconds that the machine has left now; None when it did not say."""
        command = ["sudo", "-n", str(host.end_command), "extend", f"{wanted_s:.0f}"]
        try:
            return float(self._connections.run(host, command))
        except ValueError:
            return None

"""Sample containers and machines during a load, on one timeline: seconds since its second 0."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from harness.deploy.inventory.hosts import Host
from harness.observe.containers import Probes
from harness.records.series import HostSample, MachineSample

NEWEST_S = 2.5  # age up to which a reading of a dependency belongs to a sample


class Watcher:
    """Samples every container and machine once a second, each in a thread of its own, until it is stopped."""

    def __init__(
        self,
        probes: Probes,
        hosts: Iterable[str],
        started_at: float,
        servers: Iterable[Host] = (),
        window: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._probes = probes
        self._started_at = started_at
        self._end = threading.Event()
        self._samples: list[HostSample] = []
        self._machines: list[MachineSample] = []
        self._network: dict[str, dict[str, int]] = {}
        self._allowances: dict[str, list[tuple[float, dict[str, int]]]] = {}  # (time of the reading, counters)
        self._delays: dict[str, list[float]] = {}
        hosts = list(hosts)
        for host in hosts:
            threading.Thread(target=self._watch, args=(host,), daemon=True).start()
        for machine in probes.machines():
            threading.Thread(target=self._watch_machine, args=(machine,), daemon=True).start()
        self._dependencies: dict[str, dict[str, tuple[float, Any]]] = {}  # host → column → (time, value)
        for dependency in probes.dependencies:
            seconds = math.ceil(window[1])
            threading.Thread(target=self._watch_connections, args=(dependency,), daemon=True).start()
            threading.Thread(target=self._watch_view, args=(dependency, seconds), daemon=True).start()
        self._slots: dict[str, dict[str, float]] = {}
        self._window = window
        self._slot_threads = [threading.Thread(target=self._watch_slots, args=(s,), daemon=True) for s in servers]
        for thread in self._slot_threads:
            thread.start()
        self._before = threading.Thread(target=self._read_network_first, daemon=True)
        self._before.start()

    def stop(self) -> Watcher:
        """Stop sampling; each thread ends with its next reading."""
        self._end.set()
        return self

    def samples(self, clock: str) -> list[HostSample]:
        """Samples of containers, ordered by time; second 0 is by the clock of the host `clock`."""
        ahead_s = self.offset_s(clock)
        moved = [replace(sample, t_s=round(sample.t_s + ahead_s, 2)) for sample in self._samples]
        return sorted(moved, key=lambda sample: (sample.t_s, sample.host))

    def machines(self, clock: str) -> list[MachineSample]:
        """Samples of machines, ordered by time; second 0 is by the clock of the host `clock`."""
        ahead_s = self.offset_s(clock)
        moved = [replace(sample, t_s=round(sample.t_s + ahead_s, 2)) for sample in self._machines]
        return sorted(moved, key=lambda sample: (sample.t_s, sample.machine))

    def offset_s(self, host: str) -> float:
        """Seconds by which the clock of a host's machine is ahead of this machine's; 0 if unknown.

        The minimum of (receipt − its time) over all readings is the shortest network delay minus the offset.
        """
        delays = self._delays.get(self._probes.machine_of().get(host, ""), [])
        return -min(delays) if delays else 0.0

    def slots(self) -> dict[str, dict[str, float]]:
        """Paced server → sums over its slots in the steady window, as in `Probes.slots`."""
        for thread in self._slot_threads:
            thread.join(timeout=10)
        return dict(sorted(self._slots.items()))

    def network_counters(self) -> dict[str, dict[str, int]]:
        """Host → kernel counter → increase since the window began; `time_wait` is the current number."""
        self._before.join(timeout=10)
        after: dict[str, dict[str, int]] = {}
        self._read_network(after)
        found = {
            host: {
                name: value if name == "time_wait" else value - self._network[host].get(name, 0)
                for name, value in counted.items()
            }
            for host, counted in after.items()
            if self._network.get(host)
        }
        for host, machine in self._probes.machine_of().items():
            readings = self._allowances.get(machine, [])
            begin = self._started_at + self._window[0]
            if readings:
                first = max(
                    (reading for reading in readings if reading[0] <= begin), key=lambda r: r[0], default=readings[0]
                )
                last = readings[-1][1]
                found.setdefault(host, {}).update({name: last[name] - first[1].get(name, 0) for name in last})
        return found

    def _read_network_first(self) -> None:
        """Read the counters when the window begins: new users open all their connections before it."""
        self._end.wait(max(0.0, self._started_at + self._window[0] - time.time()))
        self._read_network(self._network)

    def _read_network(self, into: dict[str, dict[str, int]]) -> None:
        def read(host: Any) -> None:
            into[host.name] = self._probes.network(host)

        threads = [threading.Thread(target=read, args=(host,), daemon=True) for host in self._probes.hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=10)

    def _watch_slots(self, server: Host) -> None:
        readings = []
        for at_s in self._window:
            self._end.wait(max(0.0, self._started_at + at_s - time.time()))
            try:
                readings.append(self._probes.slots(server))
            except RuntimeError:  # an interrupted study closed its connections
                return
        before, after = readings
        if before is not None and after is not None:
            # Microseconds: far below the error of a reading, and unchanged when read from disk again.
            self._slots[server.name] = {name: round(after[name] - before.get(name, 0.0), 6) for name in after}

    def _watch(self, host: str) -> None:
        before: tuple[float, dict[str, Any]] | None = None
        for reading in self._probes.usage(host):
            now = time.time()
            if self._end.is_set():
                return
            if before is not None:
                sample = host_sample(host, now - self._started_at, before[1], reading)
                if sample is not None:
                    newest = self._dependencies.get(host, {}).items()
                    own = {name: value for name, (at, value) in newest if now - at < NEWEST_S}
                    self._samples.append(replace(sample, role=self._probes.role(host), **own))
            before = (now, reading)

    def _watch_connections(self, host: Host) -> None:
        for reading in self._probes.connections(host):
            if self._end.is_set():
                return
            self._dependencies.setdefault(host.name, {})["connections"] = (time.time(), reading["established"])

    def _watch_view(self, host: Host, seconds: int) -> None:
        for use in self._probes.connection_use(host, seconds):
            if self._end.is_set():
                return
            found, now = self._dependencies.setdefault(host.name, {}), time.time()
            found["in_use"], found["most_connections"] = (now, use.in_use), (now, use.most)
            found["longest_wait_s"], found["sessions"] = (now, use.longest_wait_s), (now, use.sessions)

    def _watch_machine(self, machine: str) -> None:
        before: dict[str, Any] | None = None
        for reading in self._probes.machine_usage(machine):
            now = time.time()
            if self._end.is_set():
                return
            self._delays.setdefault(machine, []).append(now - reading["now"])
            self._allowances.setdefault(machine, []).append((now, reading["allowances"]))
            if before is not None:
                sample = machine_sample(machine, now - self._started_at, before, reading, -min(self._delays[machine]))
                if sample is not None:
                    self._machines.append(sample)
            before = reading


def machine_sample(
    machine: str, t_s: float, before: dict[str, Any], after: dict[str, Any], offset_s: float
) -> MachineSample | None:
    """Usage of a machine between two readings; None if its counters did not increase."""
    total_s = after["total_s"] - before["total_s"]
    if total_s <= 0:
        return None
    cores = int(after["cores"])
    return MachineSample(
        t_s=round(t_s, 2),
        machine=machine,
        cores=cores,
        busy_cores=round((after["busy_s"] - before["busy_s"]) / total_s * cores, 4),
        steal_share=round((after["steal_s"] - before["steal_s"]) / total_s, 5),
        load=round(after["load"], 2),
        conntrack_share=None if after["conntrack"] is None else round(after["conntrack"], 4),
        offset_s=round(offset_s, 4),
    )


def _read_at(reading: dict[str, Any]) -> float:
    """Unix time of a container engine's reading, which has nanoseconds; Python parses microseconds."""
    text = reading["read"]
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()


def host_sample(host: str, t_s: float, before: dict[str, Any], after: dict[str, Any]) -> HostSample | None:
    """Usage of a container between two readings; None if it was restarted in between."""
    try:
        elapsed_s = _read_at(after) - _read_at(before)
        used_ns = after["cpu_stats"]["cpu_usage"]["total_usage"] - before["cpu_stats"]["cpu_usage"]["total_usage"]
        memory = after["memory_stats"].get("usage", 0)
        periods, throttled = (
            after["cpu_stats"]["throttling_data"][key] - before["cpu_stats"]["throttling_data"][key]
            for key in ("periods", "throttled_periods")
        )
    except (KeyError, ValueError):
        return None
    if used_ns < 0 or elapsed_s <= 0:
        return None
    rates = _moved_mb_per_s(before, after, elapsed_s)
    return HostSample(
        t_s=round(t_s, 2),
        host=host,
        cpu_cores=round(used_ns / 1e9 / elapsed_s, 4),
        throttled_share=round(throttled / periods, 4) if periods > 0 else None,
        memory_mb=round(memory / 1e6, 1),
        received_mb_per_s=rates.get("received"),
        sent_mb_per_s=rates.get("sent"),
        read_mb_per_s=rates.get("read"),
        written_mb_per_s=rates.get("written"),
    )


def _moved_mb_per_s(before: dict[str, Any], after: dict[str, Any], elapsed_s: float) -> dict[str, float]:
    """Network and disk use of a container between two readings, as far as it is read."""
    old, new = _bytes(before), _bytes(after)
    return {
        name: round((new[name] - old[name]) / 1e6 / elapsed_s, 4)
        for name in old
        if name in new and new[name] >= old[name]
    }


def _bytes(reading: dict[str, Any]) -> dict[str, int]:
    """Bytes that a container has moved so far, as far as the engine counts them."""
    found: dict[str, int] = {}
    networks = (reading.get("networks") or {}).values()
    if networks:
        found["received"] = sum(network["rx_bytes"] for network in networks)
        found["sent"] = sum(network["tx_bytes"] for network in networks)
    moved = (reading.get("blkio_stats") or {}).get("io_service_bytes_recursive")
    if moved is not None:
        for name, operation in (("read", "read"), ("written", "write")):
            found[name] = sum(entry["value"] for entry in moved if entry["op"].lower() == operation)
    return found

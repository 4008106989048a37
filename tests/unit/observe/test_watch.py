"""Readings of the kernel, a machine and its clock."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from harness.observe import network_counters, watch
from harness.observe.containers import Probes

NETSTAT = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 12 14\nIpExt: InNoRoutes\nIpExt: 0\n"
SNMP = "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm OutSegs RetransSegs\nTcp: 1 2000 30\n"
SOCKSTAT = "sockets: used 40\nTCP: inuse 5 orphan 0 tw 21 alloc 9 mem 1\n"


def test_the_kernels_counters_are_read_by_their_names() -> None:
    assert network_counters.parse_network(NETSTAT + SNMP + SOCKSTAT) == {
        "listen_overflows": 12,
        "segments": 2000,
        "retransmits": 30,
        "time_wait": 21,
    }
    assert network_counters.parse_network("") == {}


def test_this_machine_reports_its_usage() -> None:
    """The program runs on every machine and uses only the standard library."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(Path(watch.__file__).parent.joinpath("agents", "machine.py"))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    before, after = (json.loads(process.stdout.readline()) for _ in range(2))
    process.kill()
    process.communicate()
    seen = watch.machine_sample("m", 1.0, before, after, 0.0)
    assert seen is not None
    assert 0 <= seen.busy_cores <= seen.cores
    assert 0 <= seen.steal_share <= 1


def test_a_machine_that_started_again_gives_no_reading() -> None:
    reading = {"cores": 2, "busy_s": 5.0, "steal_s": 0.1, "total_s": 20.0, "load": 0.5, "conntrack": None}
    later = {**reading, "busy_s": 5.5, "steal_s": 0.12, "total_s": 22.0}
    seen = watch.machine_sample("m", 1.0, reading, later, 0.25)
    assert seen is not None
    assert (seen.busy_cores, seen.steal_share, seen.offset_s) == (0.5, 0.01, 0.25)
    assert watch.machine_sample("m", 1.0, later, reading, 0.0) is None


@pytest.mark.parametrize("missing", ["cpu_stats", "read"])
def test_a_containers_reading_without_figures_is_left_out(missing: str) -> None:
    reading = {
        "read": "2026-01-01T00:00:00.000000000Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 1}, "throttling_data": {"periods": 1, "throttled_periods": 0}},
        "memory_stats": {},
    }
    broken = {key: value for key, value in reading.items() if key != missing}
    assert watch.host_sample("s", 1.0, reading, broken) is None


class OneMachine:
    """Probes of one machine with a clock 0.7 s ahead."""

    hosts: tuple[()] = ()
    dependencies: tuple[()] = ()

    def machines(self) -> dict[str, None]:
        return {"m": None}

    def machine_of(self) -> dict[str, str]:
        return {"generator": "m"}

    def machine_usage(self, _machine: str) -> Iterator[dict[str, Any]]:
        for number in range(4):
            values = {"busy_s": 0.1 * number, "steal_s": 0.0, "total_s": 0.5 * number, "load": 0.1, "conntrack": None}
            yield {**values, "cores": 2, "now": time.time() + 0.7, "allowances": {}}
            time.sleep(0.05)


def test_second_0_is_by_the_generators_clock_on_every_timeline() -> None:
    watcher = watch.Watcher(cast(Probes, OneMachine()), [], time.time() + 0.7)
    time.sleep(0.4)
    seen = watcher.stop().machines("generator")
    assert watcher.offset_s("generator") == pytest.approx(0.7, abs=0.05)
    assert len(seen) == 3
    assert all(0 <= row.t_s < 0.4 for row in seen), seen

"""Kernel counters of a network namespace, from the files in /proc/net. Pure."""

from __future__ import annotations

import itertools

NAMESPACE_FILES = ("net/netstat", "net/snmp", "net/sockstat")  # below /proc/<pid> of any process in it
NETWORK_FILES = tuple(f"/proc/{file}" for file in NAMESPACE_FILES)
KERNEL_COUNTERS = {"ListenOverflows": "listen_overflows", "RetransSegs": "retransmits", "OutSegs": "segments"}


def parse_network(text: str) -> dict[str, int]:
    """Counters in /proc/net/{netstat,snmp,sockstat} that evidence rules use; missing ones are left out.

    `listen_overflows` (TcpExt), `retransmits` and `segments` (Tcp) are cumulative; `time_wait` is the current number.
    """
    lines = text.splitlines()
    found: dict[str, int] = {}
    for names, values in itertools.pairwise(lines):
        kind = names.partition(":")[0]
        if kind in ("TcpExt", "Tcp") and values.startswith(f"{kind}:"):
            counted = dict(zip(names.split()[1:], values.split()[1:], strict=False))
            found |= {name: int(counted[key]) for key, name in KERNEL_COUNTERS.items() if key in counted}
    for line in lines:
        if line.startswith("TCP:") and " tw " in line:
            found["time_wait"] = int(line.split(" tw ")[1].split()[0])
    return found

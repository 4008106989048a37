#!/usr/bin/env python3
"""machine.py: what a whole machine does, one JSON line a second, until nobody reads.

Runs on this machine in the lab, and on hosts that are machines, handed to their Python through SSH; so
it needs the standard library alone and works from Python 3.8 on. Times are the machine's own clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
CONNTRACK = Path("/proc/sys/net/netfilter")


def allowances() -> dict[str, int]:
    """Counters of exceeded allowances of EC2's network interfaces; empty elsewhere."""
    found: dict[str, int] = {}
    for interface in Path("/sys/class/net").glob("*"):
        if not (interface / "device" / "driver").exists() or (interface / "device" / "driver").resolve().name != "ena":
            continue
        with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
            told = subprocess.run(
                ["ethtool", "-S", interface.name], capture_output=True, text=True, check=True, timeout=5
            ).stdout
            for line in told.splitlines():
                name, _, value = line.strip().partition(": ")
                if name.endswith("_allowance_exceeded"):
                    found[name] = found.get(name, 0) + int(value)
    return found


def reading() -> dict[str, Any]:
    """CPU seconds since the start by kind, cores, load, share of the connection table, allowances."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    # user nice system idle iowait irq softirq steal; the rest is counted in these
    fields = [int(field) / TICKS for field in lines[0].split()[1:9]]
    conntrack = None
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        count, most = (int((CONNTRACK / f"nf_conntrack_{name}").read_text()) for name in ("count", "max"))
        conntrack = count / most
    return {
        "now": time.time(),
        "cores": sum(line.startswith("cpu") for line in lines) - 1,
        "busy_s": sum(fields[:3]),
        "steal_s": fields[7],
        "total_s": sum(fields),
        "load": os.getloadavg()[0],
        "conntrack": conntrack,
    }


def main() -> None:
    """Print until the reader is gone."""
    while True:
        sys.stdout.write(json.dumps({**reading(), "allowances": allowances()}) + "\n")
        sys.stdout.flush()
        time.sleep(1)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main()

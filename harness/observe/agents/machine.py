#!/usr/bin/env python3
"""machine.py: print the resource usage of the whole machine, one JSON line a second, until the output is closed.

It runs on this machine in the lab and, through SSH, on hosts that are machines. So it needs the standard library alone
and works from Python 3.8 on. Times are by the machine's own clock.
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
            output = subprocess.run(
                ["ethtool", "-S", interface.name], capture_output=True, text=True, check=True, timeout=5
            ).stdout
            for line in output.splitlines():
                name, _, value = line.strip().partition(": ")
                if name.endswith("_allowance_exceeded"):
                    found[name] = found.get(name, 0) + int(value)
    return found


def reading() -> dict[str, Any]:
    """CPU seconds since the start, cores, load average, and the used share of the connection table."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    # user nice system idle iowait irq softirq steal; guest times are included in user and nice
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
    """Print a reading every second until the output is closed."""
    while True:
        sys.stdout.write(json.dumps({**reading(), "allowances": allowances()}) + "\n")
        sys.stdout.flush()
        time.sleep(1)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main()

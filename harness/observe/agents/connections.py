#!/usr/bin/env python3
"""connections.py PID PORT: print the number of established connections at a port, one JSON line a second.

PID is any process in the network namespace, or "self". The program ends when its output is closed or the process
ends. It runs on this machine in the lab and, through SSH, on hosts that are machines. So it needs the standard library
alone and works from Python 3.8 on.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

ESTABLISHED = "01"  # the kernel's number of the state


def established(table: str, port: int) -> int:
    """Count the connections in state ESTABLISHED at a local port, in the kernel's table tcp or tcp6."""
    count = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == port:
            count += 1
    return count


def main() -> None:
    """Print a count every second until the output is closed."""
    folder, port = Path("/proc") / sys.argv[1] / "net", int(sys.argv[2])
    while True:
        count = 0
        for name in ("tcp", "tcp6"):
            file = folder / name
            count += established(file.read_text(encoding="ascii"), port) if file.exists() else 0
        sys.stdout.write(json.dumps({"now": time.time(), "established": count}) + "\n")
        sys.stdout.flush()
        time.sleep(1)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt, OSError):
        main()

#!/usr/bin/env python3
"""user.py USER: print the resource usage of a user's processes, one JSON line a second, until the output is closed.

It runs through SSH on hosts that are machines. So it needs the standard library alone and works from Python 3.8 on. The
lines have the format of Docker's container statistics.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def used(uid: int) -> tuple[int, int]:
    """Nanoseconds of CPU and bytes of memory of a user's processes."""
    cpu, memory = 0, 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # the process has ended
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                fields = (entry / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
                cpu += int(fields[11]) + int(fields[12])
                memory += int(fields[21]) * PAGE
    return cpu * 1_000_000_000 // TICKS, memory


def main() -> None:
    """Print a reading every second until the output is closed."""
    uid = pwd.getpwnam(sys.argv[1]).pw_uid
    while True:
        cpu, memory = used(uid)
        now = datetime.now(timezone.utc)  # noqa: UP017 - Python 3.8 has no UTC
        reading = {
            "read": now.isoformat().replace("+00:00", "Z"),
            "cpu_stats": {"cpu_usage": {"total_usage": cpu}, "throttling_data": {"periods": 0, "throttled_periods": 0}},
            "memory_stats": {"usage": memory},
        }
        sys.stdout.write(json.dumps(reading) + "\n")
        sys.stdout.flush()
        time.sleep(1)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        main()

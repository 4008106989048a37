#!/usr/bin/env python3
"""user.py USER: what all processes of a user use, one JSON line a second, until nobody reads.

Runs on hosts that are machines, handed to their Python through SSH; so it needs the standard library
alone and works from Python 3.8 on. The lines look as a container's readings from Docker do.
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
        with contextlib.suppress(OSError):  # it ended between two looks
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                fields = (entry / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
                cpu += int(fields[11]) + int(fields[12])
                memory += int(fields[21]) * PAGE
    return cpu * 1_000_000_000 // TICKS, memory


def main() -> None:
    """Print until the reader is gone."""
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

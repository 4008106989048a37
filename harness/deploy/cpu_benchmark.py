"""A rough CPU benchmark of this machine that takes a moment, before anything is installed, built or deployed."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

# A request of the lab (generator, balancer and server together) costs about as much CPU as this many jobs.
JOBS_A_REQUEST = 0.9
TRIES = 7
PAYLOAD = {"image": [0.0, 3.0, 15.0, 2.0] * 16, "names": {str(number): number * 1.5 for number in range(20)}}
PATTERN = re.compile(r'"19": ([0-9.]+)')
QUOTAS = (
    ("/sys/fs/cgroup/cpu.max", None),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)


def request_s() -> float:
    """CPU seconds of a request of the lab on this machine, estimated by a similar job; the minimum of several tries."""
    return JOBS_A_REQUEST * min(_job_s() for _ in range(TRIES))


def cores() -> float:
    """Cores that this process may use, by its CPU affinity or the quota of its control group."""
    allowed = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float(os.cpu_count() or 1)
    for quota, period in QUOTAS:
        try:
            words = Path(quota).read_text(encoding="ascii").split()
            words += Path(period).read_text(encoding="ascii").split() if period else []
            if float(words[0]) > 0:
                return min(allowed, float(words[0]) / float(words[1]))
        except (OSError, ValueError, IndexError):
            continue  # no such file, or "max": no quota there
    return allowed


def _job_s() -> float:
    began = time.thread_time()
    for _ in range(100):
        text = json.dumps(PAYLOAD)
        PATTERN.search(text)
        json.loads(text)
    return time.thread_time() - began

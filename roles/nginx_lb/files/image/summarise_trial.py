#!/usr/bin/python3 -IS
"""Summarise the balancer's log of one trial on the balancer itself, so that no raw log travels.

    summarise-trial TRIAL SINCE_S FROM_S TO_S

reads the logs, empties them and says "read"; then it prints one JSON object. The trial began at SINCE_S, and
FROM_S and TO_S bound the window in which requests in flight are averaged (Unix seconds). Each log holds one
trial at most (nginx appends, so truncating is safe). Its columns are those of `log_format trial` in nginx.conf.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

LOGS = Path("/var/log/balancer")
PID = Path("/run/nginx.pid")
WRITTEN_WITHIN_S = 5.0
STAMP = "%Y/%m/%d %H:%M:%S"

# Events that explain a bad trial, by the words nginx uses.
EVENTS = (
    "worker_connections are not enough",
    "no live upstreams",
    "upstream prematurely closed connection",
    "upstream server temporarily disabled",
    "upstream timed out",
    "Cannot assign requested address",
    "Connection refused",
    "Too many open files",
)


def quantiles(values: list[float]) -> dict[str, float]:
    """Nearest-rank quantiles, in the unit of `values`; empty for no values."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {f"p{q}": ordered[round(last * q / 100)] for q in (50, 95, 99)} if ordered else {}


def summarise(lines: list[str], trial: str, from_s: float, to_s: float, since_s: float = 0.0) -> dict[str, object]:
    """Count one trial's requests by status and upstream, and per whole second since `since_s`."""
    statuses: Counter[str] = Counter()
    upstreams: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[tuple[int, str, str]] = Counter()
    times_s: list[float] = []
    times_ms: dict[str, Counter[int]] = defaultdict(Counter)
    upstream_s: list[float] = []
    retried = 0
    in_flight_s = 0.0
    for line in lines:
        fields = line.rstrip("\n").split("\t")
        if len(fields) != 6 or fields[0] != trial:
            continue
        _, ended, status, request_s, upstream, served_s = fields
        statuses[status] += 1
        # "a, b" names every server that was tried; the last one answered.
        tried = [part.strip() for part in re.split("[,:] ", upstream)]
        # A server may be tried twice, and the upstream's own name stands where none was left.
        retried += len({server for server in tried if ":" in server}) > 1
        upstreams[tried[-1]][status] += 1
        end, took = float(ended), float(request_s)
        seconds[math.floor(end - since_s), tried[-1], status] += 1
        in_flight_s += max(0.0, min(end, to_s) - max(end - took, from_s))
        if from_s <= end < to_s:
            times_s.append(took)
            times_ms[status][round(took * 1000)] += 1
            # One time for every server that was tried; "-" where none answered.
            asked = [float(part) for part in re.split("[,:] ", served_s) if part.strip() not in ("", "-")]
            if asked:
                upstream_s.append(sum(asked))
    return {
        "statuses": statuses,
        "upstreams": upstreams,
        "retried": retried,
        "request_s": quantiles(times_s),
        "times_ms": {status: sorted(counts.items()) for status, counts in times_ms.items()},
        "upstream_mean_s": sum(upstream_s) / len(upstream_s) if upstream_s else None,
        "mean_in_flight": in_flight_s / (to_s - from_s),
        "seconds": [[*key, count] for key, count in sorted(seconds.items())],
    }


def happened(lines: Iterable[str], since_s: float) -> tuple[dict[str, int], dict[str, float]]:
    """Events of the error log from a Unix time on: how often each is told, and when first.

    nginx stamps whole seconds of local time; what it told before the trial is none of the trial's.
    """
    counts: Counter[str] = Counter()
    first: dict[str, float] = {}
    since = time.strftime(STAMP, time.localtime(since_s))
    for line in lines:
        for event in EVENTS:
            if event in line and line[:19] >= since:
                counts[event] += 1
                if event not in first:
                    with contextlib.suppress(ValueError):  # a line that was cut
                        first[event] = time.mktime(time.strptime(line[:19], STAMP))
    return counts, first


def workers() -> list[Path]:
    """The directory in /proc of every nginx worker that serves."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended between two looks
            title = (entry / "cmdline").read_bytes()
            if title.startswith(b"nginx: worker process") and b"shutting down" not in title:
                found.append(entry)
    return found


def worker_cpu_s() -> list[float]:
    """CPU seconds of every nginx worker since it started."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = []
    for entry in workers():
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            found.append((int(fields[11]) + int(fields[12])) / ticks)
    return found


def write_out(errors: Path) -> None:
    """Have nginx write what it still holds of the log; exits with a message when a worker does not.

    nginx writes in blocks. Told to reopen its logs each worker says so in the error log, and only then
    writes out its block; so it is told twice: who says it again has written.
    """
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    for _ in range(2):
        begin = errors.stat().st_size
        asked, looked = workers(), time.monotonic()
        os.kill(int(PID.read_text()), signal.SIGUSR1)
        while True:
            with errors.open("rb") as lines:
                lines.seek(begin)
                said = set(re.findall(rb" \[notice\] (\d+)#\d+: reopening logs", lines.read()))
            if {entry.name.encode() for entry in asked} <= said:
                break
            if time.monotonic() > deadline:
                sys.exit(f"an nginx worker did not write out its log within {WRITTEN_WITHIN_S:.0f} s")
            time.sleep(0.005)
            if time.monotonic() > looked + 0.2:
                asked, looked = workers(), time.monotonic()  # one may have ended


def main() -> None:
    """Read, print, empty."""
    trial, (since_s, from_s, to_s) = sys.argv[1], map(float, sys.argv[2:5])
    access, errors = LOGS / "trial.log", LOGS / "error.log"
    write_out(errors)
    requests, events = (log.read_text(encoding="utf-8", errors="replace").splitlines() for log in (access, errors))
    cpu_s = worker_cpu_s()
    for log in (access, errors):
        with log.open("r+b") as opened:
            opened.truncate(0)
    sys.stdout.write("read\n")  # from here on nginx may be reloaded
    sys.stdout.flush()
    summary = summarise(requests, trial, from_s, to_s, since_s)
    summary["events"], summary["events_at"] = happened(events, since_s)
    json.dump({**summary, "worker_cpu_s": cpu_s}, sys.stdout)


if __name__ == "__main__":
    main()

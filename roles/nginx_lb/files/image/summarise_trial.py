#!/usr/bin/python3 -IS
"""Summarise the balancer's log of one trial on the balancer, so that no raw log is transferred.

    summarise-trial TRIAL SINCE_S FROM_S TO_S

reads the logs, truncates them and prints "read"; then it prints one JSON object. The trial began at SINCE_S. FROM_S and
TO_S are the window in which requests in flight are averaged (Unix seconds). Each log has at most one trial (nginx
appends, so truncating is safe). Its columns are those of `log_format trial` in nginx.conf.
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
PID_FILE = Path("/run/nginx.pid")
_FLUSH_WITHIN_S = 5.0
STAMP = "%Y/%m/%d %H:%M:%S"

# Messages of nginx that explain an invalid trial.
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
    """Counts of one trial's requests by status and upstream, and per whole second since `since_s`.

    `seconds` are those in which requests ended. `begun` are those in which they began, as are the times of the window:
    a request that waits for its whole timeout would otherwise be in no window. `upstream_mean_s` and `request_mean_s`
    are means over the same requests, those that a server answered.
    """
    statuses: Counter[str] = Counter()
    upstreams: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[tuple[int, str, str]] = Counter()
    begun: Counter[tuple[int, str]] = Counter()
    times_s: list[float] = []
    times_ms: dict[str, Counter[int]] = defaultdict(Counter)
    upstream_s: list[float] = []
    request_s: list[float] = []
    retried = 0
    in_flight_s = 0.0
    for line in lines:
        fields = line.rstrip("\n").split("\t")
        if len(fields) != 6 or fields[0] != trial:
            continue
        _, ended, status, whole_s, upstream, served_s = fields
        statuses[status] += 1
        # "a, b" are all servers that nginx tried; the last one answered.
        tried = [part.strip() for part in re.split("[,:] ", upstream)]
        # A server can occur twice; the name of the upstream itself means that no server was left.
        retried += len({server for server in tried if ":" in server}) > 1
        upstreams[tried[-1]][status] += 1
        end, took = float(ended), float(whole_s)
        # Clocks differ by milliseconds, so a request before the start belongs to the first second.
        seconds[max(0, math.floor(end - since_s)), tried[-1], status] += 1
        begun[max(0, math.floor(end - took - since_s)), status] += 1
        in_flight_s += max(0.0, min(end, to_s) - max(end - took, from_s))
        if from_s <= end - took < to_s:
            times_s.append(took)
            times_ms[status][round(took * 1000)] += 1
            # One time for each server that was tried; "-" for no answer.
            answered = [float(part) for part in re.split("[,:] ", served_s) if part.strip() not in ("", "-")]
            if answered:
                upstream_s.append(sum(answered))
                request_s.append(took)
    return {
        "statuses": statuses,
        "upstreams": upstreams,
        "retried": retried,
        "request_s": quantiles(times_s),
        "times_ms": {status: sorted(counts.items()) for status, counts in times_ms.items()},
        "upstream_mean_s": sum(upstream_s) / len(upstream_s) if upstream_s else None,
        "request_mean_s": sum(request_s) / len(request_s) if request_s else None,
        "mean_in_flight": in_flight_s / (to_s - from_s),
        "seconds": [[*key, count] for key, count in sorted(seconds.items())],
        "begun": [[*key, count] for key, count in sorted(begun.items())],
    }


def count_events(lines: Iterable[str], since_s: float) -> tuple[dict[str, int], dict[str, float]]:
    """Events of the error log since a Unix time: (event → number of lines, event → Unix time of the first one).

    nginx writes timestamps in whole seconds of local time.
    """
    counts: Counter[str] = Counter()
    first: dict[str, float] = {}
    since = time.strftime(STAMP, time.localtime(since_s))
    for line in lines:
        for event in EVENTS:
            if event in line and line[:19] >= since:
                counts[event] += 1
                if event not in first:
                    with contextlib.suppress(ValueError):  # a truncated line
                        first[event] = time.mktime(time.strptime(line[:19], STAMP))
    return counts, first


def workers() -> list[Path]:
    """The directory in /proc of every active nginx worker."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # the process has ended
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
    """Let nginx flush its log buffers; exit with a message if a worker does not.

    On a signal to reopen its logs, each worker first logs that it does, and then flushes its buffer. So the signal is
    sent twice: a worker that logs it again has flushed its buffer.
    """
    deadline = time.monotonic() + _FLUSH_WITHIN_S
    for _ in range(2):
        begin = errors.stat().st_size
        pending, listed_at = workers(), time.monotonic()
        os.kill(int(PID_FILE.read_text()), signal.SIGUSR1)
        while True:
            with errors.open("rb") as lines:
                lines.seek(begin)
                reopened = set(re.findall(rb" \[notice\] (\d+)#\d+: reopening logs", lines.read()))
            if {entry.name.encode() for entry in pending} <= reopened:
                break
            if time.monotonic() > deadline:
                sys.exit(f"an nginx worker did not flush its log within {_FLUSH_WITHIN_S:.0f} s")
            time.sleep(0.005)
            if time.monotonic() > listed_at + 0.2:
                pending, listed_at = workers(), time.monotonic()  # a worker may have ended


def main() -> None:
    """Read the logs, truncate them, print the summary."""
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
    summary["events"], summary["events_at"] = count_events(events, since_s)
    json.dump({**summary, "worker_cpu_s": cpu_s}, sys.stdout)


if __name__ == "__main__":
    main()

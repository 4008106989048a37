#!/usr/bin/python3 -IS
"""Summarise the balancer's log of one trial on the balancer, so that no raw log is transferred.

    summarise-trial TRIAL SINCE_S FROM_S TO_S

reads the logs, empties them and prints "read"; then it prints one JSON object. The trial began at SINCE_S. FROM_S and
TO_S are the window in which requests in flight are averaged (Unix seconds). Each log has at most one trial. Its columns
are those of `log-format` in haproxy.cfg.

HAProxy writes each line at once, and each thread has a file of its own: two threads that write to one file could wait
for each other, and HAProxy drops a line rather than to wait. It removes O_APPEND from its descriptors, so an emptied
file begins with a hole.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

LOGS = Path("/var/log/balancer")
SOCKET = "/run/haproxy.sock"
MASTER = 1  # process id
ABANDONED = "499"  # status of a request whose client closed the connection
COLUMNS = 11
# First two letters of the termination state, https://docs.haproxy.org/2.6/configuration.html#8.5: which side ended the
# request, and in which phase.
STATES = {
    "SC": "connection to a server failed",
    "sC": "connection to a server timed out",
    "sH": "no response from a server in time",
    "SH": "a server closed the connection before its response",
    "SD": "a server closed the connection during its response",
    "sD": "a server stopped during its response",
    "sQ": "a request waited too long in the queue",
    "RC": "no resource for a connection to a server",
    "RQ": "no resource for a connection to a server",
}
NO_SERVER = "no server available"
# Messages about servers, in lines such as "Server servers/server-1 is DOWN, reason: ...".
MESSAGES = {
    re.compile(r"Server \S+ is DOWN"): "a server was removed",
    re.compile(r"Server \S+ is UP"): "a server was added again",
    re.compile(r"has no server available"): NO_SERVER,
}


def quantiles(values: list[float]) -> dict[str, float]:
    """Nearest-rank quantiles, in the unit of `values`; empty for no values."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {f"p{q}": ordered[round(last * q / 100)] for q in (50, 95, 99)} if ordered else {}


def summarise(lines: Iterable[str], trial: str, from_s: float, to_s: float, since_s: float = 0.0) -> dict[str, object]:
    """Counts of one trial's requests by status and server, and per whole second since `since_s`.

    `seconds` are those in which requests ended. `begun` are those in which they began, as are the times of the window:
    a request that waits for its whole timeout would otherwise be in no window. `upstream_mean_s` and `request_mean_s`
    are means over the same requests, those that a server answered. `events` are counted by the requests' states, with
    the Unix time of the first one in `events_at`.
    """
    statuses: Counter[str] = Counter()
    upstreams: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[tuple[int, str, str]] = Counter()
    begun: Counter[tuple[int, str]] = Counter()
    times_s: list[float] = []
    times_ms: dict[str, Counter[int]] = defaultdict(Counter)
    upstream_s: list[float] = []
    request_s: list[float] = []
    events: Counter[str] = Counter()
    events_at: dict[str, float] = {}
    retried = 0
    in_flight_s = 0.0
    for line in lines:
        fields = line.rstrip("\n").split("\t")
        if len(fields) != COLUMNS or fields[0] != trial:
            continue
        _, ended_ms, logged, state, whole_ms, received_ms, queued_ms, header_ms, server, retries, name = fields
        # A client that gave up has the state C; HAProxy may log it with any status.
        status = ABANDONED if state.startswith("C") else logged
        end, took = int(ended_ms) / 1000, max(0, int(whole_ms)) / 1000
        server = server if ":" in server and not server.startswith("-") else "-"
        statuses[status] += 1
        retried += retries.startswith("+")  # HAProxy marks a retry at another server
        upstreams[server][status] += 1
        # Clocks differ by milliseconds, so a request before the start belongs to the first second.
        seconds[max(0, math.floor(end - since_s)), server, status] += 1
        begun[max(0, math.floor(end - took - since_s)), status] += 1
        in_flight_s += max(0.0, min(end, to_s) - max(end - took, from_s))
        for event in _events(state, name, int(queued_ms)):
            events[event] += 1
            events_at[event] = min(end, events_at.get(event, math.inf))
        if from_s <= end - took < to_s:
            times_s.append(took)
            times_ms[status][round(took * 1000)] += 1
            if int(header_ms) >= 0:
                upstream_s.append(took - (max(0, int(received_ms)) + max(0, int(queued_ms))) / 1000)
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
        "events": events,
        "events_at": events_at,
    }


def _events(state: str, server: str, queued_ms: int) -> Iterable[str]:
    """Events of one request, by its termination state."""
    if server == "<NOSRV>" and state.startswith("SC"):
        yield NO_SERVER
    elif state[:2] in STATES:
        yield STATES[state[:2]]
    if queued_ms > 0:
        yield "requests waited in the queue"


def count_messages(lines: Iterable[str], since_s: float) -> tuple[dict[str, int], dict[str, float]]:
    """Events of the error log since a Unix time: (event → number of lines, event → Unix time of the first one).

    Only lines with a level and a time, as in "<1>2026-12-01T03:28:28.818729+00:00 Server ...", are read: HAProxy also
    prints them without.
    """
    counts: Counter[str] = Counter()
    first: dict[str, float] = {}
    for line in lines:
        stamp, _, message = re.sub(r"^<\d>", "", line).partition(" ")
        try:
            at = datetime.fromisoformat(stamp).timestamp()
        except ValueError:
            continue
        for pattern, event in MESSAGES.items():
            if at >= since_s and pattern.search(message):
                counts[event] += 1
                first.setdefault(event, at)
    return counts, first


def worker_cpu_s() -> list[float]:
    """CPU seconds of every thread of the active worker since it started.

    The newest child of the master is active; older ones finish their requests after a reload.
    """
    children = Path(f"/proc/{MASTER}/task/{MASTER}/children").read_text(encoding="ascii").split()
    ticks, found = os.sysconf("SC_CLK_TCK"), []
    for entry in sorted(Path("/proc", children[-1], "task").iterdir()) if children else ():
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            found.append((int(fields[11]) + int(fields[12])) / ticks)
    return found


def dropped_lines() -> int:
    """Lines of its logs that the active worker dropped since it started, by its own count."""
    with socket.socket(socket.AF_UNIX) as worker:
        worker.settimeout(2.0)
        worker.connect(SOCKET)
        worker.sendall(b"show info\n")
        answer = b""
        while part := worker.recv(65536):
            answer += part
    found = re.search(rb"^DroppedLogs: (\d+)$", answer, re.M)
    return int(found[1]) if found else 0


def take(log: Path) -> list[str]:
    """Read and empty a log, without the hole at its beginning."""
    with log.open("r+b") as opened:
        with contextlib.suppress(OSError):  # an empty file, or a file system that does not know holes
            opened.seek(opened.seek(0, os.SEEK_DATA))
        text = opened.read().lstrip(b"\0")
        opened.truncate(0)
    return text.decode("utf-8", errors="replace").splitlines()


def main() -> None:
    """Read the logs, empty them, print the summary."""
    trial, (since_s, from_s, to_s) = sys.argv[1], map(float, sys.argv[2:5])
    if dropped := dropped_lines():
        sys.exit(f"HAProxy dropped {dropped} lines of its log")
    requests = [line for log in sorted(LOGS.glob("trial-*.log")) for line in take(log)]
    messages, cpu_s = take(LOGS / "error.log"), worker_cpu_s()
    sys.stdout.write("read\n")  # from here on HAProxy may be reloaded
    sys.stdout.flush()
    summary = summarise(requests, trial, from_s, to_s, since_s)
    counts, first = count_messages(messages, since_s)
    events, at = summary.pop("events"), summary.pop("events_at")
    assert isinstance(events, Counter) and isinstance(at, dict)  # noqa: S101, PT018 - the types of `summarise`
    events.update(counts)
    for event, moment in first.items():
        at[event] = min(moment, at.get(event, math.inf))
    json.dump({**summary, "events": events, "events_at": at, "worker_cpu_s": cpu_s}, sys.stdout)


if __name__ == "__main__":
    main()

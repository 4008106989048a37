"""Processes with limits on time and memory that end with their parent, to read input that may be hostile.

`run` starts a module of this project in such a process; the module must call `confine` first.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

MEMORY = 2 * 2**30  # bytes of data of each process; Ansible takes a tenth
# Of the time that a program has had, at most this share was waiting for a CPU that others used.
_MOST_WAITING = 0.9
_PARENT = "SCALE_OUT_PARENT"  # the descriptor whose other end closes when the parent ends


def run(
    module: str, arguments: list[str], root: Path, environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments`; raises subprocess.TimeoutExpired. No process is left in any case.

    On a busy machine the seconds in which the program and its children wait for a CPU do not count (on Linux), up to
    ten times `timeout_s` altogether.
    """
    mine, theirs = os.pipe()
    started = None
    try:
        started = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=root, env={**environment, _PARENT: str(mine)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            pass_fds=[mine], start_new_session=True,
        )  # fmt: skip
        out, err = _output(started, timeout_s)
        return subprocess.CompletedProcess(started.args, started.returncode, out, err)
    finally:
        if started is not None:
            _end(started.pid)
            started.communicate()
        os.close(theirs)
        os.close(mine)


def _output(started: subprocess.Popen[str], timeout_s: float) -> tuple[str, str]:
    """What it prints; raises subprocess.TimeoutExpired once its time is over."""
    begun, waiting = time.monotonic(), {started.pid: 0.0}
    while True:
        elapsed_s = time.monotonic() - begun
        left_s = timeout_s - (elapsed_s - min(sum(waiting.values()), _MOST_WAITING * elapsed_s))
        try:
            return started.communicate(timeout=min(max(left_s, 0.0), 1.0))
        except subprocess.TimeoutExpired:
            if left_s <= 0:
                raise
        waiting |= _waiting_for_cpu(started.pid)


def _waiting_for_cpu(pid: int) -> dict[int, float]:
    """Seconds that a process and its descendants were ready to run and did not, by process; empty where unknown.

    Source: the second number of /proc/PID/task/TID/schedstat, in ns (Documentation/scheduler/sched-stats.rst).
    """
    found = {}
    with contextlib.suppress(psutil.Error, OSError):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with contextlib.suppress(OSError):
                stats = [file.read_text().split() for file in Path(f"/proc/{process.pid}/task").glob("*/schedstat")]
                found[process.pid] = sum(int(of[1]) for of in stats) / 1e9
    return found


def confine() -> None:
    """Limit the memory of this process and its children, and end them when the parent has ended."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    if _PARENT not in os.environ:
        return  # started manually
    descriptor = int(os.environ.pop(_PARENT))
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_end_with_parent, args=[descriptor], daemon=True).start()


def out_of_memory(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a confined process exceeded its memory limit."""
    return "MemoryError" in done.stderr or "Cannot allocate memory" in done.stderr or "MemoryError" in done.stdout


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns when the other end is closed
    _end(os.getpid())


def _end(pid: int) -> None:
    """Kill the leader of a process group, its descendants, and orphans of the group."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises it if all have ended
        os.killpg(pid, signal.SIGKILL)

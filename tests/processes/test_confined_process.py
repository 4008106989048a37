"""Processes that read inventories have a memory limit and leave no child processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.deploy import confined_process

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import os, sys
from pathlib import Path
from harness.deploy import confined_process
confined_process.run("tests.confined_program", ["waits", sys.argv[1]], Path.cwd(), os.environ, 3600)
"""


def test_a_program_that_exceeds_the_memory_limit_is_stopped() -> None:
    done = confined_process.run("tests.confined_program", ["memory"], ROOT, os.environ, 150)
    assert done.returncode
    assert confined_process.out_of_memory(done)


def test_child_processes_end_with_their_parent(tmp_path: Path) -> None:
    """The parent is killed with SIGKILL, as by the kernel."""
    file = tmp_path / "pids"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(file)], cwd=ROOT)
    while not file.exists():
        assert parent.poll() is None
        time.sleep(0.05)
    started = [int(pid) for pid in file.read_text().split()]
    assert all(map(psutil.pid_exists, started))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(_runs(pid) for pid in started):  # the test's time limit fails it if one remains
        time.sleep(0.05)


def test_seconds_without_a_cpu_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = ["waits", str(tmp_path / "pids")]
    limit_s, begun = 2.0, time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        confined_process.run("tests.confined_program", started, ROOT, os.environ, limit_s)
    assert time.monotonic() - begun >= limit_s
    # On a machine where every process always waits for a CPU, the limit is ten times as long.
    monkeypatch.setattr(confined_process, "_waiting_for_cpu", lambda pid: {pid: 1000.0})
    begun = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        confined_process.run("tests.confined_program", started, ROOT, os.environ, 0.5)
    assert time.monotonic() - begun >= 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's scheduler statistics are Linux's")
def test_the_kernel_counts_how_long_a_process_waits_for_a_cpu() -> None:
    cpu = str(min(os.sched_getaffinity(0)))
    spin = ["taskset", "-c", cpu, sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(["sleep", "3600"]) as idle, subprocess.Popen(spin) as one, subprocess.Popen(spin) as other:
        try:
            while sum(confined_process._waiting_for_cpu(one.pid).values()) < 1.0:  # the test's time limit fails it
                time.sleep(0.1)
            assert sum(confined_process._waiting_for_cpu(idle.pid).values()) < 0.5
        finally:
            for process in (idle, one, other):
                process.kill()


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

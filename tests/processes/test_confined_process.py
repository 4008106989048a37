"""Processes that read inventories have a memory limit and leave no child processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

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


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

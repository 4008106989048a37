"""Real full and read-only disks: the study loses no recorded trial and resumes afterwards."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALONE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def may_mount(folder: Path) -> bool:
    try:
        done = subprocess.run([*ALONE, "mount", "-t", "tmpfs", "none", str(folder)], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def test_a_study_survives_a_full_and_a_read_only_disk(tmp_path: Path) -> None:
    if not may_mount(tmp_path):
        pytest.skip("this machine lets nobody mount a file system")
    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.full_disk", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    full, kept, no_report, read_only, still_none, went_on, same, whole = json.loads(done.stdout)
    no_room = r"cannot be written: No space left on device\. Fix: free space on that disk, then run the same command"
    assert re.match(rf"CannotRun: \S+/trials/servers-\d_vusers-1000/r\d: {no_room}", full), full
    assert re.match(r"[1-7] trials, left: \[\]$", kept), "no partial file may remain"
    assert re.match(rf"CannotRun: \S+/report\.html: {no_room}", no_report), no_report
    for message in (read_only, still_none):
        assert re.match(r"CannotRun: \S+: cannot be written: Read-only file system\. Fix: mount that", message), message
    assert int(went_on) == 8 - int(kept.split()[0])
    assert same == "the first trials are unchanged: True"
    assert whole == "8 trials; []"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_output_to_a_full_disk_is_one_error_message() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, ROOT / "study.py", "plan", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: standard output: cannot be written: No space left on device. Fix:")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_output_pipe_is_not_an_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} {ROOT / 'study.py'} plan --json | true"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr
    assert "unexpected error" not in done.stderr

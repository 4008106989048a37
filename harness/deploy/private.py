"""Private folders for Ansible's input and output: variables, environment, logs. They may contain secrets.

They are in the clone's `.state`, never in results/, and only their user can open them. Each process has its own folder,
holds its lock, and removes it at its end. The next process removes folders of killed ones.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import uuid
from pathlib import Path

LOCK = ".lock"
_mine: dict[tuple[int, Path], Path] = {}


def folder(base: Path) -> Path:
    """The folder of this process below `base`, created at the first call; folders of dead processes are removed."""
    key = (os.getpid(), base)
    if key not in _mine:
        make(base)
        # One process at a time: a folder that was just created has no lock yet.
        all_processes = _locked(base / LOCK, wait=True)
        try:
            sweep(base)
            made = base / uuid.uuid4().hex[:12]
            made.mkdir(mode=0o700)
            _locked(made / LOCK, wait=True)  # until this process ends, in whatever way
        finally:
            os.close(all_processes)
        _mine[key] = made
        atexit.register(_remove, key)
    return _mine[key]


def make(path: Path) -> Path:
    """Make sure that a folder exists and only its user can open it, whatever the umask; return it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write(path: Path, text: str) -> None:
    """Write a file that other users can never read, not even while it is written."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def sweep(base: Path) -> None:
    """Remove the folders below `base` whose process has ended."""
    for left in base.iterdir():
        if left.name == LOCK or left.is_symlink() or not left.is_dir():
            continue
        try:
            lock = _locked(left / LOCK, wait=False)
        except BlockingIOError:
            continue
        shutil.rmtree(left, ignore_errors=True)
        os.close(lock)


def _locked(file: Path, wait: bool) -> int:
    """Lock a file and return its handle; raises BlockingIOError if another process holds the lock."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove(key: tuple[int, Path]) -> None:
    if key[0] == os.getpid():  # not in a forked process
        shutil.rmtree(_mine.pop(key), ignore_errors=True)

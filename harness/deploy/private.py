"""A folder for what Ansible is given and leaves: variables, its environment, what it printed. Secrets may be in there.

It lies in the clone's `.state`, never in results/, and nobody but its user may open it. Each process has its own, holds
its lock, and removes it at its end. What a killed process left is removed by the next one.
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
    """Return the folder of this process below `base`, made at the first call; those of dead processes are removed."""
    key = (os.getpid(), base)
    if key not in _mine:
        make(base)
        # One at a time: a folder that has just been made has no lock yet.
        everybody = _locked(base / LOCK, wait=True)
        try:
            sweep(base)
            made = base / uuid.uuid4().hex[:12]
            made.mkdir(mode=0o700)
            _locked(made / LOCK, wait=True)  # until this process ends, however it does
        finally:
            os.close(everybody)
        _mine[key] = made
        atexit.register(_remove, key)
    return _mine[key]


def make(path: Path) -> Path:
    """A folder that only its user may open, whatever the umask, also where it was there before."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write(path: Path, text: str) -> None:
    """Write a file that is never readable for others, not even for a moment."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def sweep(base: Path) -> None:
    """Remove the folders below `base` whose process is no more."""
    for left in base.iterdir():
        if left.name == LOCK or left.is_symlink() or not left.is_dir():
            continue
        try:
            lock = _locked(left / LOCK, wait=False)
        except BlockingIOError:
            continue
        shutil.rmtree(left, ignore_errors=True)
        os.close(lock)


def sweep_earlier(*folders: Path) -> None:
    """Remove what earlier versions left of Ansible's runs in folders of logs."""
    for logs in folders:
        if (logs / "ansible" / "artifacts").is_dir() and not (logs / "ansible").is_symlink():
            shutil.rmtree(logs / "ansible", ignore_errors=True)


def _locked(file: Path, wait: bool) -> int:
    """The handle of a file whose lock this process holds from now on; raises BlockingIOError."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove(key: tuple[int, Path]) -> None:
    if key[0] == os.getpid():  # a fork has not made it
        shutil.rmtree(_mine.pop(key), ignore_errors=True)

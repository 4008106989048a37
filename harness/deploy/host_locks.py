"""One study at a time on every host: kernel locks, which end with the process that holds them.

Hosts are identified independently of their inventory: containers by their names, machines by the address and port that
SSH uses. A machine's private address gets a shared lock, because two networks may both contain it; only a study whose
SSH uses that address excludes others. The locks are in one folder of this machine, for all clones and users.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from harness.deploy.connections import ssh_address, ssh_command, ssh_option
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import CannotRun

# Not the user's own temporary folder: all users of this machine share the locks.
FOLDER = Path("/tmp/scale-out-locks")  # noqa: S108 - sticky; files are opened without following links
LAST_BYTES = 65536  # of a file with many shared holders: the newest ones
LONGEST_TEXT = 200
SAME_START_S = 2.0  # largest difference between two readings of one process's start


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lock: what it runs, on which inventory, and since when (UTC).

    `started` is the start of the process as Unix time; it distinguishes the process from a later one with the same pid.
    """

    what: str
    inventory: str
    since: str
    pid: int
    started: float

    def is_running(self) -> bool:
        """Whether the process still runs."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < SAME_START_S
        except psutil.AccessDenied:
            return True
        except (psutil.Error, ValueError, OverflowError):
            return False

    def __str__(self) -> str:
        return f"{self.what} on {self.inventory} (since {self.since}, pid {self.pid})"


@contextlib.contextmanager
def held(hosts: Inventory, what: str, clone: Path, images: bool = False, folder: Path = FOLDER) -> Iterator[None]:
    """Hold the locks of all hosts of an inventory; `what` is printed to another process that needs one of them.

    `images` also locks the clone's images exclusively, to remove them; that excludes every study of the clone. Raises
    CannotRun at once if another process holds one of the locks.
    """
    now, pid = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"), os.getpid()
    started = psutil.Process(pid).create_time()
    holder = Holder(what=what, inventory=hosts.path, since=now, pid=pid, started=started)
    wanted = {**_keys(hosts.hosts), f"the images of {clone}": images}
    with contextlib.ExitStack() as opened:
        for key, alone in sorted(wanted.items()):
            opened.callback(os.close, _lock(folder, key, alone, holder))
        yield


def _keys(hosts: Iterable[Host]) -> dict[str, bool]:
    """Keys of the hosts → whether to lock them exclusively."""
    found: dict[str, bool] = {}
    for host in hosts:
        if not host.is_machine:
            found[f"container {host.container or host.name}"] = True
            continue
        if host.private_ip:
            found.setdefault(f"address {host.private_ip}", False)
        found |= dict.fromkeys(_ways(host), True)
    return found


def _ways(host: Host) -> set[str]:
    """Keys of a machine: its addresses with the port, if not 22, and its proxy."""
    options = _ssh_options(host)
    name = options.get("hostname") or ssh_address(host)
    port = options.get("port") or ssh_option(host, "port") or "22"
    between = [options[option] for option in ("proxyjump", "proxycommand") if options.get(option, "none") != "none"]
    more = (f" port {port}" if port != "22" else "") + "".join(f" through {way}" for way in between)
    return {f"address {address}{more}" for address in ([name] if between else _addresses(name))}


def _ssh_options(host: Host) -> Mapping[str, str]:
    """Options of ssh for this host, with its configuration; empty if ssh cannot be started."""
    command = [*ssh_command(host), "-G", "--", ssh_address(host)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return {}
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def _addresses(name: str) -> set[str]:
    """Addresses of a name, or the name itself if it cannot be resolved."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return {name}


def _lock(folder: Path, key: str, alone: bool, holder: Holder) -> int:
    """Lock a key and return the open file that holds the lock; raises CannotRun if another process holds it."""
    file = _open(folder, key)
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        others = _holders(file)
        os.close(file)
        who = ", ".join(map(str, others)) or "another process"
        stop = f", or end it with 'kill {others[0].pid}'" if len(others) == 1 else ""
        raise CannotRun(f"{holder.inventory}: {key} is in use by {who}. Fix: wait until it has ended{stop}.") from None
    if alone:
        os.ftruncate(file, 0)
    os.write(file, json.dumps(dataclasses.asdict(holder)).encode() + b"\n")  # the file is open for appending
    return file


def _open(folder: Path, key: str) -> int:
    """Open a key's file, which every user of this machine can lock. It is never removed: a lock belongs to a file."""
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    how = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o1777)
        if folder.is_symlink():
            raise OSError(f"{folder} is a symbolic link")
        try:
            # First without O_CREAT, which Linux rejects for another user's file in a folder that all may write to.
            return os.open(path, how)
        except FileNotFoundError:
            file = os.open(path, how | os.O_CREAT, 0o666)
            os.fchmod(file, 0o666)  # whatever the umask
            return file
    except OSError as error:
        raise CannotRun(
            f"{path}: cannot open the lock of {key} ({error.strerror or error}). "
            f"Fix: let all users write to {folder} ('chmod 1777 {folder}'), or remove it while no study runs."
        ) from None


def _holders(file: int) -> list[Holder]:
    """Running processes that a lock's file lists; anything else in it is ignored."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        return []
    text = os.pread(file, LAST_BYTES, max(0, found.st_size - LAST_BYTES)).decode(errors="replace")
    holders = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            read = json.loads(line)
            texts = {field: _printable(read[field]) for field in ("what", "inventory", "since")}
            holders.append(Holder(**texts, pid=int(read["pid"]), started=float(read["started"])))
    return [holder for holder in holders if holder.is_running()]


def _printable(value: object) -> str:
    """Text that another user may have written, as one line without control characters."""
    return "".join(c if c.isprintable() else "?" for c in str(value))[:LONGEST_TEXT]

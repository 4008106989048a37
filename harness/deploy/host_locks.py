"""One study at a time on every host: locks of the kernel, which end with the process that holds them.

Hosts are compared by what they are on this machine or on the network, not by the inventory that names them: containers
by their names, machines by the address and port at which SSH finds them. A machine's private address is locked shared,
as two networks may both have it: only a study that reaches a machine by that very address excludes the others.
The locks are in one folder of this machine, for all clones and users.
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

# Not the user's own temporary folder: two users of one machine must meet here.
FOLDER = Path("/tmp/scale-out-locks")  # noqa: S108 - sticky; files are opened without following links
LAST_BYTES = 65536  # of a file that many shared, the newest holders
SHOWN = 200
SAME_S = 2.0  # by so much may two readings of one process's start differ


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: what runs, on which inventory, since when (UTC), and as which process.

    `started` is when the process started, as Unix time; it tells this process from a later one of the same number.
    """

    what: str
    inventory: str
    since: str
    pid: int
    started: float

    @property
    def runs(self) -> bool:
        """Whether the process is still there."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < SAME_S
        except psutil.AccessDenied:
            return True
        except (psutil.Error, ValueError, OverflowError):
            return False

    def __str__(self) -> str:
        return f"{self.what} on {self.inventory} (since {self.since}, pid {self.pid})"


@contextlib.contextmanager
def held(hosts: Inventory, what: str, clone: Path, images: bool = False, folder: Path = FOLDER) -> Iterator[None]:
    """Hold the locks of all hosts of an inventory; `what` is printed to the process that comes second.

    With `images` the clone's images are about to be removed, which excludes every study of the clone. Raises CannotRun
    at once where another process holds one of the locks.
    """
    now, pid = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"), os.getpid()
    holder = Holder(what, hosts.path, now, pid, psutil.Process(pid).create_time())
    wanted = {**_keys(hosts.hosts), f"the images of {clone}": images}
    with contextlib.ExitStack() as opened:
        for key, alone in sorted(wanted.items()):
            opened.callback(os.close, _lock(folder, key, alone, holder))
        yield


def _keys(hosts: Iterable[Host]) -> dict[str, bool]:
    """What identifies the hosts, and whether it is to be locked exclusively."""
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
    """How SSH gets to a machine: its addresses with the port, if not 22, and what is in between."""
    options = _ssh_options(host)
    name = options.get("hostname") or ssh_address(host)
    port = options.get("port") or ssh_option(host, "port") or "22"
    between = [options[option] for option in ("proxyjump", "proxycommand") if options.get(option, "none") != "none"]
    more = (f" port {port}" if port != "22" else "") + "".join(f" through {way}" for way in between)
    return {f"address {address}{more}" for address in ([name] if between else _addresses(name))}


def _ssh_options(host: Host) -> Mapping[str, str]:
    """The options that ssh takes for this host from its configuration; empty where ssh cannot be started."""
    command = [*ssh_command(host), "-G", "--", ssh_address(host)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError:
        return {}
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def _addresses(name: str) -> set[str]:
    """Addresses that a name stands for, or the name itself where it cannot be resolved."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return {name}


def _lock(folder: Path, key: str, alone: bool, holder: Holder) -> int:
    """Lock a key; returns the open file that holds the lock, CannotRun when another process has it."""
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
    """Open a key's file, which any user of this machine may lock; it is never removed, as a lock belongs to a file."""
    path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    how = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o1777)
        if folder.is_symlink():
            raise OSError(f"{folder} is a symbolic link")
        try:
            # Without O_CREAT first: Linux refuses it for a file of another user in a folder for all.
            return os.open(path, how)
        except FileNotFoundError:
            file = os.open(path, how | os.O_CREAT, 0o666)
            os.fchmod(file, 0o666)  # whatever the umask
            return file
    except OSError as error:
        raise CannotRun(
            f"{path}: the lock of {key} cannot be opened ({error.strerror or error}). "
            f"Fix: let all users write to {folder} ('chmod 1777 {folder}'), or remove it while no study runs."
        ) from None


def _holders(file: int) -> list[Holder]:
    """Those that wrote themselves into a lock's file and still run; anything else in it is ignored."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        return []
    text = os.pread(file, LAST_BYTES, max(0, found.st_size - LAST_BYTES)).decode(errors="replace")
    holders = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            read = json.loads(line)
            what, inventory, since = (_printable(read[field]) for field in ("what", "inventory", "since"))
            holders.append(Holder(what, inventory, since, int(read["pid"]), float(read["started"])))
    return [holder for holder in holders if holder.runs]


def _printable(value: object) -> str:
    """Another user may have written it: one line, no control characters."""
    return "".join(c if c.isprintable() else "?" for c in str(value))[:SHOWN]

"""Connections to the hosts: directly to containers of this machine, through SSH to machines.

The container engine and the ports of a machine are closed to other machines. One ssh process for each machine forwards
them to sockets in a private folder here; it ends with this process, in whatever way that ends.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import httpx

from harness.deploy import known_errors
from harness.deploy.container_engine import connect
from harness.deploy.inventory.hosts import Host, Inventory, Url
from harness.errors import CannotRun

ENGINE = "engine"  # socket of a container engine
FORWARDED = (Url.SERVICE, Url.CONTROL, Url.LOAD_GENERATOR, Url.NGRINDER)
ROOT = Path(__file__).resolve().parents[2]  # Ansible starts ssh there, so relative paths mean the same
_CONNECT_S = 10
# Bytes of the folder for sockets: a socket's path has at most 104 on a Mac, and ssh adds a suffix.
_LONGEST_FOLDER = 104 - 1 - len(f"/scale-out-12345678/1234/{max(FORWARDED, key=len)}") - len(".1234567890123456")
_SSH_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": _CONNECT_S,
    "ServerAliveInterval": 5,
    "ServerAliveCountMax": 3,
    "ExitOnForwardFailure": "yes",
    "StreamLocalBindUnlink": "yes",
    "ControlMaster": "no",
    "ControlPath": "none",
    "LogLevel": "ERROR",
}
# Option of `SshOptions` → environment variable that Ansible reads when the inventory does not set the option.
_ENVIRONMENT = {
    "port": "ANSIBLE_REMOTE_PORT",
    "user": "ANSIBLE_REMOTE_USER",
    "key": "ANSIBLE_PRIVATE_KEY_FILE",
    "executable": "ANSIBLE_SSH_EXECUTABLE",
    "args": "ANSIBLE_SSH_ARGS",
    "common_args": "ANSIBLE_SSH_COMMON_ARGS",
    "extra_args": "ANSIBLE_SSH_EXTRA_ARGS",
}


def ssh_option(host: Host, option: str) -> str:
    """An option of a host's SSH connection: from the inventory, else from the environment; empty if neither sets it."""
    value: str | None = getattr(host.ssh, option)
    return os.environ.get(_ENVIRONMENT.get(option, ""), "") if value is None else value


def ssh_command(host: Host) -> list[str]:
    """The ssh command up to the host's name, with the same connection as Ansible's."""
    command = [ssh_option(host, "executable") or "ssh", *(f"-o{name}={value}" for name, value in _SSH_OPTIONS.items())]
    command += shlex.split(ssh_option(host, "args"))  # after ours: ssh uses the first value of an option
    if port := ssh_option(host, "port"):
        command += ["-p", port]
    if key := ssh_option(host, "key"):
        command += ["-i", str(Path(key).expanduser()), "-oIdentitiesOnly=yes"]
    if user := ssh_option(host, "user"):
        command += ["-l", user]
    return [*command, *shlex.split(ssh_option(host, "common_args")), *shlex.split(ssh_option(host, "extra_args"))]


def ssh_address(host: Host) -> str:
    """The address at which SSH finds the host."""
    return ssh_option(host, "host") or host.name


class Tunnel:
    """One ssh process that forwards a machine's container engine and its ports to sockets here."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self._folder = folder
        self._folder.mkdir(mode=0o700)
        self._process: subprocess.Popen[bytes] | None = None

    def socket(self, what: str) -> Path:
        """The local socket of `what`: `ENGINE` or one of `FORWARDED`."""
        return self._folder / what

    @property
    def alive(self) -> bool:
        """Whether the ssh process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start to connect; `wait` returns when the connection is ready."""
        forwards = [f"-L{self.socket(ENGINE)}:{self.host.engine_socket}"]
        for url in FORWARDED:
            if url in self.host.urls:
                parts = urlsplit(self.host.urls[url])
                forwards.append(f"-L{self.socket(url)}:{parts.hostname}:{parts.port or 80}")
        # `cat` ends when its input does, and its input is a pipe that this process holds.
        self._process = subprocess.Popen(
            [*ssh_command(self.host), *forwards, "--", ssh_address(self.host), "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C must end the trial before the connection, and ssh must not prompt
        )

    def wait(self) -> None:
        """Wait until the sockets exist; raises CannotRun with ssh's message."""
        process = self._process
        assert process is not None  # noqa: S101 - start comes first
        deadline = time.monotonic() + _CONNECT_S + 5
        while not self.socket(ENGINE).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                message = process.communicate()[1].decode(errors="replace").strip() or "no answer"
                raise CannotRun(known_errors.explain(self.host.name, "connecting", message, over_ssh=True))
            time.sleep(0.02)

    def close(self) -> None:
        """End the connection."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Connections:
    """Clients of every host's container engine and ports. Use as a context; `reconnect` opens the connections."""

    def __init__(self, inventory: Inventory) -> None:
        self._folder = _socket_folder()
        machines = [host for host in inventory.observed if host.is_machine]
        self._tunnels = {host.name: Tunnel(host, self._folder / str(n)) for n, host in enumerate(machines)}
        self._clients: dict[str, docker.DockerClient] = {}
        self._http: list[httpx.Client] = []

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._http:
            client.close()
        for engine in self._clients.values():
            engine.close()
        for tunnel in self._tunnels.values():
            tunnel.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def tunnels(self) -> Mapping[str, Tunnel]:
        """Host's name → its connection, for hosts that are machines."""
        return self._tunnels

    def reconnect(self) -> None:
        """Connect to every machine without a working connection; raises CannotRun."""
        broken = [tunnel for tunnel in self._tunnels.values() if not tunnel.alive]
        for tunnel in broken:
            tunnel.close()
            self._clients.pop(tunnel.host.name, None)
            for what in (ENGINE, *FORWARDED):
                tunnel.socket(what).unlink(missing_ok=True)
            tunnel.start()
        for tunnel in broken:
            tunnel.wait()

    def run(self, host: Host, command: list[str], within_s: float = 20.0) -> str:
        """Output of a command on a machine; empty if it takes more than `within_s`."""
        try:
            done = subprocess.run(
                [*ssh_command(host), "--", ssh_address(host), shlex.join(command)],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=within_s,
                cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout

    def stream(self, host: Host, command: list[str], text: str = "") -> subprocess.Popen[str]:
        """Start a command on a machine, with `text` as its input."""
        process = subprocess.Popen(
            [*ssh_command(host), "--", ssh_address(host), shlex.join(command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write(text)
        process.stdin.close()
        return process

    def docker(self, host: Host) -> docker.DockerClient:
        """A client of the container engine that runs the host's container."""
        tunnel = self._tunnels.get(host.name)
        key = host.name if tunnel else ""
        if key not in self._clients:
            self._clients[key] = connect(f"unix://{tunnel.socket(ENGINE)}" if tunnel else None)
        return self._clients[key]

    def http(self, host: Host, url: Url, *, tls: bool = False, **options: Any) -> httpx.Client:
        """A client of one of a host's URLs; raises BadInput if the inventory does not set it.

        With `tls` it uses HTTPS and does not verify the balancer's certificate, because it reaches the balancer on this
        machine or through SSH. The load generator verifies it.
        """
        tunnel = self._tunnels.get(host.name)
        # With verify=True every client would first load all certificates.
        options["verify"] = host.url(url).startswith("https:")
        transport = httpx.HTTPTransport(uds=str(tunnel.socket(url)), verify=False) if tunnel else None
        client = httpx.Client(base_url=host.url(url, tls=tls), transport=transport, trust_env=False, **options)
        self._http.append(client)
        return client


def _socket_folder() -> Path:
    """A new folder for sockets. On a Mac the usual temporary folder takes half of the 104 bytes of a socket's path."""
    usual = tempfile.gettempdir()
    fits = len(os.fsencode(usual)) <= _LONGEST_FOLDER
    return Path(tempfile.mkdtemp(prefix="scale-out-", dir=usual if fits else "/tmp"))  # noqa: S108 - private to this user

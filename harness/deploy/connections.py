"""How this process gets at the hosts: directly where they are containers here, through SSH elsewhere.

A host that is a machine has an engine and ports that nobody outside may see. One ssh process for each
carries them as sockets of a private folder here; it ends with this process, however that ends.
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
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import CannotRun

CONNECT_S = 10
LONGEST = 104 - 1 - len("/scale-out-12345678/1234/study_control_url") - len(".1234567890123456")  # ssh adds some
CARRIED = ("study_url", "study_control_url", "study_load_generator_url", "study_ngrinder_url")
OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": CONNECT_S,
    "ServerAliveInterval": 5,
    "ServerAliveCountMax": 3,
    "ExitOnForwardFailure": "yes",
    "StreamLocalBindUnlink": "yes",
    "ControlMaster": "no",
    "ControlPath": "none",
    "LogLevel": "ERROR",
}
# By option: the inventory's variables without "ansible_", the last one wins, and the environment's variable.
SAID = {
    "host": (("host", "ssh_host"), ""),
    "port": (("port", "ssh_port"), "ANSIBLE_REMOTE_PORT"),
    "user": (("user", "ssh_user"), "ANSIBLE_REMOTE_USER"),
    "key": (("private_key_file", "ssh_private_key_file"), "ANSIBLE_PRIVATE_KEY_FILE"),
    "executable": (("ssh_executable",), "ANSIBLE_SSH_EXECUTABLE"),
    "args": (("ssh_args",), "ANSIBLE_SSH_ARGS"),
    "common_args": (("ssh_common_args",), "ANSIBLE_SSH_COMMON_ARGS"),
    "extra_args": (("ssh_extra_args",), "ANSIBLE_SSH_EXTRA_ARGS"),
}
ROOT = Path(__file__).resolve().parents[2]  # Ansible's ssh starts there, so that relative paths mean the same


def is_machine(host: Host) -> bool:
    """Whether a host is reached through SSH."""
    return host.variables.get("study_container_engine") == "ssh"


def said(host: Host, option: str) -> str:
    """What the inventory says of an option of the connection, else the environment; empty where neither does.

    Names and their order are those of Ansible's own connection: of two the last one wins, and the environment is last.
    """
    names, environment = SAID[option]
    values = [host.variables.get(f"ansible_{name}") for name in reversed(names)]
    return str(next((value for value in values if value is not None), os.environ.get(environment, "")))


def ssh_command(host: Host) -> list[str]:
    """The ssh program with the connection that Ansible uses for this host, up to its name."""
    command = [said(host, "executable") or "ssh", *(f"-o{name}={value}" for name, value in OPTIONS.items())]
    command += shlex.split(said(host, "args"))  # ours come before: ssh takes the first value of an option
    if port := said(host, "port"):
        command += ["-p", port]
    if key := said(host, "key"):
        command += ["-i", str(Path(key).expanduser()), "-oIdentitiesOnly=yes"]
    if user := said(host, "user"):
        command += ["-l", user]
    return [*command, *shlex.split(said(host, "common_args")), *shlex.split(said(host, "extra_args"))]


def ssh_address(host: Host) -> str:
    """Where SSH finds the host."""
    return said(host, "host") or host.name


def short_folder() -> Path:
    """A new folder for sockets, whose paths may have 104 bytes on a Mac: the usual place there takes half of them."""
    usual = tempfile.gettempdir()
    fits = len(os.fsencode(usual)) <= LONGEST
    return Path(tempfile.mkdtemp(prefix="scale-out-", dir=usual if fits else "/tmp"))  # noqa: S108 - only mine to read


class Tunnel:
    """One ssh process that carries a host's engine and its own ports here."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self._folder = folder
        self._folder.mkdir(mode=0o700)
        self._process: subprocess.Popen[bytes] | None = None

    def socket(self, what: str) -> Path:
        """The socket here behind which `what` is: "engine" or one of the URLs in `CARRIED`."""
        return self._folder / what

    @property
    def alive(self) -> bool:
        """Whether the connection stands."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Begin to connect; `wait` tells when it stands."""
        engine = self.host.variables.get("docker_engine_socket") or "/var/run/docker.sock"
        forwards = [f"-L{self.socket('engine')}:{engine}"]
        for name in CARRIED:
            if url := self.host.variables.get(name):
                parts = urlsplit(str(url))
                forwards.append(f"-L{self.socket(name)}:{parts.hostname}:{parts.port or 80}")
        # `cat` ends when its input does, and its input is a pipe that this process holds.
        self._process = subprocess.Popen(
            [*ssh_command(self.host), *forwards, "--", ssh_address(self.host), "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C ends the trial first, then this; and nothing can ask at a terminal
        )

    def wait(self) -> None:
        """Wait until the sockets are there; raises CannotRun with ssh's words."""
        process = self._process
        assert process is not None  # noqa: S101 - start comes first
        deadline = time.monotonic() + CONNECT_S + 5
        while not self.socket("engine").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                words = process.communicate()[1].decode(errors="replace").strip() or "no answer"
                raise CannotRun(known_errors.explain(self.host.name, "connecting", words, over_ssh=True))
            time.sleep(0.02)

    def close(self) -> None:
        """End the connection."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Connections:
    """Clients of every host's engine and ports. Use as a context; `mend` opens again what broke."""

    def __init__(self, inventory: Inventory) -> None:
        self._folder = short_folder()
        machines = [host for host in inventory.hosts if is_machine(host)]
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
        """The connections to hosts that are machines."""
        return self._tunnels

    def reconnect(self) -> None:
        """Connect to every machine whose connection does not stand; raises CannotRun."""
        broken = [tunnel for tunnel in self._tunnels.values() if not tunnel.alive]
        for tunnel in broken:
            tunnel.close()
            self._clients.pop(tunnel.host.name, None)
            for what in ("engine", *CARRIED):
                tunnel.socket(what).unlink(missing_ok=True)
            tunnel.start()
        for tunnel in broken:
            tunnel.wait()

    def run(self, host: Host, command: list[str]) -> str:
        """What a command prints on a host that is a machine; empty when it cannot be run in 20 s."""
        try:
            done = subprocess.run(
                [*ssh_command(host), "--", ssh_address(host), shlex.join(command)],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20,
                cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout

    def stream(self, host: Host, command: list[str], text: str = "") -> subprocess.Popen[str]:
        """Start a command on a host that is a machine; `text` is what it reads."""
        process = subprocess.Popen(
            [*ssh_command(host), "--", ssh_address(host), shlex.join(command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - asked for above
        process.stdin.write(text)
        process.stdin.close()
        return process

    def docker(self, host: Host) -> docker.DockerClient:
        """A client of the engine that runs the host's container."""
        tunnel = self._tunnels.get(host.name)
        key = host.name if tunnel else ""
        if key not in self._clients:
            self._clients[key] = connect(f"unix://{tunnel.socket('engine')}" if tunnel else None)
        return self._clients[key]

    def http(self, host: Host, variable: str, **more: Any) -> httpx.Client:
        """A client of one of a host's URLs, named by the inventory's variable."""
        tunnel = self._tunnels.get(host.name)
        # Plain HTTP on the way to the hosts; without it every client would read all certificates first.
        more["verify"] = host.need(variable).startswith("https:")
        transport = httpx.HTTPTransport(uds=str(tunnel.socket(variable)), verify=False) if tunnel else None
        client = httpx.Client(base_url=host.need(variable), transport=transport, trust_env=False, **more)
        self._http.append(client)
        return client

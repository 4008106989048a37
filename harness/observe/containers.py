"""Read containers: CPU, throttling, memory, state, the servers' own counters, and the balancer's summary of its log.

They are read through Docker's API and the balancer's control port, so cgroup v1 and v2 look the same.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import requests
import urllib3.exceptions

from harness.deploy.connections import Connections
from harness.deploy.container_engine import execute, lines
from harness.deploy.inventory.hosts import DEPENDENCIES, Host, Inventory, Url
from harness.errors import TrialFailed
from harness.observe import exposition, systemd, views
from harness.observe.counts import OwnCounts
from harness.observe.exposition import OURS, Counting
from harness.observe.network_counters import NAMESPACE_FILES, NETWORK_FILES, parse_network
from harness.observe.systemd import ContainerState, SystemdUnit
from harness.observe.views import ConnectionUse

HERE = "this machine"
VIEW_WITHIN_S = 3  # for which an idle dependency's view is tried
# Group of the inventory → role in hosts.csv.
ROLES = {
    "load_balancers": "balancer",
    "ml_servers": "server",
    "load_generators": "generator",
    DEPENDENCIES: "dependency",
}
# Named events in a server's log (rule E9).
LOGGED = {
    "Child process died": re.compile(r"Child process \[\d+\] died"),
    "Worker reached its request limit": re.compile(r"Maximum request limit of \d+ exceeded|Autorestarting worker"),
    "Too many open files": re.compile(r"Too many open files"),
    "Traceback": re.compile(r"^Traceback \(most recent call last\)"),
}


class Probes:
    """Reads the hosts of one inventory."""

    def __init__(
        self,
        inventory: Inventory,
        connections: Connections,
        units: Mapping[str, SystemdUnit] | None = None,
        counting: Counting = OURS,
    ) -> None:
        self._connections = connections
        self._services = units or {}
        self._core_counts: dict[str, float] = {}
        self._counts = OwnCounts(counting)
        self._inventory = inventory
        self._hosts = {host.name: host for host in inventory.observed}
        self._control: httpx.Client | None = None
        self._most: dict[str, int | None] = {}  # dependency → connections that it accepts, by its own view

    @property
    def _http(self) -> httpx.Client:
        """A client of the balancer's control port; raises BadInput without a balancer."""
        if self._control is None:
            self._control = self._connections.http(self._inventory.balancer, Url.CONTROL, timeout=5.0)
        return self._control

    @property
    def dependencies(self) -> list[Host]:
        """Dependencies that can be observed."""
        return [host for host in self._hosts.values() if host.group == DEPENDENCIES]

    def role(self, host: str) -> str:
        """The role of a host in hosts.csv."""
        return ROLES[self._hosts[host].group]

    @property
    def hosts(self) -> list[Host]:
        """All hosts that can be observed."""
        return list(self._hosts.values())

    def states(self) -> dict[str, ContainerState]:
        """Host → state of its container or unit; a missing container counts as not running."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            return dict(zip(self._hosts, pool.map(self._state, self._hosts.values()), strict=True))

    def _state(self, host: Host) -> ContainerState:
        if host.name in self._services:
            return systemd.state(self._connections, host, self._services[host.name])
        container = host.container
        try:
            inspected = self._engine(host).inspect_container(container)
        except docker.errors.NotFound:
            return ContainerState(
                running=False, started_at="", restarts=0, oom_killed=False, exit_code=-1, cpus=None, image=""
            )
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise TrialFailed(f"{host.name}: the container engine cannot inspect {container}: {error}") from None
        state, limits = inspected["State"], inspected["HostConfig"]
        quota, period = limits.get("CpuQuota") or 0, limits.get("CpuPeriod") or 100_000
        return ContainerState(
            running=state["Running"],
            started_at=state["StartedAt"],
            restarts=inspected["RestartCount"],
            oom_killed=state["OOMKilled"],
            exit_code=state["ExitCode"],
            cpus=quota / period if quota > 0 else self._cores(host),
            image=inspected["Config"]["Image"],
        )

    def _cores(self, host: Host) -> float | None:
        """Cores of a machine, which a container without a limit may use; None in the lab."""
        if host.name not in self._connections.tunnels:
            return None
        if host.name not in self._core_counts:
            self._core_counts[host.name] = float(self._connections.docker(host).info()["NCPU"])
        return self._core_counts[host.name]

    def usage(self, host: str) -> Iterator[dict[str, Any]]:
        """Cumulative CPU, throttling and memory of one host's container, about once a second, until the container ends.

        Docker returns a single reading only after a second, so several containers must be read in parallel.
        """
        if host in self._services:
            yield from systemd.usage(self._connections, self._hosts[host], self._services[host])
            return
        try:
            container = self._hosts[host].container
            yield from self._engine(self._hosts[host]).stats(container, stream=True, decode=True)
        except (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError, ValueError):
            return  # the container ended, or the connection to its host did

    def connections(self, host: Host) -> Generator[dict[str, Any], None, None]:
        """Established connections at a dependency's port, about once a second, until closed; nothing without /proc."""
        program = Path(__file__).parent.joinpath("agents", "connections.py")
        port = str(host.variables.get("dependency_port") or 0)
        text, remote = program.read_text(encoding="utf-8"), host.name in self._connections.tunnels
        if host.name in self._services:
            yield from systemd.json_lines(self._connections.stream(host, ["python3", "-", "self", port], text))
            return
        try:
            inspected = self._engine(host).inspect_container(host.container)
        except (docker.errors.DockerException, requests.RequestException):
            return
        process = str(inspected["State"]["Pid"])
        if remote:
            yield from systemd.json_lines(self._connections.stream(host, ["python3", "-", process, port], text))
        elif _runs_here(process, inspected["Id"]):
            command = [sys.executable, str(program), process, port]
            yield from systemd.json_lines(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
            )

    def connection_use(self, host: Host, seconds: int) -> Generator[ConnectionUse, None, None]:
        """What a dependency's own view counts, about once a second for `seconds`; nothing without a view.

        A dependency without a connection left for the view has all of them in use.
        """
        found = views.reader(host.variables, seconds)
        if found is None:
            return
        view, command = found
        seen: dict[str, int] = {}
        with contextlib.closing(self._lines(host, command)) as session:
            for line in session:
                use = view.read(line, seen)
                if use is not None:
                    self._most[host.name] = use.most
                    yield use
                elif views.is_refused(line) and (most := self._most.get(host.name)) is not None:
                    yield ConnectionUse(most, most, None, most)

    def view_problem(self, host: Host) -> str:
        """Why a dependency's own view cannot be read, with the fix; empty if it can be, or if the host has none."""
        found = views.reader(host.variables, VIEW_WITHIN_S)
        if found is None:
            return ""
        view, command = found
        seen: dict[str, int] = {}
        printed = []
        with contextlib.closing(self._lines(host, command)) as session:
            for line in session:
                use = view.read(line, seen)
                if use is not None:
                    self._most[host.name] = use.most
                    return ""
                printed.append(line)
        return views.problem(host.variables, printed)

    def _lines(self, host: Host, command: list[str]) -> Generator[str, None, None]:
        """Lines that a command prints in a host's container, or on its machine without one, as they come."""
        if host.name in self._services:
            yield from systemd.text_lines(self._connections.stream(host, command))
            return
        try:
            yield from lines(self._engine(host), host.container, command)
        except (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            return  # the container ended, or the connection to its host did

    def machines(self) -> dict[str, Host | None]:
        """Machine → a host on it by which it is reached; None for this machine."""
        local = [host for host in self._hosts.values() if host.name not in self._connections.tunnels]
        found: dict[str, Host | None] = {HERE: None} if local else {}
        return found | {host.name: host for host in self._hosts.values() if host.name in self._connections.tunnels}

    def machine_of(self) -> dict[str, str]:
        """Host → the machine that it is on."""
        return {
            host.name: host.name if host.name in self._connections.tunnels else HERE for host in self._hosts.values()
        }

    def machine_usage(self, machine: str) -> Iterator[dict[str, Any]]:
        """Resource usage of a machine, about once a second, until closed; nothing without /proc."""
        program = Path(__file__).parent.joinpath("agents", "machine.py")
        host = self.machines()[machine]
        if host is not None:
            process = self._connections.stream(host, ["python3", "-"], program.read_text(encoding="utf-8"))
        elif Path("/proc/stat").exists():
            process = subprocess.Popen(
                [sys.executable, str(program)], stdout=subprocess.PIPE, text=True, start_new_session=True
            )
        else:
            return
        yield from systemd.json_lines(process)

    def network(self, host: Host) -> dict[str, int]:
        """Kernel counters of a host's container, as in `parse_network`; empty if they cannot be read."""
        if host.name in self._services:
            return parse_network(self._connections.run(host, ["cat", *NETWORK_FILES]))
        return parse_network(self._network_files(host) or self.run_in(host, ["cat", *NETWORK_FILES]))

    def _network_files(self, host: Host) -> str:
        """The kernel's files on a container's network, read on this machine; empty if the container runs elsewhere.

        A command in the container would cost a process of the container engine, some tens of times in a trial.
        """
        if host.name in self._connections.tunnels:
            return ""
        try:
            inspected = self._engine(host).inspect_container(host.container)
            process = Path("/proc") / str(inspected["State"]["Pid"])
            if not _runs_here(process.name, inspected["Id"]):
                return ""
            return "".join((process / file).read_text(encoding="ascii") for file in NAMESPACE_FILES)
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return ""

    def logged(self, server: Host, since: float) -> dict[str, int]:
        """Event → number of lines with it in the log of a server's container since a Unix time."""
        try:
            text = self._engine(server).logs(server.container, since=int(since), tail=5000)
        except (docker.errors.DockerException, requests.RequestException):
            return {}
        lines = bytes(text).decode(errors="replace").splitlines()
        counts = {event: sum(bool(pattern.search(line)) for line in lines) for event, pattern in LOGGED.items()}
        return {event: count for event, count in counts.items() if count}

    def health(self, server: Host, path: str) -> int:
        """Status of a server's health check, 502 or 504 if it does not answer; raises TrialFailed without balancer."""
        try:  # the balancer sends it over the private network and waits less than 15 s
            return self._http.get(f"/servers/{server.name}{path}", timeout=15.0).status_code
        except httpx.HTTPError as error:
            raise TrialFailed(f"the balancer's control port does not answer: {error!r}") from None

    def slots(self, server: Host) -> dict[str, float] | None:
        """Sums over a paced server's slots so far; None for a server that is not paced or does not answer.

        Seconds of slots `offered`, `busy` and `lost`, seconds by which responses were `late`, and the number of
        `answers`.
        """
        return exposition.slots(self._metrics(server, OURS.path))

    def _metrics(self, server: Host, path: str) -> str:
        """A server's metrics in Prometheus' format; empty if it does not answer."""
        try:
            answer = self._http.get(f"/servers/{server.name}{path}")
        except httpx.HTTPError:
            return ""
        return answer.text if answer.status_code == httpx.codes.OK else ""

    def begin_counting(self, servers: Iterable[Host]) -> None:
        """Store the servers' own counts before a load; raises BadInput if the grid's counter does not exist."""
        for server in servers if self._counts.chosen else ():
            self._counts.begin(server.name, self._metrics(server, self._counts.path))

    def served(self, server: Host, trial: str) -> dict[str, int] | None:
        """Status → requests that a server counted for a trial; None without such a counter."""
        return self._counts.of(server.name, self._metrics(server, self._counts.path), trial)

    def balancer_summary(
        self, trial: str, since_s: float, from_s: float, to_s: float, on_read: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Let the balancer summarise and truncate its log. The trial's start and its window are Unix seconds.

        `on_read` is called once the log is read; from then on the balancer may be changed. Raises TrialFailed.
        """
        command = ["summarise-trial", trial, *(f"{moment:.3f}" for moment in (since_s, from_s, to_s))]
        try:
            code, output = self._exec(self._inventory.balancer, command, on_read)
            if code:
                raise ValueError(output.strip()[-200:] or f"exit code {code}")
            summary: dict[str, Any] = json.loads(output.partition("\n")[2])
        except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
            raise TrialFailed(f"the balancer cannot summarise its log: {error}") from None
        return summary

    def run_in(self, host: Host, command: list[str]) -> str:
        """Output of a command in a host's container; empty if it fails."""
        try:
            code, output = self._exec(host, command)
            return "" if code else output
        except (docker.errors.DockerException, requests.RequestException):
            return ""

    def put(self, host: Host, folder: str, archive: bytes) -> None:
        """Unpack a tar archive into a folder of a host's container; raises exceptions of Docker's client."""
        self._engine(host).put_archive(host.container, folder, archive)

    def _exec(self, host: Host, command: list[str], on_line: Callable[[], None] = lambda: None) -> tuple[int, str]:
        """Exit code and output of a command in a host's container; `on_line` is called at its first line."""
        return execute(self._engine(host), host.container, command, on_line)

    def _engine(self, host: Host) -> docker.APIClient:
        return self._connections.docker(host).api


def _runs_here(process: str, container: str) -> bool:
    """Whether a process id belongs to the container here; an engine in a virtual machine has other process ids."""
    try:
        return container in (Path("/proc") / process / "cgroup").read_text(encoding="ascii")
    except OSError:
        return False

"""What hosts say.

Containers' CPU, throttling, memory and deaths, the servers' own counters, and the balancer's summary
of its log. Read through Docker's API and the balancer's control port, so cgroup v1
and v2 look the same.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import requests
import urllib3.exceptions

from harness.errors import TrialFailed
from harness.inventory import Host, Inventory
from harness.reach import Reach
from harness.results import HostSample

_COUNTER = re.compile(r"^ml_requests_total\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)$", re.M)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class ContainerState:
    """One host's container at one moment; `cpus` is its cap in cores, None without one."""

    running: bool
    started_at: str
    restarts: int
    oom_killed: bool
    exit_code: int
    cpus: float | None
    image: str


@dataclass(frozen=True)
class Service:
    """What runs on a host outside any container: its systemd unit, its user, its cap in cores (0: none)."""

    unit: str
    user: str
    cpus: float


class Probes:
    """Reads the hosts of one inventory."""

    def __init__(self, inventory: Inventory, reach: Reach, services: Mapping[str, Service] | None = None) -> None:
        self._reach = reach
        self._services = services or {}
        self._core_counts: dict[str, float] = {}
        self._inventory = inventory
        self._hosts = {host.name: host for host in inventory.hosts}
        self._http = reach.http(inventory.balancer, "study_control_url", timeout=5.0)

    def states(self) -> dict[str, ContainerState]:
        """State of every host's container; a host whose container is gone counts as not running."""
        return {name: self._state(host) for name, host in self._hosts.items()}

    def _state(self, host: Host) -> ContainerState:
        if host.name in self._services:
            return self._service_state(host, self._services[host.name])
        container = host.need("study_container")
        try:
            said = self._engine(host).inspect_container(container)
        except docker.errors.NotFound:
            return ContainerState(False, "", 0, False, -1, None, "")
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise TrialFailed(f"{host.name}: the engine cannot inspect {container}: {error}") from None
        state, limits = said["State"], said["HostConfig"]
        quota, period = limits.get("CpuQuota") or 0, limits.get("CpuPeriod") or 100_000
        return ContainerState(
            running=state["Running"],
            started_at=state["StartedAt"],
            restarts=said["RestartCount"],
            oom_killed=state["OOMKilled"],
            exit_code=state["ExitCode"],
            cpus=quota / period if quota > 0 else self._cores(host),
            image=said["Config"]["Image"],
        )

    def _cores(self, host: Host) -> float | None:
        """All that a container without a cap may use, on a machine of its own."""
        if host.name not in self._reach.tunnels:
            return None
        if host.name not in self._core_counts:
            self._core_counts[host.name] = float(self._reach.docker(host).info()["NCPU"])
        return self._core_counts[host.name]

    def _service_state(self, host: Host, service: Service) -> ContainerState:
        asked = ["systemctl", "show", service.unit, "--property=ActiveState,NRestarts,ExecMainStartTimestamp"]
        output = self._reach.run(host, ["sh", "-c", f"nproc; {shlex.join(asked)}"])
        cores, *lines = output.splitlines() or ["0"]
        said = dict(line.partition("=")[::2] for line in lines)
        if not said:
            raise TrialFailed(f"{host.name}: cannot ask for the state of its unit {service.unit}")
        return ContainerState(
            running=said.get("ActiveState") == "active",
            started_at=said.get("ExecMainStartTimestamp", ""),
            restarts=int(said.get("NRestarts") or 0),
            oom_killed=False,
            exit_code=0,
            cpus=service.cpus or float(cores),
            image="",
        )

    def usage(self, host: str) -> Iterator[dict[str, Any]]:
        """Cumulative CPU, throttling and memory of one host's container, about once a second.

        Ends when the container does; its state tells what became of it. (Docker answers a single
        reading only after a second, so readings of several containers must not wait for each other.)
        """
        if host in self._services:
            yield from self._service_usage(self._hosts[host], self._services[host])
            return
        try:
            container = self._hosts[host].need("study_container")
            yield from self._engine(self._hosts[host]).stats(container, stream=True, decode=True)
        except (docker.errors.DockerException, requests.RequestException, urllib3.exceptions.HTTPError, ValueError):
            return  # the container ended, or the connection to its host did

    def _service_usage(self, host: Host, service: Service) -> Iterator[dict[str, Any]]:
        """The same of all processes of a unit's user, by a program that runs there."""
        program = Path(__file__).with_name("usage.py").read_text(encoding="utf-8")
        process = self._reach.stream(host, ["python3", "-", service.user], program)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            for line in process.stdout:
                yield json.loads(line)
        finally:
            process.kill()
            process.wait()

    def ready(self, server: Host, health: str) -> bool:
        """Ask one server over the private network whether it can work."""
        try:
            answer = self._http.get(f"/servers/{server.name}{health}")
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def served(self, server: Host, trial: str) -> dict[str, int] | None:
        """Status → requests that a server counted for a trial; None when it keeps no such counter."""
        try:
            answer = self._http.get(f"/servers/{server.name}/metrics")
        except httpx.HTTPError:
            return None
        if answer.status_code != httpx.codes.OK or "ml_requests" not in answer.text:
            return None
        counted: dict[str, int] = {}
        for found in _COUNTER.finditer(answer.text):
            labels = dict(_LABEL.findall(found["labels"]))
            if labels.get("trial") == trial:
                counted[labels["status"]] = counted.get(labels["status"], 0) + int(float(found["value"]))
        return counted

    def balancer_summary(self, trial: str, from_s: float, to_s: float) -> dict[str, Any]:
        """Let the balancer summarise and empty its log; times are Unix seconds.

        Raises TrialFailed when it cannot.
        """
        command = ["summarise-trial", trial, f"{from_s:.3f}", f"{to_s:.3f}"]
        try:
            code, output = self._exec(self._inventory.balancer, command)
            said: dict[str, Any] = json.loads(output)
        except (docker.errors.DockerException, requests.RequestException, ValueError) as error:
            raise TrialFailed(f"the balancer cannot summarise its log: {error}") from None
        if code:
            raise TrialFailed(f"the balancer cannot summarise its log: exit code {code}")
        return said

    def run_in(self, host: Host, command: list[str]) -> str:
        """What a command prints inside a host's container; empty when it cannot be run."""
        try:
            code, output = self._exec(host, command)
            return "" if code else output
        except (docker.errors.DockerException, requests.RequestException):
            return ""

    def _exec(self, host: Host, command: list[str]) -> tuple[int, str]:
        """Exit code and standard output of a command in a host's container."""
        engine = self._engine(host)
        created = engine.exec_create(host.need("study_container"), command)
        output = bytes(engine.exec_start(created["Id"]))
        return int(engine.exec_inspect(created["Id"])["ExitCode"]), output.decode(errors="replace")

    def _engine(self, host: Host) -> docker.APIClient:
        return self._reach.docker(host).api


class Watcher:
    """Samples every container once a second, each in a thread of its own, until stopped."""

    def __init__(self, probes: Probes, hosts: Iterable[str], started_at: float) -> None:
        self._probes = probes
        self._started_at = started_at
        self._end = threading.Event()
        self._samples: list[HostSample] = []
        for host in hosts:
            threading.Thread(target=self._watch, args=(host,), daemon=True).start()

    def stop(self) -> list[HostSample]:
        """End and return what was seen; the threads leave with their next reading."""
        self._end.set()
        return sorted(self._samples, key=lambda sample: (sample.t_s, sample.host))

    def _watch(self, host: str) -> None:
        before: tuple[float, dict[str, Any]] | None = None
        for said in self._probes.usage(host):
            now = time.time()
            if self._end.is_set():
                return
            if before is not None:
                seen = host_sample(host, now - self._started_at, before[1], said)
                if seen is not None:
                    self._samples.append(seen)
            before = (now, said)


def _read_at(said: dict[str, Any]) -> float:
    """When the engine took a reading, in Unix seconds; it tells nanoseconds, Python takes micro."""
    text = said["read"]
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()


def host_sample(host: str, t_s: float, before: dict[str, Any], after: dict[str, Any]) -> HostSample | None:
    """What happened between two readings; None when the container was not the same running one."""
    try:
        elapsed_s = _read_at(after) - _read_at(before)
        used_ns = after["cpu_stats"]["cpu_usage"]["total_usage"] - before["cpu_stats"]["cpu_usage"]["total_usage"]
        memory = after["memory_stats"].get("usage", 0)
        periods, throttled = (
            after["cpu_stats"]["throttling_data"][key] - before["cpu_stats"]["throttling_data"][key]
            for key in ("periods", "throttled_periods")
        )
    except (KeyError, ValueError):
        return None
    if used_ns < 0 or elapsed_s <= 0:
        return None
    return HostSample(
        t_s=round(t_s, 2),
        host=host,
        cpu_cores=round(used_ns / 1e9 / elapsed_s, 4),
        throttled_share=round(throttled / periods, 4) if periods > 0 else None,
        memory_mb=round(memory / 1e6, 1),
    )

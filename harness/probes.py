"""What hosts say.

Containers' CPU, throttling, memory and deaths, the servers' own counters, and the balancer's summary
of its log. Read through Docker's API and the balancer's control port, so cgroup v1
and v2 look the same.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker
import docker.errors
import httpx
import requests

from harness.errors import CannotRun, TrialFailed
from harness.inventory import Host, Inventory
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


def connect() -> docker.DockerClient:
    """A client of this machine's engine; raises CannotRun when none answers."""
    try:
        client = docker.from_env(timeout=30, max_pool_size=64)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CannotRun(f"no Docker engine answers: {error}; 'python study.py doctor' says what to do") from None
    return client


class Probes:
    """Reads the hosts of one inventory."""

    def __init__(self, inventory: Inventory, client: docker.DockerClient) -> None:
        self._docker = client
        self._inventory = inventory
        self._containers = {host.name: host.need("study_container") for host in inventory.hosts}
        self._http = httpx.Client(timeout=5.0, trust_env=False)
        self._control = inventory.balancer.need("study_control_url")

    def states(self) -> dict[str, ContainerState]:
        """State of every host's container; a host whose container is gone counts as not running."""
        return {host: self._state(name) for host, name in self._containers.items()}

    def _state(self, container: str) -> ContainerState:
        try:
            said = self._docker.api.inspect_container(container)
        except docker.errors.NotFound:
            return ContainerState(False, "", 0, False, -1, None, "")
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise TrialFailed(f"the engine cannot inspect {container}: {error}") from None
        state, limits = said["State"], said["HostConfig"]
        quota, period = limits.get("CpuQuota") or 0, limits.get("CpuPeriod") or 100_000
        return ContainerState(
            running=state["Running"],
            started_at=state["StartedAt"],
            restarts=said["RestartCount"],
            oom_killed=state["OOMKilled"],
            exit_code=state["ExitCode"],
            cpus=quota / period if quota > 0 else None,
            image=said["Config"]["Image"],
        )

    def usage(self, host: str) -> Iterator[dict[str, Any]]:
        """Cumulative CPU, throttling and memory of one host's container, about once a second.

        Ends when the container does; its state tells what became of it. (Docker answers a single
        reading only after a second, so readings of several containers must not wait for each other.)
        """
        try:
            yield from self._docker.api.stats(self._containers[host], stream=True, decode=True)
        except (docker.errors.DockerException, requests.RequestException, ValueError):
            return

    def ready(self, server: Host, health: str) -> bool:
        """Ask one server over the private network whether it can work."""
        try:
            answer = self._http.get(f"{self._control}/servers/{server.name}{health}")
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def served(self, server: Host, trial: str) -> dict[str, int] | None:
        """Status → requests that a server counted for a trial; None when it keeps no such counter."""
        try:
            answer = self._http.get(f"{self._control}/servers/{server.name}/metrics")
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
            return self._exec(host, command)[1]
        except (docker.errors.DockerException, requests.RequestException):
            return ""

    def _exec(self, host: Host, command: list[str]) -> tuple[int, str]:
        """Exit code and standard output of a command in a host's container."""
        created = self._docker.api.exec_create(self._containers[host.name], command)
        output = bytes(self._docker.api.exec_start(created["Id"]))
        return int(self._docker.api.exec_inspect(created["Id"])["ExitCode"]), output.decode(errors="replace")


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

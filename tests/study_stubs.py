"""A site without hosts, for tests of the loop: servers, balancer, generator and playbooks in memory, and no time.

Everything of the study itself is real; `Site.outside` stands in for what it touches. A second of a load is counted
when the study asks for it, so a trial takes milliseconds. What goes wrong, and when, is up to the test.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import httpx

from harness.deploy import lab_resources
from harness.deploy.ansible import Ansible, Playbook, PlaybookOutcome
from harness.deploy.connections import Reach
from harness.deploy.deployment import REPAIR
from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import DeployFailed, EngineFailed, Interrupted
from harness.judge import window_stats
from harness.observe.containers import Probes
from harness.observe.watch import Watcher
from harness.records.series import HostSample, MachineSample, Sample
from harness.study import ceiling, identity
from harness.study.config import Setting, in_motion
from harness.study.dependencies import Outside
from harness.study.events import Event
from harness.study.fault_injection import Losing
from harness.study.runner import Study
from harness.traffic.load_generator import EngineResult, LoadSpec
from tests.builders import grid

CAPACITY_PER_S = 280
CEILING_PER_S = 3000
SLOTS = 14
SERVICE_S = 0.05


def inventory(servers: int) -> Inventory:
    """A lab's hosts, whose servers are held to a rate and played at real speed."""
    own = {"lab_server_capacity": f"{CAPACITY_PER_S}/s", "lab_service_time": "50ms", "lab_time_scaling": 1}
    urls = {"study_url": "http://site", "study_control_url": "http://control", "study_target_url": "http://balancer"}
    hosts = [Host("balancer", "load_balancers", urls)]
    hosts += [Host(f"server-{n}", "ml_servers", {"private_ip": f"10.0.0.{n}", **own}) for n in range(1, servers + 1)]
    hosts.append(Host("generator", "load_generators", {}))
    common = {"study_container_engine": "local"}
    return Inventory(
        "stubs",
        tuple(Host(h.name, h.group, {**h.variables, **common, "study_container": h.name}) for h in hosts),
    )


class Site:
    """What stands where, what lives, and what each part counted. `journal` tells what was done, in its order."""

    def __init__(self, servers: int = 2) -> None:
        self.inventory = inventory(servers)
        self.journal: list[str] = []
        self.events: list[Event] = []
        self.broken: dict[int, str] = {}  # number of servers → why a switch to so many fails
        self.capacity_per_s = float(CAPACITY_PER_S)  # of a server in this load
        self.noise: Callable[[int, int], float] = lambda _servers, _repeat: 1.0  # servers, repeat → factor of capacity
        self.interrupted = False
        self.started = Counter[str]()  # container → how often it was started
        self.dead: set[str] = set()
        self.wrong = ""  # what the generator's own client makes of an answer
        self.cut_off: set[str] = set()  # servers that run and that nobody reaches
        self.asked: list[str] = []  # paths of the control port that were asked for
        self.behind = servers  # the balancer
        self.turn = itertools.count()
        self.seeds = itertools.count(1)  # of studies that draw theirs
        self.loads = 0
        self.specs: list[LoadSpec] = []  # that the generator was given
        self.runs = "an-image"  # what the servers were made of
        self.builds: dict[str, tuple[str, float]] = {}  # image → its digest, and by what its servers are faster
        self.plans: dict[tuple[int, int], Callable[[], object]] = {}
        self.rows: list[Sample] = []
        self.readings: list[HostSample] = []
        self.counted: dict[str, dict[str, Counter[str]]] = {}  # trial → server → status → requests
        self.log: list[tuple[int, str, str, int]] = []  # of a load: second, address, status, requests
        self.began_at = 0.0  # Unix time of a load's second 0
        self.clocks: dict[str, float] = {}  # host → seconds by which its clock is ahead
        self.ended_at: dict[str, float] = {}  # container → when it died
        self.left_out_after_s: int | None = None  # the balancer asks a dead server no more; None: it asks on and on
        self.rows_late_s: int | None = None  # of an engine whose seconds are late and uneven, and its totals exact
        self.holds: set[str] = set()  # servers that their engine cannot stop
        self.outside = Outside(
            playbook=partial(Change, self),
            reach=partial(Wires, self),
            engine=lambda _grid, _inventory, _reach: Users(self),
            watch=partial(Readings, self),
            lose=partial(Loses, self),
            sleep=lambda _seconds: None,
            draw_seed=lambda: next(self.seeds),
        )

    def happens(self, load: int, second: int, what: Callable[[], object]) -> None:
        """Have something happen at a second of a load; loads count from 1, in the order they are played."""
        self.plans[load, second] = what

    def die(self, host: str) -> None:
        self.journal.append(f"{host} dies")
        self.dead.add(host)
        self.ended_at[host] = self.began_at + len(self.rows)

    def cut(self, server: str) -> None:
        """Take a server off the network; its container goes on."""
        self.cut_off.add(server)
        self.ended_at[server] = self.began_at + len(self.rows)

    def interrupt(self) -> None:
        self.journal.append("Ctrl-C")
        self.interrupted = True

    def study(self, results: Path, **keys: Any) -> Study:
        """What the command makes of a grid with these keys: a study that goes on where its directory is."""
        self.interrupted = False
        found = self.setting(results, **keys)
        return Study(results, found, self.events.append, lambda: self.interrupted, self.outside)

    def setting(self, results: Path, **keys: Any) -> Setting:
        written = grid(**{"repeats": 1, **keys})
        effective = identity.effective(written, self.inventory)
        directory = identity.directory_for(results, written, effective)
        found = Setting(
            written, self.inventory, results, effective, directory, lab_resources.of(written, self.inventory)
        )
        return in_motion(found)

    def apply(self, variables: dict[str, Any], tags: list[str] | None) -> None:
        """What the project's playbooks do: all of it, or what some tags ask for."""
        servers = int(variables.get("study_servers", len(self.inventory.servers)))
        what = "deploy" if tags is None else "repair" if tags == list(REPAIR) else f"switch to {servers}"
        self.journal.append(what)
        if what not in ("deploy", "repair") and servers in self.broken:
            raise DeployFailed(f"playbooks/deploy-balancer.yml: balancer: {self.broken[servers]}")
        self.behind = servers
        wanted = str(variables.get("ml_server_image", self.runs))
        if wanted != self.runs and (tags is None or "ml_server" in tags):
            self.runs = wanted
            self.started.update(host.name for host in self.inventory.servers)
            self.journal.append(f"servers of {wanted}")
        if what in ("deploy", "repair"):
            self.started.update(self.dead)
            self.dead.clear()

    def servers(self) -> list[str]:
        """Those that the balancer sends requests to."""
        return [host.name for host in self.inventory.servers[: self.behind]]

    def address(self, name: str) -> str:
        return next(self.inventory.address(host) for host in self.inventory.servers if host.name == name)

    def second(self, load: LoadSpec) -> Sample:
        """One second of a load: a closed loop against servers of a known rate."""
        t_s = len(self.rows)
        if load.trial != ceiling.TRIAL:
            self.plans.get((self.loads, t_s), lambda: None)()
        servers = self.servers()
        alive = [name for name in servers if name not in self.dead | self.cut_off]
        asked = load.users / load.think_time_s if load.think_time_s else math.inf
        if load.rate_per_s is not None:
            asked = load.rate_per_s
        self.capacity_per_s = CAPACITY_PER_S * self.noise(len(servers), repeat_of(load.trial))
        self.capacity_per_s *= self.builds.get(self.runs, ("", 1.0))[1]
        if self.left_out_after_s is not None:
            out = self.dead | self.cut_off
            gone = {n for n in out if self.began_at + t_s >= self.ended_at[n] + self.left_out_after_s}
            servers = [name for name in servers if name not in gone]
        given = self.capacity_per_s * len(servers)
        answered = round(min(asked, CEILING_PER_S if load.trial == ceiling.TRIAL else given if alive else math.inf))
        failed = answered * (len(servers) - len(alive)) // len(servers)
        completed = answered - failed
        counts = self.counted.setdefault(load.trial, {name: Counter() for name in servers})
        each = {name: ("200", completed // len(alive) + (n < completed % len(alive))) for n, name in enumerate(alive)}
        each |= {name: ("502", failed // (len(servers) - len(alive))) for name in servers if name not in alive}
        for name, (status, number) in each.items():
            counts[name][status] += number
            self.log.append((t_s, self.address(name), status, number))
        waiting = load.users - answered * load.think_time_s
        mean_ms = max(1.0, 1000 * waiting / completed) if completed else None
        offered = sent = None
        if load.rate_per_s is not None:
            offered = sent = round(load.rate_per_s)
            queued = max(0.0, load.rate_per_s - given) * (t_s + 0.5)
            mean_ms = (SERVICE_S + queued / given) * 1000 if completed else None
            waiting = answered * (mean_ms or 0.0) / 1000
        thinking_s = answered * load.think_time_s
        row = Sample(t_s, completed, failed, load.users, waiting, mean_ms, thinking_s, answered, 0.2, 1.0)
        if offered is not None:
            row = replace(row, think_s=0.0, thinks=0, offered=offered, sent=sent, late=0, delay_ms=1.0)
        self.rows.append(row)
        running = [host.name for host in self.inventory.hosts if host.name not in self.dead]
        self.readings += [HostSample(t_s + 1.0, name, 0.1, 0.0, 90.0) for name in running]
        return row

    def control(self, name: str, what: str) -> httpx.Response:
        """What the balancer's control port answers of a server."""
        if name in self.dead | self.cut_off:
            return httpx.Response(502 if name in self.dead else 504)
        lines = [
            f'ml_requests_total{{trial="{trial}",status="{status}"}} {count}'
            for trial, by in self.counted.items()
            for status, count in by.get(name, {}).items()
        ]
        return httpx.Response(200, text="# ml_requests_total\n" + "\n".join(lines) if what == "metrics" else "ready")

    def summary(self, trial: str, since_s: float, from_s: float, to_s: float) -> dict[str, Any]:
        """What the balancer makes of its log, whose times are by its own clock."""
        began_at = self.began_at + self.clocks.get("balancer", 0.0)
        rows = [row for row in self.rows if from_s - began_at - 0.1 < row.t_s < to_s - began_at - 0.9]
        counts = {name: dict(by) for name, by in self.counted.get(trial, {}).items()}
        return {
            "statuses": dict(sum((Counter(by) for by in counts.values()), Counter())),
            "upstreams": {
                self.inventory.address(h): counts[h.name] for h in self.inventory.servers if h.name in counts
            },
            "retried": 0,
            "mean_in_flight": sum(row.in_flight or 0.0 for row in rows) / max(1, len(rows)),
            "events": {},
            "events_at": {},
            "times_ms": {},
            "seconds": [
                [round(began_at + t_s - since_s), server, status, count]
                for t_s, server, status, count in self.log
                if count
            ],
            "worker_cpu_s": [1.0],
        }


def repeat_of(trial: str) -> int:
    """Which repeat a trial is, by its name; 0 for none and for a search's."""
    found = re.match(r"\d+-r(\d+)-", trial)
    return int(found[1]) if found else 0


class Change(Playbook):
    """A playbook whose tasks take no time."""

    def __init__(
        self,
        site: Site,
        ansible: Ansible,
        name: str,
        variables: dict[str, Any],
        tags: list[str] | None = None,
        held: bool = False,
        on_task: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self._site, self._ansible = site, ansible
        self._variables, self._tags = dict(variables), tags
        self._may_change, self._at_first_task = not held, True
        if on_task:
            on_task("a task")

    @property
    def runs(self) -> bool:
        return False

    def let_go(self) -> None:
        self._may_change = True

    def drop(self) -> None:
        self._site.journal.append("drop a switch")

    def wait(self, _timeout_s: float) -> PlaybookOutcome:
        if self._ansible.cancelled():
            raise Interrupted("interrupted")
        self._site.apply(self._variables, self._tags)
        return PlaybookOutcome("successful", 0.0, over=True)


class Wires(Reach):
    """Connections that end in memory: the balancer's two ports and this machine's container engine."""

    def __init__(self, site: Site, hosts: Inventory) -> None:
        super().__init__(hosts)
        self._site = site

    def http(self, host: Host, variable: str, **_more: Any) -> httpx.Client:
        answer = self._balanced if variable == "study_url" else self._controlled
        client = httpx.Client(base_url=host.need(variable), transport=httpx.MockTransport(answer))
        self._http.append(client)
        return client

    def docker(self, _host: Host) -> docker.DockerClient:
        def image(name: str) -> SimpleNamespace:
            if self._site.builds and name not in self._site.builds:
                return SimpleNamespace(attrs={"Id": "sha256:1", "RepoDigests": []})
            return SimpleNamespace(attrs={"Id": self._site.builds[name][0] if self._site.builds else "sha256:1"})

        engine = SimpleNamespace(
            api=Containers(self._site),
            version=lambda: {"Version": "28"},
            images=SimpleNamespace(get=image),
        )
        return cast(docker.DockerClient, engine)

    def _balanced(self, _request: httpx.Request) -> httpx.Response:
        servers = self._site.servers()
        name = servers[next(self._site.turn) % len(servers)]
        status = 502 if name in self._site.dead | self._site.cut_off else 200
        unread = httpx.ByteStream(b"")  # what a connection brings, as the study reads it itself
        return httpx.Response(status, headers={"X-Study-Server": self._site.address(name)}, stream=unread)

    def _controlled(self, request: httpx.Request) -> httpx.Response:
        _, _, name, what = request.url.path.split("/", 3)
        self._site.asked.append(request.url.path)
        return self._site.control(name, what)


class Containers:
    """As much of Docker's API as the probes use."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def inspect_container(self, name: str) -> dict[str, Any]:
        runs = name not in self._site.dead
        state = {"Running": runs, "StartedAt": f"start {self._site.started[name]}", "OOMKilled": False}
        ended = datetime.fromtimestamp(self._site.ended_at.get(name, 0.0), UTC).isoformat()
        return {
            "State": {**state, "ExitCode": 0 if runs else 137, "FinishedAt": ended},
            "HostConfig": {"CpuQuota": 200_000, "CpuPeriod": 100_000},
            "RestartCount": 0,
            "Config": {"Image": self._site.runs if name.startswith("server-") else "an-image"},
        }

    def kill(self, name: str) -> None:
        if name in self._site.holds:
            raise docker.errors.APIError("the engine is busy")
        self._site.die(name)

    def wait(self, name: str, **_more: Any) -> None:
        assert name in self._site.dead

    def logs(self, _name: str, **_more: Any) -> bytes:
        return b""

    def put_archive(self, *_: Any) -> None:
        """The balancer keeps the answer that the ceiling is measured with."""

    def exec_create(self, _name: str, command: list[str]) -> dict[str, Any]:
        return {"Id": command}

    def exec_start(self, command: list[str], **_more: Any) -> Iterator[bytes]:
        if command[0] == "summarise-trial":
            yield b"read\n"
            yield json.dumps(self._site.summary(command[1], *map(float, command[2:]))).encode()

    def exec_inspect(self, _command: list[str]) -> dict[str, Any]:
        return {"ExitCode": 0}


class Users:
    """A traffic engine that plays a second of its load whenever it is asked for more."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._load: LoadSpec | None = None
        self._over = True

    def _answer(self) -> None:
        if "generator" in self._site.dead:
            raise EngineFailed("the traffic engine at http://generator does not answer: ConnectError('refused')")

    def version(self) -> dict[str, str]:
        return {"locust": "2.40"}

    def ready(self) -> bool:
        self._answer()
        return self._over

    def ask(self, load: LoadSpec) -> str:
        self._answer()
        self._site.journal.append("ask")
        assert load.trial.endswith(".verify")
        return self._site.wrong

    def start(self, load: LoadSpec) -> float:
        self._answer()
        self._load, self._over = load, False
        self._site.specs.append(load)
        self._site.rows, self._site.readings, self._site.log = [], [], []
        self._site.began_at = time.time()
        measured = load.trial != ceiling.TRIAL
        self._site.loads += measured
        who = f"{load.users} users" if load.rate_per_s is None else f"{load.rate_per_s:g}/s by {load.seed}"
        self._site.journal.append(f"load of {who}" if measured else "ceiling")
        return self._site.began_at

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        assert self._load is not None
        if not self._over:
            self._site.second(self._load)
            self._over = len(self._site.rows) >= self._load.duration_s
        self._answer()
        return self._site.rows[since:], self._over

    def stop(self) -> None:
        self._answer()
        if not self._over:
            self._site.journal.append("load stopped")
        self._over = True

    def result(self) -> EngineResult:
        self._answer()
        rows = self._site.rows
        failed = sum(row.failed for row in rows)
        times_us = Counter[int]()
        for row in rows:
            if row.mean_ms is not None:
                times_us[round(1000 * row.mean_ms)] += row.completed
        late: dict[str, Any] = {}
        if self._site.rows_late_s is not None:
            # A second is missing, the others have what was answered before them.
            shifted = [replace(row, t_s=row.t_s + self._site.rows_late_s) for row in rows if row.t_s != 4]
            late = {
                "samples": shifted[: -self._site.rows_late_s],
                "totals": {"completed": sum(row.completed for row in rows), "failed": failed},
            }
        return EngineResult(
            0.0,
            self._over,
            1,
            0,
            window_stats.histogram_of_us(times_us),
            {"status 502": failed} if failed else {},
            delays={"1000": sum(row.sent or 0 for row in rows)},
            **late,
        )


class Loses(Losing):
    """Stops servers at a second of the load."""

    def __init__(self, site: Site, reach: Reach, servers: list[Host], at: float) -> None:
        self._site = site
        super().__init__(reach, servers, at)

    def begin(self) -> None:
        second = int(self._at - self._site.began_at)
        self._site.happens(self._site.loads, second, self._lose_all)

    def _lose_all(self) -> None:
        for server in self._servers:
            self._lose(server)

    def called_off_before(self, _at: float) -> bool:
        return False

    def end(self) -> None:
        pass


class Readings(Watcher):
    """What would have been seen of the hosts while the load ran."""

    def __init__(
        self,
        site: Site,
        _probes: Probes,
        _hosts: Iterable[str],
        _started_at: float,
        servers: Iterable[Host] = (),
        window: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._site, self._paced, self._steady = site, list(servers), window

    def stop(self) -> Watcher:
        return self

    def samples(self, _clock: str) -> list[HostSample]:
        return list(self._site.readings)

    def machines(self, _clock: str) -> list[MachineSample]:
        return []

    def offset_s(self, host: str) -> float:
        return self._site.clocks.get(host, 0.0)

    def network_counters(self) -> dict[str, dict[str, int]]:
        return {}

    def slots(self) -> dict[str, dict[str, float]]:
        rows = window_stats.window(self._site.rows, *self._steady)
        alive = [server.name for server in self._paced if server.name not in self._site.dead]
        answers = sum(row.completed for row in rows) / max(1, len(self._paced))
        busy = SLOTS * answers / self._site.capacity_per_s
        told = {"offered": max(busy, float(SLOTS * len(rows))), "busy": busy, "lost": 0.0, "late": 0.0}
        return {name: {**told, "answers": answers} for name in alive}

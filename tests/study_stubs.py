"""In-memory hosts for tests of the loop: servers, balancer, load generator and playbooks, without real time.

All code of the study itself is real. `FakeSite.dependencies` replaces its effects. A second of a load passes when the
study reads it, so a trial takes milliseconds. Each test decides which fault occurs, and when.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import httpx

from harness.deploy import lab_resources, platform, scale_playbook
from harness.deploy.ansible import Ansible, Playbook, PlaybookOutcome
from harness.deploy.connections import Connections
from harness.deploy.deployment import REPAIR
from harness.deploy.inventory.hosts import Host, Inventory, Url
from harness.errors import DeployFailed, Interrupted, LoadGeneratorFailed
from harness.grid.dataset import Dataset
from harness.judge import latency_stats, window_stats
from harness.observe.containers import Probes
from harness.observe.watch import Watcher
from harness.records import failure_kind
from harness.records.series import HostSample, MachineSample, Sample
from harness.study import ceiling, identity, traffic_secrets
from harness.study.config import StudyConfig, with_known_factor
from harness.study.dependencies import Dependencies
from harness.study.events import Event
from harness.study.fault_injection import FaultInjector
from harness.study.runner import Study
from harness.traffic.load_generator import Exchange, LoadResult, LoadSpec
from tests.builders import grid

CAPACITY_PER_S = 280
CEILING_PER_S = 3000
SLOTS = 14
SERVICE_S = 0.05


def inventory(servers: int, speeds: Sequence[float] = ()) -> Inventory:
    """Return hosts of a lab with paced servers and time factor 1; `speeds` are relative to the usual capacity."""
    own = {"lab_service_time": "50ms", "lab_time_scaling": 1}
    rates = [CAPACITY_PER_S * speed for speed in speeds or [1.0] * servers]
    urls = {"study_url": "http://site", "study_control_url": "http://control", "study_target_url": "http://balancer"}
    hosts = [Host.parse("balancer", "load_balancers", urls)]
    hosts += [
        Host.parse(
            f"server-{n}", "ml_servers", {"private_ip": f"10.0.0.{n}", "lab_server_capacity": f"{rate:g}/s", **own}
        )
        for n, rate in enumerate(rates, 1)
    ]
    hosts.append(Host.parse("generator", "load_generators", {}))
    common = {"study_container_engine": "local"}
    return Inventory(
        "stubs",
        tuple(Host.parse(h.name, h.group, {**h.variables, **common, "study_container": h.name}) for h in hosts),
    )


class FakeSite:
    """State of all in-memory hosts: which run, and what each has counted. `journal` lists all actions in order.

    The servers of a grid with `target.url` are those of the user's platform, which is in no inventory.
    """

    def __init__(self, servers: int = 2, speeds: Sequence[float] = (), *, by_load: bool = False) -> None:
        self.inventory = inventory(servers, speeds)
        self.speeds = {f"server-{n}": speed for n, speed in enumerate(speeds or [1.0] * servers, 1)}
        self.by_load = by_load  # whether faster servers get more requests, as with least_conn
        self.journal: list[str] = []
        self.events: list[Event] = []
        self.broken: dict[int, str] = {}  # number of servers → error of a switch to this number
        self.capacity_per_s = float(CAPACITY_PER_S)  # capacity of one server in this load
        self.noise: Callable[[int, int], float] = lambda _servers, _repeat: (
            1.0
        )  # (servers, repeat) → factor of the capacity
        self.interrupted = False
        self.started = Counter[str]()  # container → number of starts
        self.dead: set[str] = set()
        self.playbook = "- hosts: localhost\n"  # of a platform that the user already runs
        self.wrong_times: float = math.inf  # so often
        self.wrong = ""  # result when the load generator's client tries the request
        self.dataset: Dataset | None = None  # of the grids
        self.secrets: tuple[Path, Path] | None = None  # project and inventory from which Ansible reads secrets
        self.cut_off: set[str] = set()  # running servers without network
        self.control_requests: list[str] = []  # paths requested at the control port
        self.behind = [host.name for host in self.inventory.servers]  # servers behind the balancer
        self.turn = itertools.count()
        self.seeds = itertools.count(1)  # seeds of studies without one
        self.loads = 0
        self.specs: list[LoadSpec] = []  # loads that the load generator has started
        self.runs = "an-image"  # image of the servers
        self.builds: dict[str, tuple[str, float]] = {}  # image → digest, factor of the capacity
        self.plans: dict[tuple[int, int], Callable[[], object]] = {}
        self.rows: list[Sample] = []
        self.readings: list[HostSample] = []
        self.counted: dict[str, dict[str, Counter[str]]] = {}  # trial → server → status → requests
        self.log: list[tuple[int, str, str, int]] = []  # balancer log of a load: second, address, status, requests
        self.began_at = 0.0  # Unix time of the load's second 0
        self.clocks: dict[str, float] = {}  # host → offset of its clock in seconds
        self.ended_at: dict[str, float] = {}  # container → Unix time of its death
        self.left_out_after_s: int | None = None  # until the balancer skips a dead server; None: never
        self.rows_late_s: int | None = None  # delay of a load generator with exact totals only
        self.holds: set[str] = set()  # servers that the container engine cannot kill
        self.dependencies = Dependencies(
            start_playbook=partial(FakePlaybook, self),
            connect_hosts=partial(FakeConnections, self),
            connect_load_generator=lambda _grid, _inventory, _connections: FakeLoadGenerator(self),
            watch_hosts=partial(FakeWatcher, self),
            inject_fault=partial(FakeFaultInjector, self),
            sleep=lambda _seconds: None,
            draw_seed=lambda: next(self.seeds),
        )

    def happens(self, load: int, second: int, action: Callable[[], object]) -> None:
        """Plan an action at a second of a load; loads count from 1 in the order of their starts."""
        self.plans[load, second] = action

    def die(self, host: str) -> None:
        self.journal.append(f"{host} dies")
        self.dead.add(host)
        self.ended_at[host] = self.began_at + len(self.rows)

    def cut(self, server: str) -> None:
        """Disconnect a server from the network; its container keeps running."""
        self.cut_off.add(server)
        self.ended_at[server] = self.began_at + len(self.rows)

    def interrupt(self) -> None:
        self.journal.append("Ctrl-C")
        self.interrupted = True

    def study(self, results: Path, **keys: Any) -> Study:
        """Return the study of a grid with these keys. An existing directory is resumed."""
        self.interrupted = False
        found = self.config(results, **keys)
        return Study(results, found, self.events.append, lambda: self.interrupted, self.dependencies)

    def config(self, results: Path, **keys: Any) -> StudyConfig:
        written = grid(**{"repeats": 1, **keys}).with_dataset(self.dataset)
        root, source = self.secrets or (results, results)
        written, missing = traffic_secrets.fill(root, source, written, self.inventory)
        assert not missing
        hosts = self.inventory
        if written.platform is not None:
            (results / written.platform.scale).write_text(self.playbook, encoding="utf-8")
            written, unusable = scale_playbook.fill(results, results, written)
            assert not unusable
            hosts = Inventory("stubs", tuple(hosts.generators))
        effective = identity.effective(written, hosts)
        directory = identity.directory_for(results, written, effective)
        found = StudyConfig(
            grid=written,
            inventory=hosts,
            inventory_path=results,
            configuration=effective,
            directory=directory,
            lab=lab_resources.of(written, hosts),
        )
        return with_known_factor(found)

    def apply(self, variables: dict[str, Any], tags: list[str] | None) -> None:
        """Apply a playbook: completely, or the part that the tags select."""
        servers = list(variables.get("study_servers", [host.name for host in self.inventory.servers]))
        if platform.SERVERS in variables:  # of the user's own playbook
            count = variables[platform.SERVERS]
            self.journal.append(f"scale to {count}")
            if count in self.broken:
                raise DeployFailed(f"scale.yml: localhost: {self.broken[count]}")
            self.behind = [host.name for host in self.inventory.servers[:count]]
            return
        action = "deploy" if tags is None else "repair" if set(REPAIR) <= set(tags) else f"switch to {len(servers)}"
        self.journal.append(action)
        if action not in ("deploy", "repair") and len(servers) in self.broken:
            raise DeployFailed(f"playbooks/deploy-balancer.yml: balancer: {self.broken[len(servers)]}")
        self.behind = servers
        wanted = str(variables.get("ml_server_image", self.runs))
        if wanted != self.runs and (tags is None or "ml_server" in tags):
            self.runs = wanted
            self.started.update(host.name for host in self.inventory.servers)
            self.journal.append(f"servers of {wanted}")
        if action in ("deploy", "repair"):
            self.started.update(self.dead)
            self.dead.clear()

    def servers(self) -> list[str]:
        """Return the servers behind the balancer."""
        return list(self.behind)

    def address(self, name: str) -> str:
        return next(host.address for host in self.inventory.servers if host.name == name)

    def second(self, load: LoadSpec) -> Sample:
        """Simulate one second of a load on servers of known capacity."""
        t_s = len(self.rows)
        if load.trial != ceiling.TRIAL:
            self.plans.get((self.loads, t_s), lambda: None)()
        servers = self.servers()
        alive = [name for name in servers if name not in self.dead | self.cut_off]
        offered_per_s = load.users / load.think_time_s if load.think_time_s else math.inf
        if load.rate_per_s is not None:
            offered_per_s = load.rate_per_s
        self.capacity_per_s = CAPACITY_PER_S * self.noise(len(servers), repeat_of(load.trial))
        self.capacity_per_s *= self.builds.get(self.runs, ("", 1.0))[1]
        if self.left_out_after_s is not None:
            out = self.dead | self.cut_off
            gone = {n for n in out if self.began_at + t_s >= self.ended_at[n] + self.left_out_after_s}
            servers = [name for name in servers if name not in gone]
        given = self.capacity_per_s * self.together(servers)
        answered = round(
            min(offered_per_s, CEILING_PER_S if load.trial == ceiling.TRIAL else given if alive else math.inf)
        )
        failed = answered * (len(servers) - len(alive)) // len(servers)
        completed = answered - failed
        counts = self.counted.setdefault(load.trial, {name: Counter() for name in servers})
        each = {name: ("200", number) for name, number in self.divided(completed, alive).items()}
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
        row = Sample(
            t_s=t_s,
            completed=completed,
            failed=failed,
            users=load.users,
            in_flight=waiting,
            mean_ms=mean_ms,
            think_s=thinking_s,
            thinks=answered,
            busiest_cpu_s=0.2,
            lag_ms=1.0,
        )
        if offered is not None:
            row = replace(row, think_s=0.0, thinks=0, offered=offered, sent=sent, late=0, delay_ms=1.0)
        self.rows.append(row)
        running = [host.name for host in self.inventory.hosts if host.name not in self.dead]
        self.readings += [
            HostSample(t_s=t_s + 1.0, host=name, cpu_cores=0.1, throttled_share=0.0, memory_mb=90.0) for name in running
        ]
        return row

    def together(self, servers: Sequence[str]) -> float:
        """Return the speed of several servers: with equal shares of the requests the slowest one limits all."""
        speeds = [self.speeds[name] for name in servers]
        return sum(speeds) if self.by_load else len(speeds) * min(speeds, default=1.0)

    def divided(self, requests: int, servers: Sequence[str]) -> dict[str, int]:
        """Divide requests among servers: equally, or by their speeds."""
        weights = [self.speeds[name] if self.by_load else 1.0 for name in servers]
        if not weights:
            return {}
        bounds = [round(requests * sum(weights[:n]) / sum(weights)) for n in range(len(servers) + 1)]
        return {name: bounds[n + 1] - bounds[n] for n, name in enumerate(servers)}

    def control(self, name: str, path: str) -> httpx.Response:
        """Return the response of the balancer's control port for a server."""
        if name in self.dead | self.cut_off:
            return httpx.Response(502 if name in self.dead else 504)
        lines = [
            f'ml_requests_total{{trial="{trial}",status="{status}"}} {count}'
            for trial, by in self.counted.items()
            for status, count in by.get(name, {}).items()
        ]
        return httpx.Response(200, text="# ml_requests_total\n" + "\n".join(lines) if path == "metrics" else "ready")

    def summary(self, trial: str, since_s: float, from_s: float, to_s: float) -> dict[str, Any]:
        """Return the balancer's summary of its log, with times of its own clock."""
        began_at = self.began_at + self.clocks.get("balancer", 0.0)
        rows = [row for row in self.rows if from_s - began_at - 0.1 < row.t_s < to_s - began_at - 0.9]
        counts = {name: dict(by) for name, by in self.counted.get(trial, {}).items()}
        return {
            "statuses": dict(sum((Counter(by) for by in counts.values()), Counter())),
            "upstreams": {h.address: counts[h.name] for h in self.inventory.servers if h.name in counts},
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
    """Return the repeat of a trial by its id; 0 for a probe of a search and for all other loads."""
    found = re.match(r"\d+-r(\d+)-", trial)
    return int(found[1]) if found else 0


class FakePlaybook(Playbook):
    """Playbook whose tasks take no time."""

    def __init__(
        self,
        site: FakeSite,
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
    def is_running(self) -> bool:
        return False

    def release(self) -> None:
        self._may_change = True

    def drop(self) -> None:
        self._site.journal.append("drop a switch")

    def wait(self, _timeout_s: float) -> PlaybookOutcome:
        if self._ansible.cancelled():
            raise Interrupted("interrupted")
        self._site.apply(self._variables, self._tags)
        return PlaybookOutcome(status="successful", duration_s=0.0, over=True)


class FakeConnections(Connections):
    """In-memory connections to the balancer's two ports and this machine's container engine."""

    def __init__(self, site: FakeSite, hosts: Inventory) -> None:
        super().__init__(hosts)
        self._site = site

    def http(self, host: Host, url: Url, **_options: Any) -> httpx.Client:
        answer = self._balanced if url == Url.SERVICE else self._controlled
        client = httpx.Client(base_url=host.url(url), transport=httpx.MockTransport(answer))
        self._http.append(client)
        return client

    def docker(self, _host: Host) -> docker.DockerClient:
        def image(name: str) -> SimpleNamespace:
            if self._site.builds and name not in self._site.builds:
                return SimpleNamespace(attrs={"Id": "sha256:1", "RepoDigests": []})
            return SimpleNamespace(attrs={"Id": self._site.builds[name][0] if self._site.builds else "sha256:1"})

        engine = SimpleNamespace(
            api=FakeDockerApi(self._site),
            version=lambda: {"Version": "28"},
            images=SimpleNamespace(get=image),
        )
        return cast(docker.DockerClient, engine)

    def _balanced(self, _request: httpx.Request) -> httpx.Response:
        servers = self._site.servers()
        name = servers[next(self._site.turn) % len(servers)]
        status = 502 if name in self._site.dead | self._site.cut_off else 200
        unread = httpx.ByteStream(b"")  # the study reads the body itself
        return httpx.Response(status, headers={"X-Study-Server": self._site.address(name)}, stream=unread)

    def _controlled(self, request: httpx.Request) -> httpx.Response:
        _, _, name, path = request.url.path.split("/", 3)
        self._site.control_requests.append(request.url.path)
        return self._site.control(name, path)


class FakeDockerApi:
    """The part of Docker's API that probes use."""

    def __init__(self, site: FakeSite) -> None:
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
        """Store the response for the measurement of the ceiling."""

    def exec_create(self, _name: str, command: list[str]) -> dict[str, Any]:
        return {"Id": command}

    def exec_start(self, command: list[str], **_more: Any) -> Iterator[bytes]:
        if command[0] == "summarise-trial":
            yield b"read\n"
            yield json.dumps(self._site.summary(command[1], *map(float, command[2:]))).encode()

    def exec_inspect(self, _command: list[str]) -> dict[str, Any]:
        return {"ExitCode": 0}


class FakeLoadGenerator:
    """Load generator that simulates one second of its load whenever its samples are read."""

    def __init__(self, site: FakeSite) -> None:
        self._site = site
        self._load: LoadSpec | None = None
        self._over = True

    def _answer(self) -> None:
        if "generator" in self._site.dead:
            raise LoadGeneratorFailed(
                "the load generator at http://generator does not answer: ConnectError('no route to host')"
            )

    def version(self) -> dict[str, str]:
        return {"locust": "2.40"}

    def ready(self) -> bool:
        self._answer()
        return self._over

    def send_each(self, load: LoadSpec) -> list[Exchange]:
        self._answer()
        self._site.journal.append("verify")
        assert load.trial.endswith(".verify")
        error = failure_kind.parse(self._site.wrong) if self._site.wrong and self._site.wrong_times > 0 else None
        self._site.wrong_times -= 1
        names = [*(["login"] if load.traffic.login else []), *(each.name for each in load.traffic.requests)]
        servers, turn = self._site.servers(), self._site.turn
        return [
            Exchange(
                name=name,
                error=error,
                status=302 if error else 200,
                server=self._site.address(servers[next(turn) % len(servers)]),
                took_s=0.01,
                location="/other?token=canary-location",
                begins="canary-response",
            )
            for name in names
        ]

    def start(self, load: LoadSpec) -> float:
        self._answer()
        self._load, self._over = load, False
        self._site.specs.append(load)
        self._site.rows, self._site.readings, self._site.log = [], [], []
        self._site.began_at = time.time()
        measured = load.trial != ceiling.TRIAL
        self._site.loads += measured
        size = f"{load.users} users" if load.rate_per_s is None else f"{load.rate_per_s:g}/s by {load.seed}"
        self._site.journal.append(f"load of {size}" if measured else "ceiling")
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

    def result(self) -> LoadResult:
        self._answer()
        rows = self._site.rows
        failed = sum(row.failed for row in rows)
        times_us = Counter[int]()
        for row in rows:
            if row.mean_ms is not None:
                times_us[round(1000 * row.mean_ms)] += row.completed
        late: dict[str, Any] = {}
        if self._site.rows_late_s is not None:
            # One second is missing, and the counts of all others are late.
            shifted = [replace(row, t_s=row.t_s + self._site.rows_late_s) for row in rows if row.t_s != 4]
            late = {
                "samples": shifted[: -self._site.rows_late_s],
                "totals": {"completed": sum(row.completed for row in rows), "failed": failed},
            }
        return LoadResult(
            started_at=0.0,
            over=self._over,
            workers=1,
            lost_workers=0,
            latencies=latency_stats.histogram_of_us(times_us),
            errors={"status 502": failed} if failed else {},
            delays={"1000": sum(row.sent or 0 for row in rows)},
            **late,
        )


class FakeFaultInjector(FaultInjector):
    """Fault injector that kills servers at a second of the simulated load."""

    def __init__(self, site: FakeSite, connections: Connections, servers: list[Host], at: float) -> None:
        self._site = site
        super().__init__(connections, servers, at)

    def start(self) -> None:
        second = int(self._at - self._site.began_at)
        self._site.happens(self._site.loads, second, self._kill_all)

    def _kill_all(self) -> None:
        for server in self._servers:
            self._kill(server)

    def is_cancelled_before(self, _at: float) -> bool:
        return False

    def cancel(self) -> None:
        pass


class FakeWatcher(Watcher):
    """Watcher that returns simulated samples."""

    def __init__(
        self,
        site: FakeSite,
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
        names = [server.name for server in self._paced]
        found = {}
        for name, answers in self._site.divided(sum(row.completed for row in rows), names).items():
            busy = SLOTS * answers / self._site.capacity_per_s
            offered = max(busy, SLOTS * self._site.speeds[name] * len(rows))
            found[name] = {"offered": offered, "busy": busy, "lost": 0.0, "late": 0.0, "answers": float(answers)}
        return {name: slots for name, slots in found.items() if name in alive}

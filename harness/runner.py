"""The study loop: switch topology → verify → load → watch → collect → judge → record."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import (
    ceiling,
    engines,
    instrument,
    limits,
    plan,
    probes,
    provenance,
    search,
    sizing,
    traffic,
    trial,
    units,
)
from harness.ahead import Ahead
from harness.ansible import Ansible
from harness.deployment import Deployment
from harness.errors import CannotRun, DeployFailed, TrialFailed
from harness.events import Doing, Listener, Said, Step, StudyStarted, TrialEnded, TrialStarted
from harness.findings import Finding
from harness.grid import Cell
from harness.plan import PlannedTrial
from harness.reach import Reach
from harness.results import FORMAT, TrialData, TrialRecord
from harness.setting import Setting

log = logging.getLogger(__name__)


class Study:
    """One grid, carried out into one directory. Call `run`; it may be called again to go on."""

    def __init__(self, root: Path, setting: Setting, listener: Listener, cancelled: Callable[[], bool]) -> None:
        self._root = root
        self._setting = setting
        self._grid = setting.grid
        self._inventory = setting.inventory
        self._directory = setting.directory
        self._tell = listener
        self._cancelled = cancelled
        self._ansible = Ansible(root, setting.inventory_path, setting.directory.path / "log")
        self._ansible.cancelled = cancelled
        self._deployment = Deployment(self._ansible, setting.grid)
        self._ahead = Ahead(self._deployment, setting.grid.load)
        self._plan = setting.planned
        self._load_ended: float | None = None
        self._record: dict[str, Any] = {}

    def run(self) -> int:
        """Measure what is missing; returns how many trials were measured.

        Raises CannotRun when another process runs this study or the machine cannot, DeployFailed
        when the deployment fails, Interrupted on Ctrl-C.
        """
        with self._directory.locked():
            left = self._setting.left
            if not left:
                return 0
            self._record = self._directory.read_json("study.json") or self._new_record()
            capacity = self._setting.capacity_per_s
            self._tell(
                StudyStarted(
                    self._grid.name,
                    str(self._directory.path),
                    len(self._plan),
                    len(left),
                    self._setting.takes_s(left),
                )
            )
            self._directory.write_json("study.json", self._record)
            for sentence in [*self._setting.prediction(), *self._setting.rule()]:
                self._tell(Said(sentence))
            began = datetime.now(UTC)
            measured = 0
            try:
                with Reach(self._inventory) as reach:
                    bench = self._prepare(reach, capacity)
                    while left:
                        for number, planned in enumerate(left, 1):
                            self._one(bench, planned, left[number:], capacity)
                            measured += 1
                        left = self._next_block()
            finally:
                self._ahead.stop()
                self._deployment.drop()
                ended = datetime.now(UTC)
                self._record["runs"].append(
                    {
                        "started_at": began.isoformat(timespec="seconds"),
                        "duration_s": round((ended - began).total_seconds(), 1),
                        "measured": measured,
                    }
                )
                self._directory.write_json("study.json", self._record)
            return measured

    def _next_block(self) -> list[PlannedTrial]:
        """The block that the stopping rule adds now; empty when it has enough (rule E16)."""
        before = len(self._plan)
        self._plan, decision = self._setting.settled()
        self._record["plan"] = [planned.path for planned in self._plan]
        if decision is not None:
            self._record["stopping"]["decision"] = asdict(decision)
        self._directory.write_json("study.json", self._record)
        added = self._plan[before:]
        if decision is None and added and not added[0].repeat:
            self._tell(Step(f"search: {', '.join(trial.cell.slug for trial in added)}"))
        elif decision is None and added and added[0].repeat == 1:
            for sentence in search.sentences(search.limits(self._grid, self._directory.trials())):
                self._tell(Said(sentence))
        elif decision is None and added:
            self._tell(Step(f"block {added[0].repeat} is added: the watched gains are not yet narrow enough"))
        elif decision is not None and not self._grid.repeats.fixed:
            self._tell(Step(f"stopping: {decision.why}"))
        return added

    def _new_record(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self._grid.name,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "configuration": self._setting.configuration,
            "plan": [planned.path for planned in self._plan],
            "seed": self._grid.seed,
            "kind": self._inventory.kind,
            "environment": {},
            "sizing": None,
            "ceiling": None,
            "digests": {},
            "stopping": {
                "min": self._grid.repeats.min,
                "max": self._grid.repeats.max,
                "until": None if self._grid.repeats.fixed else self._grid.repeats.target(self._inventory.kind),
                "decision": None,
            },
            "runs": [],
        }

    def _prepare(self, reach: Reach, capacity: float | None) -> traffic.Bench:
        """Deploy everything, size the lab, and record where this is."""
        if capacity and self._record["sizing"]:
            self._deployment.set("ml_server_cpus", self._record["sizing"]["cpus"])
        self._deploy()
        reach.mend()
        reader = probes.Probes(self._inventory, reach, engines.services(self._grid, self._inventory))
        engine = engines.connect(self._grid, self._inventory, reach)
        bench = traffic.Bench(self._grid, self._inventory, engine, reader, reach, self._tell, self._cancelled)
        traffic.wait_ready(bench, within_s=150.0)  # a load of a killed study may still be running
        if capacity and not self._record["sizing"]:
            self._size(bench, capacity)
        if self._grid.evidence.ceiling and not self._record.get("ceiling"):
            self._measure_ceiling(bench)
        if self._record["kind"] != "hosts":
            caps = {name: state.cpus for name, state in reader.states().items()}
            sizing.check_caps(caps, os.cpu_count() or 1)
        if not self._record["environment"]:
            self._record["environment"] = provenance.environment(
                self._root, self._inventory, reader, reach, engine.version()
            )
        if "instrument" not in self._record and not self._grid.instrument_check:
            site = instrument.site_of(self._record)
            self._record["instrument"] = instrument.last(self._directory.path.parent, site)
        self._warn_of_limits(reader)
        bench.ceiling_per_s = (self._record.get("ceiling") or {}).get("per_s")
        hosts = self._record["environment"].get("hosts", {})
        bench.cpu_models = {name: str(machine.get("cpu", "")) for name, machine in hosts.items()}
        self._directory.write_json("study.json", self._record)
        return bench

    def _warn_of_limits(self, reader: probes.Probes) -> None:
        """Say what the most users will not fit into; some studies want just that, so it is no refusal."""
        environment = self._record["environment"]
        cores = int(environment["hosts"].get(self._inventory.balancer.name, environment["machine"])["cores"])
        connections = limits.connections_of(environment["nginx_configuration"], cores)
        host = limits.parse(reader.run_in(self._inventory.generator, limits.COMMAND))
        most = max(planned.cell.vusers for planned in self._plan)
        for sentence in limits.warnings(most, len(self._inventory.generators), connections, host):
            self._tell(Said(sentence, warning=True))

    def _measure_ceiling(self, bench: traffic.Bench) -> None:
        began = time.monotonic()
        self._deployment.switch(Cell((("servers", 1), ("vusers", 1))))
        found = ceiling.measure(bench, self._setting.most_asked_per_s / self._grid.evidence.ceiling_note)
        self._record["ceiling"] = asdict(found)
        told = f"{found.per_s:.0f}/s" if found.per_s else f"not known: {found.why}"
        self._tell(Step(f"generator and balancer alone: {told}", time.monotonic() - began))

    def _deploy(self) -> None:
        began = time.monotonic()
        self._tell(Step("deploying with site.yml; the first time it builds the images, which takes about two minutes"))
        self._deployment.deploy(lambda task: self._tell(Doing(task)))
        self._tell(Step("deployed", time.monotonic() - began))

    def _size(self, bench: traffic.Bench, capacity: float) -> None:
        began = time.monotonic()
        variables = self._inventory.servers[0].variables
        first = float(variables.get("ml_server_cpus") or 0.2)
        if self._inventory.capacity:  # the inventory's own cap fits its own capacity, more or less
            first *= capacity / units.per_second(self._inventory.capacity)

        def apply(cpus: float) -> None:
            self._deployment.set("ml_server_cpus", cpus)
            self._deployment.switch(Cell((("servers", 1), ("vusers", 1), ("ml_server_cpus", cpus))))

        found = sizing.size(bench, capacity, first, apply)
        self._record["sizing"] = asdict(found)
        self._tell(Step(f"lab sized: {found.cpus:.3f} CPU a server for {capacity:g}/s", time.monotonic() - began))

    def _one(
        self, bench: traffic.Bench, planned: PlannedTrial, rest: list[PlannedTrial], capacity: float | None
    ) -> None:
        """Carry out and record one trial, whatever becomes of it."""
        position = self._plan.index(planned) + 1
        overhead: list[float] = []

        def on_start(started_at: float) -> None:
            if self._load_ended is not None:
                overhead.append(started_at - self._load_ended)
            self._tell(TrialStarted(planned.path, position, len(self._plan), self._grid.load.duration))
            self._ahead.load_started(rest[0].cell if rest else None, started_at)

        try:
            bench.reach.mend()
            self._deployment.switch(planned.cell)
            data = trial.run(bench, planned, position, on_start, self._ahead.hosts_read)
            self._load_ended = data.ended_at
        except (TrialFailed, CannotRun) as error:
            self._ahead.stop()
            log.warning("%s: %s", planned.path, error)
            data = TrialData(trial.failed_record(planned, position, str(error)), [], [], [])
            self._load_ended = None
        data.record.overhead_s = round(overhead[0], 2) if overhead else None
        self._directory.write_trial(planned.path, data)
        self._record.setdefault("digests", {})[planned.path] = self._directory.digest_of(planned.path)
        self._directory.write_json("study.json", self._record)
        remaining_s = plan.estimate_s(self._grid, rest, capacity)
        findings = tuple(Finding(**finding) for finding in data.record.findings)
        self._tell(TrialEnded(planned.path, data.record, findings, remaining_s))
        if needs_repair(data.record):
            self._repair()

    def _repair(self) -> None:
        self._tell(Step("repairing what died"))
        try:
            self._deployment.repair()
        except DeployFailed as error:
            self._tell(Said(f"repair failed, the next trial tries again: {error}", warning=True))


def needs_repair(record: TrialRecord) -> bool:
    """Whether something may have to be started again before the next trial."""
    stopped = any(not state["after"]["running"] for state in record.hosts.values())
    return stopped or record.outcome in ("server_down", "failed")

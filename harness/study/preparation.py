"""Everything before the first trial: deploy, find what this machine can play, measure the generator's ceiling."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.deploy import host_limits, lab_resources, private
from harness.deploy.connections import Reach
from harness.deploy.deployment import Deployment
from harness.grid.cell import Cell
from harness.grid.schema import Grid
from harness.observe import containers
from harness.observe import environment as provenance
from harness.observe.exposition import OURS, Counting
from harness.records.study import Environment, Machine, StudyRecord
from harness.study import calibrations, ceiling, forecast, image_digests, time_scaling
from harness.study.config import Setting
from harness.study.dependencies import Outside
from harness.study.events import Doing, Listener, Said, Step
from harness.study.trial_context import Bench
from harness.traffic import registry, run_load


class Preparation:
    """Prepares a study. `setting` is the study's, in slow motion once that was chosen.

    `record` is study.json, with all that was found once `run` went well.
    """

    def __init__(
        self,
        root: Path,
        setting: Setting,
        deployment: Deployment,
        record: StudyRecord,
        listener: Listener,
        cancelled: Callable[[], bool],
        outside: Outside,
    ) -> None:
        self.setting = setting
        self._root = root
        self._inventory = setting.inventory
        self._deployment = deployment
        self.record = record
        self._tell = listener
        self._cancelled = cancelled
        self._outside = outside

    def run(self, reach: Reach) -> Bench:
        """What every trial works with; raises DeployFailed, TrialFailed, EngineFailed, CannotRun or Interrupted."""
        found: dict[str, Any] = {}
        if self.setting.time_scaling is None:
            time_scaling.check_possible(self.setting.most_asked_per_s)
        self._share_out(found)
        self._deploy()
        reach.mend()
        grid, inventory, outside = self.setting.grid, self._inventory, self._outside
        reader = containers.Probes(inventory, reach, registry.services(grid, inventory), counting(grid))
        engine = outside.engine(grid, inventory, reach)
        bench = Bench(grid, inventory, engine, reader, reach, self._tell, self._cancelled, outside)
        run_load.wait_ready(bench, within_s=150.0)  # a load of a killed study may still be running
        if self.setting.lab is not None and self.record.time_scaling is None:
            bench = self._choose_speed(bench, found)
        if self.setting.grid.evidence.ceiling and self.record.ceiling is None:
            self._measure_ceiling(bench, found)
        if self.setting.lab is not None and not self.setting.lab.paced:
            caps = {name: state.cpus for name, state in reader.states().items()}
            lab_resources.check_caps(caps, os.cpu_count() or 1)
        levels = provenance.image_levels(self._deployment.images, inventory, reach)
        for sentence in image_digests.check(levels, self.record.where.image_levels):
            self._tell(Said(sentence, warning=True))
        if self.record.environment is None:
            found["environment"] = provenance.environment(
                self._root, inventory, reader, reach, engine.version(), levels
            )
        record = self.record.model_copy(update=found)
        if not record.digests and not self.setting.grid.calibration:
            last = calibrations.last(self.setting.directory.path.parent, calibrations.site_of(record))
            record = record.model_copy(update={"instrument": last})
        self._warn_of_limits(reader, record.where)
        self.record = record
        bench.ceiling_per_s = record.ceiling.per_s if record.ceiling else None
        bench.seed = record.seed
        bench.cpu_models = {name: machine.cpu for name, machine in record.where.hosts.items()}
        return bench

    def _warn_of_limits(self, reader: containers.Probes, environment: Environment) -> None:
        """Say what the most users will not fit into; some studies want just that, so it is no refusal."""
        machine = environment.hosts.get(self._inventory.balancer.name, environment.machine or Machine())
        connections = host_limits.connections_of(environment.nginx_configuration, machine.cores)
        host = host_limits.parse(reader.run_in(self._inventory.generator, host_limits.COMMAND))
        most = max(self._at_once(planned.cell) for planned in self.setting.planned)
        who = "requests in flight" if self.setting.grid.is_open else "users"
        for sentence in host_limits.warnings(most, len(self._inventory.generators), connections, host, who):
            self._tell(Said(sentence, warning=True))

    def _at_once(self, cell: Cell) -> int:
        """Connections that a cell has at most: one for each user, or for each request that may wait for its answer."""
        grid = self.setting.grid
        if not grid.is_open:
            return cell.vusers
        return min(grid.load.most_in_flight, math.ceil(grid.played_per_s(cell.rate) * grid.load.timeout))

    def _share_out(self, found: dict[str, Any]) -> None:
        """Share out this machine's cores where its servers are not held to a rate."""
        if self.setting.lab is None or self.setting.lab.paced:
            return
        cores = self.record.shares or lab_resources.shares(self.setting.grid, self._inventory, os.cpu_count() or 1)
        for name, cpus in cores.items():
            self._deployment.set(name, cpus)
        self._deployment.set("lab_server_capacity", "")
        found["shares"] = cores

    def _choose_speed(self, bench: Bench, found: dict[str, Any]) -> Bench:
        """Find the speed that this machine can play where none is settled; what works with the new speed."""
        began = time.monotonic()
        if self.setting.time_scaling is not None:
            found["time_scaling"] = time_scaling.asked_for(self.setting.time_scaling)
            return bench
        chosen = time_scaling.measure(bench, self.setting.most_asked_per_s)
        found["time_scaling"] = chosen
        self.setting = self.setting.played(chosen.factor)
        self._deployment.play(chosen.factor)
        told = f"the planned cells need {chosen.needed_cores:.2f} of {chosen.available_cores:.2f} cores"
        self._tell(Step(told, time.monotonic() - began))
        for sentence in forecast.motion(self.setting):
            self._tell(Said(sentence))
        return replace(bench, grid=self.setting.grid)

    def _measure_ceiling(self, bench: Bench, prepared: dict[str, Any]) -> None:
        began = time.monotonic()
        self._deployment.switch(Cell((("servers", 1), ("vusers", 1))))
        found = ceiling.measure(bench, self.setting.most_asked_per_s / self.setting.grid.evidence.ceiling_note)
        prepared["ceiling"] = found
        told = f"{found.per_s:.0f}/s" if found.per_s else f"not known: {found.why}"
        self._tell(Step(f"generator and balancer alone: {told}", time.monotonic() - began))

    def _deploy(self) -> None:
        began = time.monotonic()
        private.sweep_earlier(*self.setting.directory.path.parent.glob("*/log"), self._root / ".state" / "log")
        self._tell(Step("deploying with site.yml; the first time it builds the images, which takes about two minutes"))
        self._deployment.deploy(lambda task: self._tell(Doing(task)))
        self._tell(Step("deployed", time.monotonic() - began))


def counting(grid: Grid) -> Counting:
    """Where the servers' own counts are read."""
    said = grid.service.requests_metric
    if said is None:
        return OURS
    return Counting(said.name, said.trial_label, said.status_label, said.path, said.labels, chosen=True)

"""Everything before the first trial: deploy, find what this machine can play, measure the generator's ceiling."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.deploy import host_limits, lab
from harness.deploy.connections import Reach
from harness.deploy.deployment import Deployment
from harness.grid.cell import Cell
from harness.observe import containers
from harness.observe import environment as provenance
from harness.study import ceiling, site, slow_motion
from harness.study.bench import Bench
from harness.study.events import Doing, Listener, Said, Step
from harness.study.outside import Outside
from harness.study.setup import Setting
from harness.traffic import play, registry


class Preparation:
    """Prepares a study. `setting` is the study's, in slow motion once that was chosen.

    `record` is study.json: what was found is written into it, and nothing of it unless all went well.
    """

    def __init__(
        self,
        root: Path,
        setting: Setting,
        deployment: Deployment,
        record: dict[str, Any],
        listener: Listener,
        cancelled: Callable[[], bool],
        outside: Outside,
    ) -> None:
        self.setting = setting
        self._root = root
        self._inventory = setting.inventory
        self._deployment = deployment
        self._record = record
        self._tell = listener
        self._cancelled = cancelled
        self._outside = outside

    def run(self, reach: Reach) -> Bench:
        """What every trial works with; raises DeployFailed, TrialFailed, EngineFailed, CannotRun or Interrupted."""
        found: dict[str, Any] = {}
        if self.setting.slow_motion is None:
            slow_motion.check_possible(self.setting.most_asked_per_s)
        self._share_out(found)
        self._deploy()
        reach.mend()
        reader = containers.Probes(self._inventory, reach, registry.services(self.setting.grid, self._inventory))
        grid, inventory, outside = self.setting.grid, self._inventory, self._outside
        engine = outside.engine(grid, inventory, reach)
        bench = Bench(grid, inventory, engine, reader, reach, self._tell, self._cancelled, outside)
        play.wait_ready(bench, within_s=150.0)  # a load of a killed study may still be running
        if self.setting.lab is not None and not self._record.get("slow_motion"):
            bench = self._choose_speed(bench, found)
        if self.setting.grid.evidence.ceiling and not self._record.get("ceiling"):
            self._measure_ceiling(bench, found)
        if self.setting.lab is not None and not self.setting.lab.paced:
            caps = {name: state.cpus for name, state in reader.states().items()}
            lab.check_caps(caps, os.cpu_count() or 1)
        if not self._record["environment"]:
            self._record["environment"] = provenance.environment(
                self._root, self._inventory, reader, reach, engine.version()
            )
        if "instrument" not in self._record and not self.setting.grid.instrument_check:
            here = site.site_of(self._record)
            self._record["instrument"] = site.last(self.setting.directory.path.parent, here)
        self._warn_of_limits(reader)
        self._record |= found
        bench.ceiling_per_s = (self._record.get("ceiling") or {}).get("per_s")
        hosts = self._record["environment"].get("hosts", {})
        bench.cpu_models = {name: str(machine.get("cpu", "")) for name, machine in hosts.items()}
        return bench

    def _warn_of_limits(self, reader: containers.Probes) -> None:
        """Say what the most users will not fit into; some studies want just that, so it is no refusal."""
        environment = self._record["environment"]
        cores = int(environment["hosts"].get(self._inventory.balancer.name, environment["machine"])["cores"])
        connections = host_limits.connections_of(environment["nginx_configuration"], cores)
        host = host_limits.parse(reader.run_in(self._inventory.generator, host_limits.COMMAND))
        most = max(planned.cell.vusers for planned in self.setting.planned)
        for sentence in host_limits.warnings(most, len(self._inventory.generators), connections, host):
            self._tell(Said(sentence, warning=True))

    def _share_out(self, found: dict[str, Any]) -> None:
        """Share out this machine's cores where its servers are not held to a rate."""
        if self.setting.lab is None or self.setting.lab.paced:
            return
        cores = self._record.get("shares") or lab.shares(self.setting.grid, self._inventory, os.cpu_count() or 1)
        for name, cpus in cores.items():
            self._deployment.set(name, cpus)
        self._deployment.set("lab_server_capacity", "")
        found["shares"] = cores

    def _choose_speed(self, bench: Bench, found: dict[str, Any]) -> Bench:
        """Find the speed that this machine can play where none is settled; what works with the new speed."""
        began = time.monotonic()
        if self.setting.slow_motion is not None:
            found["slow_motion"] = asdict(slow_motion.asked_for(self.setting.slow_motion))
            return bench
        chosen = slow_motion.measure(bench, self.setting.most_asked_per_s)
        found["slow_motion"] = asdict(chosen)
        self.setting = self.setting.played(chosen.factor)
        self._deployment.play(chosen.factor)
        told = f"the planned cells need {chosen.needed_cores:.2f} of {chosen.available_cores:.2f} cores"
        self._tell(Step(told, time.monotonic() - began))
        for sentence in self.setting.motion():
            self._tell(Said(sentence))
        return replace(bench, grid=self.setting.grid)

    def _measure_ceiling(self, bench: Bench, prepared: dict[str, Any]) -> None:
        began = time.monotonic()
        self._deployment.switch(Cell((("servers", 1), ("vusers", 1))))
        found = ceiling.measure(bench, self.setting.most_asked_per_s / self.setting.grid.evidence.ceiling_note)
        prepared["ceiling"] = asdict(found)
        told = f"{found.per_s:.0f}/s" if found.per_s else f"not known: {found.why}"
        self._tell(Step(f"generator and balancer alone: {told}", time.monotonic() - began))

    def _deploy(self) -> None:
        began = time.monotonic()
        self._tell(Step("deploying with site.yml; the first time it builds the images, which takes about two minutes"))
        self._deployment.deploy(lambda task: self._tell(Doing(task)))
        self._tell(Step("deployed", time.monotonic() - began))

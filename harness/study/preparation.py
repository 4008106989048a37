"""Prepare a study: deploy, choose the time factor, and measure the load generator's ceiling."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.balancers import registry as balancer_registry
from harness.deploy import host_limits, lab_resources
from harness.deploy.connections import Connections
from harness.deploy.deployment import Deployment, Placement
from harness.errors import BadInput
from harness.grid.cell import Cell
from harness.grid.load import BALANCER
from harness.grid.schema import Grid
from harness.observe import containers, systemd
from harness.observe import environment as provenance
from harness.observe.exposition import OURS, Counting
from harness.records.environment import BalancerSoftware, Environment, Machine
from harness.records.study import StudyRecord
from harness.study import calibrations, ceiling, forecast, image_digests, time_scaling
from harness.study.config import StudyConfig
from harness.study.dependencies import Dependencies
from harness.study.events import Listener, Message, Step, StepProgress
from harness.study.trial_context import TrialContext
from harness.traffic import registry, run_load

EARLIER_LOAD_ENDS_WITHIN_S = 150.0


class Preparation:
    """Prepares a study. After `run`, `config` has scaled times and `record` is the completed study.json."""

    def __init__(
        self,
        root: Path,
        config: StudyConfig,
        deployment: Deployment,
        record: StudyRecord,
        listener: Listener,
        is_cancelled: Callable[[], bool],
        dependencies: Dependencies,
    ) -> None:
        self.config = config
        self.record = record
        self._root = root
        self._inventory = config.inventory
        self._deployment = deployment
        self._listener = listener
        self._is_cancelled = is_cancelled
        self._dependencies = dependencies

    def run(self, connections: Connections) -> TrialContext:
        """Prepare everything that trials share.

        Raises DeployFailed, TrialFailed, LoadGeneratorFailed, CannotRun, Interrupted or BadInput.
        """
        found: dict[str, Any] = {}
        if self.config.time_factor is None:
            time_scaling.check_possible(self.config.scaled_max_rate_per_s())
        self._share_cores(found)
        self._deploy()
        connections.reconnect()
        context = self._connect(connections)
        self._check_views(context.probes)
        if self.config.lab is not None and self.record.time_scaling is None:
            context = self._choose_factor(context, found)
        if self.config.grid.evidence.ceiling and self.record.ceiling is None:
            self._measure_ceiling(context, found)
        if self.config.lab is not None and not self.config.lab.paced:
            caps = {name: state.cpus for name, state in context.probes.states().items()}
            lab_resources.check_caps(caps, os.cpu_count() or 1)
        self._read_environment(context, found)
        self.record = self._completed(found)
        self._warn_of_limits(context.probes, self.record.where)
        context.ceiling_per_s = self.record.ceiling.per_s if self.record.ceiling else None
        context.seed = self.record.seed
        context.cpu_models = {name: machine.cpu for name, machine in self.record.where.hosts.items()}
        return context

    def _connect(self, connections: Connections) -> TrialContext:
        """Connect to the load generator, and wait until it is idle: a killed study may have left a load."""
        grid, inventory = self.config.grid, self._inventory
        units = {**registry.services(grid, inventory), **systemd.dependency_units(inventory)}
        probes = containers.Probes(inventory, connections, units, request_counter(grid))
        context = TrialContext(
            grid=grid,
            inventory=inventory,
            load_generator=self._dependencies.connect_load_generator(grid, inventory, connections),
            probes=probes,
            connections=connections,
            listener=self._listener,
            is_cancelled=self._is_cancelled,
            dependencies=self._dependencies,
        )
        run_load.wait_ready(context, within_s=EARLIER_LOAD_ENDS_WITHIN_S)
        return context

    def _check_views(self, probes: containers.Probes) -> None:
        """Read the view of each dependency once; raises BadInput with the problems of all."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = zip(probes.dependencies, pool.map(probes.view_problem, probes.dependencies), strict=True)
            problems = [f"{host.name}: {problem}" for host, problem in found if problem]
        if problems:
            raise BadInput(*problems)

    def _read_environment(self, context: TrialContext, found: dict[str, Any]) -> None:
        """Check the compared images, and read the environment of a new study."""
        inventory, connections = self._inventory, context.connections
        levels = provenance.image_levels(self._deployment.images, inventory, connections)
        for warning in image_digests.check_builds(levels, self.record.where.image_levels):
            self._listener(Message(warning, warning=True))
        if self.record.environment is None:
            version = context.load_generator.version()
            found["environment"] = provenance.environment(
                self._root, inventory, context.probes, connections, version, levels, self._balancers(context.probes)
            )

    def _balancers(self, probes: containers.Probes) -> dict[str, BalancerSoftware]:
        """Read version and configuration of each balancer of the grid, which are deployed in turn."""
        found, balancers = {}, self.config.grid.balancers
        for balancer in (each for each in balancers if each.version):
            if len(balancers) > 1:
                cell = Cell((("servers", 1), ("vusers", 1), (BALANCER, balancer.name)))
                self._deployment.switch(Placement(cell, (self._inventory.servers[0].name,)))
            found[balancer.name] = provenance.balancer_software(probes, self._inventory.balancer, balancer)
        return found

    def _completed(self, found: dict[str, Any]) -> StudyRecord:
        """Return the record with everything found; a new study also gets the site's last calibration."""
        record = self.record.model_copy(update=found)
        if record.digests or self.config.grid.calibration:
            return record
        results = self.config.directory.path.parent
        return record.model_copy(update={"calibration": calibrations.latest(results, calibrations.site_id(record))})

    def _warn_of_limits(self, probes: containers.Probes, environment: Environment) -> None:
        """Warn of limits that the largest load exceeds. A study may measure such a limit, so this is no error."""
        found = environment.of_balancers
        host = self._inventory.balancer.name if found else ""
        machine = environment.hosts.get(host, environment.machine or Machine())
        connections = [
            host_limits.BalancerConnections(allowed, balancer.connections_per_user, balancer.connections_variable)
            for name, software in found.items()
            if (balancer := balancer_registry.BY_NAME[name])
            and (allowed := balancer.max_connections(software.configuration, machine.cores)) is not None
        ]
        of_generator = host_limits.parse(probes.run_in(self._inventory.generator, host_limits.COMMAND))
        most = max(self._max_connections(planned.cell) for planned in self.config.planned_trials())
        unit = "requests in flight" if self.config.grid.is_open else "users"
        for warning in host_limits.warnings(most, len(self._inventory.generators), connections, of_generator, unit):
            self._listener(Message(warning, warning=True))

    def _max_connections(self, cell: Cell) -> int:
        """Largest number of connections of a cell: one per user, or one per request that may be in flight."""
        grid = self.config.grid
        if not grid.is_open:
            return cell.vusers
        return min(grid.load.most_in_flight, math.ceil(grid.scaled_per_s(cell.rate) * grid.load.timeout))

    def _share_cores(self, found: dict[str, Any]) -> None:
        """Divide this machine's cores among containers when its servers are not paced."""
        if self.config.lab is None or self.config.lab.paced:
            return
        cores = self.record.shares or lab_resources.shares(self.config.grid, self._inventory, os.cpu_count() or 1)
        for name, cpus in cores.items():
            self._deployment.set(name, cpus)
        self._deployment.set("lab_server_capacity", "")
        found["shares"] = cores

    def _choose_factor(self, context: TrialContext, found: dict[str, Any]) -> TrialContext:
        """Measure the time factor unless it is set; return the context with scaled times."""
        began = time.monotonic()
        if self.config.time_factor is not None:
            found["time_scaling"] = time_scaling.preset(self.config.time_factor)
            return context
        chosen = time_scaling.measure(context, self.config.scaled_max_rate_per_s())
        found["time_scaling"] = chosen
        self.config = self.config.scaled(chosen.factor)
        self._deployment.scale_time(chosen.factor)
        cores = f"the planned cells need {chosen.needed_cores:.2f} of {chosen.available_cores:.2f} cores"
        self._listener(Step(cores, time.monotonic() - began))
        for sentence in forecast.time_scaling(self.config):
            self._listener(Message(sentence))
        return replace(context, grid=self.config.grid)

    def _measure_ceiling(self, context: TrialContext, found: dict[str, Any]) -> None:
        began = time.monotonic()
        if self.config.grid.platform is None:
            one = self._inventory.servers[0].name
            self._deployment.switch(Placement(Cell((("servers", 1), ("vusers", 1))), (one,)))
        sufficient_per_s = self.config.scaled_max_rate_per_s() / self.config.grid.evidence.ceiling_note
        measured = ceiling.measure(context, sufficient_per_s)
        found["ceiling"] = measured
        rate = f"{measured.per_s:,.0f} req/s" if measured.per_s else f"not known: {measured.why}"
        self._listener(Step(f"maximum rate of load generator and balancer: {rate}", time.monotonic() - began))

    def _deploy(self) -> None:
        began = time.monotonic()
        what = "all images" if self.config.grid.platform is None else "the load generator's image"
        self._listener(Step(f"deploying with site.yml; the first deployment builds {what} and takes about 2 min"))
        self._deployment.deploy(lambda task: self._listener(StepProgress(task)))
        self._listener(Step("deployed", time.monotonic() - began))


def request_counter(grid: Grid) -> Counting:
    """Return where the servers' own request counts are read."""
    metric = grid.service.requests_metric
    if metric is None:
        return OURS
    return Counting(
        name=metric.name,
        trial=metric.trial_label,
        status=metric.status_label,
        path=metric.path,
        only=metric.labels,
        chosen=True,
    )

"""Read and check a grid and everything it refers to, before any host is touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from harness.deploy import balancer_template, lab_resources, scale_playbook
from harness.deploy.inventory.files import programs, resolve_path, unreadable
from harness.deploy.inventory.hosts import GROUPS, OF_PLATFORM, Inventory
from harness.deploy.inventory.resolve import find
from harness.deploy.role_values import ROLES, YAML_LOADER, RoleValues
from harness.errors import BadInput
from harness.grid import derive
from harness.grid.cell import Cell
from harness.grid.checks import Checker
from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.reading import read_grid
from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.plan import bound, order, predicted_idle, stopping
from harness.plan import terms as plan_terms
from harness.plan.order import PlannedTrial
from harness.plan.terms import Terms
from harness.records.directory import StudyDirectory
from harness.records.study import Configuration, Decision
from harness.records.trial import Outcome
from harness.study import budget, grid_problems, identity, traffic_secrets
from harness.study.grid_problems import Problems
from harness.study.identity import ConfigurationDifference
from harness.traffic.data_files import DataReader


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """A checked grid with its inventory, identity and directory.

    `grid` has scaled times once `time_factor` is known, and nominal ones while it is None. `inventory_snapshot` is the
    file with the answer of an inventory that is a program; None for an inventory that is a file.
    """

    grid: Grid
    inventory: Inventory
    inventory_path: Path
    configuration: Configuration
    directory: StudyDirectory
    lab: lab_resources.Lab | None = None
    time_factor: float | None = None
    inventory_snapshot: Path | None = None

    def scaled(self, factor: float) -> StudyConfig:
        """Return the configuration with scaled times; only valid while its times are nominal."""
        return replace(self, grid=self.grid.scaled(factor), time_factor=factor)

    def new_terms(self, seed: int) -> Terms:
        """Return the terms of a study that starts now: the seed is the grid's, or else this one."""
        idle = None
        if self.lab is not None:
            # Nominal and scaled values have the same ratios; the factor may not be known yet.
            think_s = self.nominal_think_s
            idle = predicted_idle.predict(self.grid, self.lab.rates, self.lab.service_s, think_s)
        return Terms(seed if self.grid.seed is None else self.grid.seed, idle, plan_terms.EARLIEST_STOP)

    def terms(self) -> Terms:
        """Return the terms of the recorded study; of a new study with seed 0 while its seed is not drawn."""
        study = self.directory.study()
        return plan_terms.of_study(study) if study else self.new_terms(0)

    def has_seed(self) -> bool:
        """Return whether the seed, and so the order of trials, is known."""
        return self.grid.seed is not None or self.directory.study() is not None

    @property
    def nominal_think_s(self) -> float:
        """Mean think time after a request as the grid file gives it."""
        return self.grid.think_per_request_s / (self.time_factor or 1.0)

    def plan(self) -> tuple[list[PlannedTrial], Decision | None]:
        """Return every trial that follows from the recorded ones, in order, and the last stopping decision."""
        return stopping.trials(self.grid, self.inventory.kind, self.directory.trials(), self.terms())

    def planned_trials(self) -> list[PlannedTrial]:
        """Return every trial that follows from the recorded ones, in order."""
        return self.plan()[0]

    def remaining_trials(self) -> list[PlannedTrial]:
        """Return the planned trials that have no record or could not be run."""
        trials = self.directory.trials().items()
        measured = {where for where, trial in trials if trial.outcome != Outcome.FAILED}
        return order.remaining(self.planned_trials(), measured)

    def largest_plan(self) -> list[PlannedTrial]:
        """Return the largest plan that the study can have, in any order; a budget is checked against it."""
        rates, service_s = (self.lab.rates, self.lab.service_s) if self.lab else (None, 0.0)
        return bound.largest_plan(self.grid, self.inventory.kind, rates, service_s + self.nominal_think_s)

    @property
    def scaled_rates(self) -> ServerRates | None:
        """Rates of paced servers in scaled time; None without pacing."""
        if self.lab is None or self.lab.rates is None:
            return None
        return self.lab.rates.divided(self.time_factor or 1.0)

    @property
    def scaled_service_s(self) -> float:
        """Service time of a paced server in scaled time; 0 without pacing."""
        return self.lab.service_s * (self.time_factor or 1.0) if self.lab else 0.0

    def scaled_max_rate_per_s(self) -> float:
        """Return the largest request rate of all planned trials in scaled time; infinite without a bound."""
        rates, cells = self.scaled_rates, [trial.cell for trial in self.planned_trials()]
        served = [rates.of(cell.servers_level) if rates else math.inf for cell in cells]
        return max(min(self._offered_per_s(cell), most) for cell, most in zip(cells, served, strict=True))

    def _offered_per_s(self, cell: Cell) -> float:
        """Largest request rate of a cell's load in scaled time; infinite for users without think time."""
        if self.grid.is_open:
            return self.grid.scaled_per_s(cell.rate)
        think_s = self.grid.think_per_request_s
        return cell.vusers / think_s if think_s else math.inf

    def duration_s(self, trials: list[PlannedTrial]) -> float:
        """Estimate the wall-clock duration of a study of these trials, deployment and report included."""
        return order.estimate_s(self.grid, trials, self.scaled_rates) + order.FIXED_S

    def cost_usd(self, duration_s: float) -> float | None:
        """Return the price of all hosts for a duration, by `study_usd_per_hour`; None when a host has no price."""
        if self.inventory.kind != "hosts":
            return 0.0
        prices = [host.usd_per_hour for host in self.inventory.hosts if host.usd_per_hour is not None]
        return sum(prices) * duration_s / 3600 if len(prices) == len(self.inventory.hosts) else None


def role_variables(root: Path) -> frozenset[str]:
    """Return the names of all public role variables that a cell may set."""
    names = {*lab_resources.VARIABLES, *(name for kind in LOAD_GENERATORS for name in kind.variables)}
    for role in ROLES:
        text = (root / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8")
        names |= yaml.load(text, Loader=YAML_LOADER).keys()  # noqa: S506 - a safe one
    return frozenset(names)


def resolve(
    root: Path,
    results: Path,
    grid_file: Path,
    other_inventory: str | None = None,
    notify: Callable[[str], None] = lambda _: None,
    derived: Callable[[Grid], Grid] | None = None,
) -> StudyConfig:
    """Read and check a grid file with its inventory; raises BadInput.

    An inventory may be a program. `notify` receives a line before that program runs. `derived` returns the grid to
    measure where it is not that of the file, as of a gate.
    """
    if other_inventory is not None and not other_inventory.strip():
        raise BadInput("--inventory: is empty. Fix: name an inventory, or leave the option out for the grid's")
    names, values = role_variables(root), RoleValues.read(root)
    file = read_grid(grid_file, names, values, DataReader(folder=grid_file.parent))
    problems = Problems(file)
    if file.grid is None or not (other_inventory or file.is_sound(("inventory",))):
        problems.reject()
    grid = file.grid or file.usable()
    if other_inventory:
        grid = grid.model_copy(update={"inventory": other_inventory})
    derived = derived or (derive.quick if grid.quick else None)
    if derived and not problems:
        grid = derived(grid)
        problems.add(Checker(grid, names, values).all())
    grid, unusable = scale_playbook.fill(root, grid_file.parent, grid)
    problems.add(unusable)
    where = "--inventory" if other_inventory else f"{grid_file}:{file.document.line(('inventory',))}"
    with problems.collecting():
        path = resolve_path(root, grid.inventory, grid_file.parent, where)
    if problems and not unreadable(path) and programs(path):
        problems.reject()  # a program only runs for a grid without problems
    with problems.collecting():
        groups, types = OF_PLATFORM if grid.platform is not None else GROUPS, grid.server_types
        found, snapshot = find(root, path, grid.inventory, notify=notify, groups=groups, server_types=types)
        inventory = with_server_port(grid, found)
        grid = balancer_template.of_inventory(grid, inventory, path)
        grid_problems.of_inventory(file, grid, inventory, path, problems)
        grid, missing = traffic_secrets.fill(root, snapshot or path, grid, inventory)
        problems.add(missing)
        if grid_problems.can_be_planned(file):
            config = _config(results, grid, inventory, path, snapshot)
            problems.add(budget.problems(config))
    problems.reject()
    return config


def _config(results: Path, grid: Grid, inventory: Inventory, path: Path, snapshot: Path | None) -> StudyConfig:
    configuration = identity.effective(grid, inventory)
    return with_known_factor(
        StudyConfig(
            grid=grid,
            inventory=inventory,
            inventory_path=path,
            configuration=configuration,
            directory=identity.directory_for(results, grid, configuration),
            lab=lab_resources.of(grid, inventory),
            inventory_snapshot=snapshot,
        )
    )


def with_server_port(grid: Grid, inventory: Inventory) -> Inventory:
    """Return the inventory with the server port of the grid, where the grid sets one."""
    port = grid.service.port if "port" in grid.service.model_fields_set else grid.vars.get("ml_server_port")
    if port is None:
        return inventory
    hosts = (
        host.with_variables(ml_server_port=port) if host.group == "ml_servers" else host for host in inventory.hosts
    )
    return replace(inventory, hosts=tuple(hosts))


def with_known_factor(config: StudyConfig) -> StudyConfig:
    """Return the configuration with scaled times when the factor is known: recorded, set, or 1 without pacing."""
    study = config.directory.study()
    if study and study.time_scaling:
        return config.scaled(study.factor)
    if config.lab is not None and config.lab.time_scaling is not None:
        return config.scaled(config.lab.time_scaling)
    if config.lab is None or not config.lab.paced:
        return config.scaled(1.0)
    return config


def what_changed(config: StudyConfig) -> tuple[str, list[ConfigurationDifference]] | None:
    """Return the newest other study of this name and its differences; None when this study exists already."""
    if config.directory.path.exists():
        return None
    other = identity.latest_other(config.directory.path.parent, config.grid, config.directory)
    if other is None:
        return None
    return other[0].path.name, identity.differences(other[1], config.configuration)

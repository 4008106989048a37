"""A grid with everything it refers to, resolved and checked before anything is touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from harness.deploy import host_limits, lab_resources
from harness.deploy.inventory.hosts import Inventory, resolve_path
from harness.deploy.inventory.resolve import find
from harness.deploy.role_values import ROLES, RoleValues
from harness.errors import BadInput
from harness.grid.cell import Cell
from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.reading import check_servers, load_grid
from harness.grid.schema import Grid
from harness.plan import bound, order, predicted_idle, stopping
from harness.plan import terms as plan_terms
from harness.plan.order import PlannedTrial
from harness.plan.terms import Terms
from harness.records.directory import StudyDirectory
from harness.records.study import Configuration, Decision, Order
from harness.records.trial import Outcome
from harness.study import identity as configuration
from harness.study import request_delivery
from harness.traffic import registry


@dataclass(frozen=True)
class Setting:
    """A grid with everything it refers to, resolved and checked.

    `grid` is the grid as it is played: in slow motion where `time_scaling` is not 1, None while that is not
    yet known. `asked` holds what an inventory that asks somebody answered; None where it is a file of its own.
    """

    grid: Grid
    inventory: Inventory
    inventory_path: Path
    configuration: Configuration
    directory: StudyDirectory
    lab: lab_resources.Lab | None = None
    time_scaling: float | None = None
    asked: Path | None = None

    def played(self, factor: float) -> Setting:
        """The same setting played slower by a factor; only one that is not slowed yet."""
        return replace(self, grid=self.grid.slowed(factor), time_scaling=factor)

    def terms_with(self, seed: int) -> Terms:
        """Terms for a study that begins now, with the seed of the grid or else this one."""
        rests = None
        if self.lab is not None:
            # Rates and times in slow motion have the same ratios; it may not be chosen yet.
            rests = predicted_idle.settle(self.grid, self.lab.capacity_per_s, self.lab.service_s, self.real_think_s)
        return Terms(seed if self.grid.seed is None else self.grid.seed, Order.BALANCED, rests)

    @property
    def terms(self) -> Terms:
        """Those that the study began with; before that all but a seed that is not drawn yet."""
        begun = self.directory.study()
        return plan_terms.of(begun) if begun else self.terms_with(0)

    @property
    def order_known(self) -> bool:
        """Whether the order is settled: not while its seed is to be drawn."""
        return self.grid.seed is not None or self.directory.study() is not None

    @property
    def real_think_s(self) -> float:
        """The think time as it is written, whatever it is played at."""
        return self.grid.load.think_time / (self.time_scaling or 1.0)

    def settled(self) -> tuple[list[PlannedTrial], Decision | None]:
        """Every trial that is settled by what is recorded, in its order, and why no more follow yet."""
        return stopping.trials(self.grid, self.inventory.kind, self.directory.trials(), self.terms)

    @property
    def planned(self) -> list[PlannedTrial]:
        """Every trial in its order, as far as it is settled."""
        return self.settled()[0]

    @property
    def left(self) -> list[PlannedTrial]:
        """Trials to measure: those without a record, and those that could not be carried out."""
        trials = self.directory.trials().items()
        return order.remaining(self.planned, {where for where, trial in trials if trial.outcome != Outcome.FAILED})

    @property
    def most(self) -> list[PlannedTrial]:
        """Every trial there may be at most, for a budget; in any order."""
        capacity, service_s = (self.lab.capacity_per_s, self.lab.service_s) if self.lab else (None, 0.0)
        return bound.trials(self.grid, self.inventory.kind, capacity, service_s + self.real_think_s)

    @property
    def capacity_per_s(self) -> float | None:
        """What a server of the lab is held to, as it is played; None where servers are what they are."""
        if self.lab is None or self.lab.capacity_per_s is None:
            return None
        return self.lab.capacity_per_s / (self.time_scaling or 1.0)

    @property
    def service_s(self) -> float:
        """How long a server of the lab takes for a request, as it is played; 0 where that is not set."""
        return self.lab.service_s * (self.time_scaling or 1.0) if self.lab else 0.0

    @property
    def most_asked_per_s(self) -> float:
        """Most requests per second that any planned trial can have; infinite where nothing bounds it."""
        capacity = self.capacity_per_s or math.inf
        return max(min(self._asked_per_s(t.cell), t.cell.servers * capacity) for t in self.planned)

    def _asked_per_s(self, cell: Cell) -> float:
        """Most requests per second that a cell's load asks for; infinite for users that do not think."""
        if self.grid.is_open:
            return self.grid.played_per_s(cell.rate)
        think_s = self.grid.load.think_time
        return cell.vusers / think_s if think_s else math.inf

    def takes_s(self, trials: list[PlannedTrial]) -> float:
        """Seconds that these trials will take, with what comes before and after."""
        return order.estimate_s(self.grid, trials, self.capacity_per_s) + order.FIXED_S

    def cost_usd(self, takes_s: float) -> float | None:
        """What the hosts cost for so long, by their `study_usd_per_hour`; None where one has no price."""
        prices = [host.variables.get("study_usd_per_hour") for host in self.inventory.hosts]
        if self.inventory.kind != "hosts":
            return 0.0
        if any(price is None for price in prices):
            return None
        return sum(float(str(price)) for price in prices) * takes_s / 3600


def role_variables(root: Path) -> frozenset[str]:
    """Names of all public variables of the roles that a cell may vary."""
    names = {*lab_resources.VARIABLES, *(name for kind in LOAD_GENERATORS for name in kind.variables)}
    for role in ROLES:
        names |= yaml.safe_load((root / "roles" / role / "defaults" / "main.yml").read_text()).keys()
    return frozenset(names)


def resolve(
    root: Path,
    results: Path,
    grid_file: Path,
    other_inventory: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Setting:
    """Load and check everything before anything is touched; raises BadInput.

    `tell` is called with a line before a program of the inventory is run.
    """
    grid, document = load_grid(grid_file, role_variables(root), RoleValues.read(root))
    if other_inventory:
        grid = grid.model_copy(update={"inventory": other_inventory})
    line = document.line(("inventory",))
    where = "--inventory" if other_inventory else f"{grid_file}:{line}"
    path = resolve_path(root, grid.inventory, grid_file.parent, where)
    found, answer = find(root, path, grid.inventory, tell=tell)
    inventory = listening(grid, found)
    check_servers(grid_file, grid, document, len(inventory.servers))
    check_credits(path, inventory)
    try:
        registry.check(grid, inventory)
    except BadInput as error:
        line = document.line(("load_generator",))
        raise BadInput(*(f"{grid_file}:{line}: {problem}" for problem in error.problems)) from None
    request_delivery.check(grid_file, grid, document, inventory)
    effective = configuration.effective(grid, inventory)
    directory = configuration.directory_for(results, grid, effective)
    setting = in_motion(
        Setting(grid, inventory, path, effective, directory, lab_resources.of(grid, inventory), asked=answer)
    )
    check_budget(f"{grid_file}:{document.line(('budget',))}", setting)
    return setting


def listening(grid: Grid, hosts: Inventory) -> Inventory:
    """The hosts, with servers that listen at the port that the grid says, where it says one."""
    said = "port" in grid.service.model_fields_set
    port = grid.service.port if said else grid.vars.get("ml_server_port")
    if port is None:
        return hosts
    each = (
        replace(host, variables={**host.variables, "ml_server_port": port}) if host.group == "ml_servers" else host
        for host in hosts.hosts
    )
    return replace(hosts, hosts=tuple(each))


def in_motion(setting: Setting) -> Setting:
    """The setting as it is played: as its study began, or as was asked for; as written while neither is known."""
    begun = setting.directory.study()
    if begun and begun.time_scaling:
        return setting.played(begun.factor)
    if setting.lab is not None and setting.lab.time_scaling is not None:
        return setting.played(setting.lab.time_scaling)
    if setting.lab is None or not setting.lab.paced:
        return setting.played(1.0)
    return setting


def check_credits(path: Path, hosts: Inventory) -> None:
    """Refuse hosts whose CPU may run out of credits in the middle (rule E11); raises BadInput."""
    told = [(h.name, *(str(h.variables.get(f"study_{key}") or "") for key in KEYS)) for h in hosts.hosts]
    found = host_limits.burstable([(name, kind, mode) for name, kind, mode in told])
    if found:
        raise BadInput(*(f"{path}: {problem}" for problem in found))


KEYS = ("instance_type", "cpu_credits")


def check_budget(where: str, setting: Setting) -> None:
    """Refuse a plan that may take or cost more than the grid's budget; raises BadInput."""
    budget = setting.grid.budget
    if budget.time is None and budget.cost is None:
        return
    most = setting.most
    takes_s = setting.takes_s(most)
    search = setting.grid.search is not None
    what = f"the search of at most {len(most)} trials" if search else "the plan"
    fewer = "a narrower span from..to or a larger until" if search else "fewer cells"
    rest = f"take {fewer}, fewer repeats, shorter trials, or a larger budget"
    found = []
    if budget.time is not None and takes_s > budget.time:
        allowed = f"the budget is {budget.time / 60:.0f} min"
        found.append(f"{where}: budget: {what} takes about {takes_s / 60:.0f} min, {allowed}; {rest}")
    cost = setting.cost_usd(takes_s) if budget.cost is not None else None
    if budget.cost is not None and cost is None:
        found.append(
            f"{where}: budget: a cost is given, but a host of {setting.inventory.path} has no study_usd_per_hour; "
            "write each group's price into the inventory, or leave the cost out"
        )
    if budget.cost is not None and cost is not None and cost > budget.cost:
        allowed = f"the budget is {budget.cost:.2f} USD"
        found.append(f"{where}: budget: {what} costs about {cost:.2f} USD, {allowed}; {rest}, or smaller machines")
    if found:
        raise BadInput(*found)


def what_changed(setting: Setting) -> tuple[str, list[str]] | None:
    """The newest other study of this name and what differs from it, when this one is not there yet."""
    if setting.directory.path.exists():
        return None
    other = configuration.latest_other(setting.directory.path.parent, setting.grid, setting.directory)
    if other is None:
        return None
    return other[0].path.name, configuration.differences(other[1], setting.configuration)

"""The deployed topology, and how to switch from one cell to the next with the fewest changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from harness.balancers import registry
from harness.deploy import balancer_template, script_context, tls
from harness.deploy.ansible import Ansible, Playbook
from harness.deploy.balancer_template import VARIABLE
from harness.errors import DeployFailed
from harness.grid.cell import Cell
from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.schema import Grid

# Prefix of role variables → tags that apply a change of them, with each load generator.
TARGET = "study_target_server"  # the server to which the load generators send; empty for the balancer
GENERATOR_TAGS = {TARGET: ("locust",), **{kind.prefix: kind.tags for kind in LOAD_GENERATORS}}
ROLE = "study_balancer_role"  # the role of the cell's balancer
LATER_S = 5.0  # the balancer's timeout minus the users': they must not get a response of the balancer itself
HEALTH_S = (10.0, 12.0)  # bounds of a health check, which clients of the balancer give up after 15 s
DEPLOYED_WITHIN_S, SWITCHED_WITHIN_S = 900.0, 180.0
REPAIR = (
    *("dependency_service", "dependency_ready", "ml_server_service", "ml_server_ready"),
    *(tag for kind in LOAD_GENERATORS for tag in kind.repair),
)


def tags_for(changed: Iterable[str], role: str = registry.BY_NAME[registry.DEFAULT].role) -> list[str]:
    """Tags that apply these variables, each once; `role` is that of the cell's balancer."""
    balancer = next(each for each in registry.BALANCERS if each.role == role)
    by_prefix = {**balancer.tags, ROLE: (role,), **GENERATOR_TAGS}
    return sorted(
        {tag for name in changed for prefix, tags in by_prefix.items() if name.startswith(prefix) for tag in tags}
    )


@dataclass(frozen=True)
class Placement:
    """A cell and the names of the servers on which it is measured."""

    cell: Cell
    servers: tuple[str, ...]


@dataclass
class Switch:
    """A running change of the topology."""

    wanted: dict[str, Any]
    playbook: Playbook


class Deployment:
    """Switches topologies with Ansible, and remembers the variables that are applied."""

    switched_within_s = SWITCHED_WITHIN_S

    def __init__(self, ansible: Ansible, grid: Grid, playbook: Callable[..., Playbook] = Playbook) -> None:
        self._ansible = ansible
        self._playbook = playbook
        self._applied: dict[str, Any] | None = None
        self._under_way: Switch | None = None
        self._set = grid.vars
        self._balancers = grid.balancers
        self._balancer_of = grid.balancer_of
        self._written_timeout_s = grid.load.timeout / grid.time_factor
        self.images = _images(grid)  # of the service, if the grid compares images
        self.fixed = _fixed(grid, self.images)
        self._script = grid.dataset.script if grid.dataset else None
        templates = grid.dataset.templates if grid.dataset else {}
        self._templates = balancer_template.copies(ansible.root, templates) if templates else {}
        if templates and VARIABLE not in {*grid.vars, *grid.factors}:  # set by the inventory
            self.fixed[VARIABLE] = next(iter(templates))
        self.fixed = balancer_template.in_variables(self.fixed, self._templates)

    def deploy(self, on_task: Callable[[str], None]) -> None:
        """Deploy everything with all servers up; raises DeployFailed."""
        self.drop()
        if self._script is not None:
            self.fixed["study_script_context"] = str(script_context.write(self._ansible.root, self._script))
        # Pull all images now: a switch does not wait for a registry, and a missing image fails before the first trial.
        images = {"study_service_images": list(self.images)} if self.images else {}
        playbook = self._playbook(self._ansible, "site.yml", {**self.fixed, **images}, on_task=on_task)
        playbook.wait(DEPLOYED_WITHIN_S)
        self._applied = dict(self.fixed)  # with all servers, as the playbook's default

    def prepare(self, placement: Placement) -> Playbook | None:
        """Start the switch to a cell and hold it before it changes a host; None if there is nothing to change."""
        self.drop()
        wanted, changed = self._difference(placement)
        if changed:
            self._under_way = self._start_switch(wanted, changed, held=True)
        return self._under_way.playbook if self._under_way else None

    def begin(self, placement: Placement) -> None:
        """Begin the switch to a cell; `switch` waits for its end."""
        wanted, changed = self._difference(placement)
        if self._under_way and self._under_way.wanted == wanted:
            self._under_way.playbook.release()
            return
        self.drop()
        if changed:
            self._under_way = self._start_switch(wanted, changed)

    def switch(self, placement: Placement) -> None:
        """Bring up a cell's topology, changing only what differs; raises DeployFailed."""
        self.begin(placement)
        self._finish()

    def repair(self) -> None:
        """Restart what died, with the variables of the last cell; raises DeployFailed.

        The balancer is reloaded, because it excludes servers for a while after they failed.
        """
        self.drop()
        last = self._applied or self.fixed
        role = str(last[ROLE])
        self._under_way = self._start({**last, f"{role}_reload": True}, [*REPAIR, role])
        self._finish()

    def scale_time(self, factor: float) -> None:
        """Scale all times by a factor from now on."""
        if factor != 1:
            self.set("ml_server_time_scaling", factor)
            # The longest response time is the wait for a slot of a paced server, which is scaled like every time.
            for balancer in self._balancers:
                longest_s = max(balancer.waits_s, self._written_timeout_s + LATER_S) * factor
                if (name := balancer.variable("response_timeout")) not in self._set:
                    self.set(name, balancer.duration(longest_s))

    def set(self, name: str, value: object) -> None:
        """Change a variable for everything that follows."""
        self.fixed[name] = value

    def drop(self) -> None:
        """Kill a running switch. What is applied is unknown then, unless the switch was held."""
        if self._under_way:
            switch, self._under_way = self._under_way, None
            if switch.playbook.may_have_changed:
                self._applied = None
            switch.playbook.drop()

    def _difference(self, placement: Placement) -> tuple[dict[str, Any], list[str]]:
        """All variables of a cell, and the names of those that are not applied yet."""
        variables = placement.cell.variables
        # The order of servers changes nothing, and must not look like a change.
        balancer = self._balancer_of(placement.cell.by_name)
        wanted: dict[str, Any] = {**self.fixed, ROLE: balancer.role, "study_servers": sorted(placement.servers)}
        wanted |= balancer_template.in_variables(variables, self._templates)
        if not all(each.forwards for each in self._balancers):  # Locust accepts one target, so it is started again
            wanted[TARGET] = "" if balancer.forwards else placement.servers[0]
        before = self._applied
        if before is None:
            return wanted, [ROLE, "study_servers", *variables]
        return wanted, [name for name in wanted if before.get(name, object()) != wanted[name]]

    def _start_switch(self, wanted: dict[str, Any], changed: list[str], held: bool = False) -> Switch:
        return self._start(wanted, tags_for(changed, wanted[ROLE]), held)

    def _start(self, wanted: dict[str, Any], tags: list[str], held: bool = False) -> Switch:
        # The balancer's own playbook loads faster than the one that imports all three.
        only_balancer = all(tag.startswith(registry.ROLES) for tag in tags)
        playbook = "playbooks/deploy-balancer.yml" if only_balancer else "playbooks/switch-topology.yml"
        return Switch(dict(wanted), self._playbook(self._ansible, playbook, wanted, tags, held))

    def _finish(self) -> None:
        switch, self._under_way = self._under_way, None
        if switch is None:
            return
        try:
            switch.playbook.wait(self.switched_within_s)
        except DeployFailed:
            self._applied = None  # what is applied is unknown
            raise
        self._applied = switch.wanted


def _images(grid: Grid) -> tuple[str, ...]:
    """Images of the service that cells run, in the order of levels; empty if all run the same image."""
    images = (topology.variables.get("ml_server_image") for topology in grid.cells.topologies)
    return tuple(dict.fromkeys(str(image) for image in images if image))


def _following(grid: Grid) -> dict[str, Any]:
    """Timeouts derived from the grid's `load.timeout`, and the host of health checks."""
    timeout_s, (least_s, most_s) = grid.load.timeout, HEALTH_S
    variables: dict[str, Any] = {"ml_server_health_timeout_s": max(least_s, timeout_s)}
    for each in grid.balancers:
        variables[each.variable("response_timeout")] = each.duration(max(each.waits_s, timeout_s + LATER_S))
        variables[each.variable("health_timeout_s")] = min(max(least_s, timeout_s), most_s)
    return variables | _host(grid)


def _host(grid: Grid) -> dict[str, Any]:
    """The host name of the grid's requests, for health checks: applications may reject others."""
    name = tls.host_header(grid)
    roles = (*(each.role for each in grid.balancers), "ml_server")
    return {f"{role}_health_host": name for role in roles} if name else {}


def _of_platform(grid: Grid, url: str) -> dict[str, Any]:
    """Variables of a study that deploys load generators only, and builds only their image."""
    own = {"study_platform_url": url, "study_balancer_roles": [], "study_service_images": []}
    return {**grid.vars, **own, "study_load_generator": grid.load_generator}


def _fixed(grid: Grid, images: tuple[str, ...]) -> dict[str, Any]:
    """Variables that all cells share. Those of compared images and of TLS apply until a cell sets others."""
    if grid.platform is not None:
        return _of_platform(grid, grid.platform.url)
    service = grid.service
    variables = {**_following(grid), **tls.initial(grid), **grid.vars, "study_load_generator": grid.load_generator}
    variables[ROLE] = grid.balancers[0].role
    variables["study_balancer_roles"] = list(dict.fromkeys(each.role for each in grid.balancers))
    roles = (*(each.role for each in grid.balancers), "ml_server")
    if service.image or images:
        variables["ml_server_image"] = images[0] if images else service.image
    if "port" in service.model_fields_set:
        variables |= {"ml_server_port": service.port}
        variables |= {each.variable("server_port"): service.port for each in grid.balancers}
    if "health" in service.model_fields_set:
        variables |= {f"{role}_health": service.health for role in roles}
    return variables

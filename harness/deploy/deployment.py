"""What is deployed now, and how to get from one cell to the next with the least change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from harness.deploy.ansible import Ansible, Playbook
from harness.errors import DeployFailed
from harness.grid.cell import Cell, expand
from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.schema import Grid

# Variables of a role begin with its name; a change of one is applied by that role's tags.
TAGS = {
    "study_servers": ("nginx_lb_configure",),
    "nginx_lb_": ("nginx_lb",),
    "ml_server_": ("ml_server", "nginx_lb_verify"),
    "lab_": ("ml_server", "nginx_lb_verify"),
    **{kind.prefix: kind.tags for kind in LOAD_GENERATORS},
}
NGINX_WAITS_S = 60.0  # its own default
LATER_S = 5.0  # than the users give up: a response that they wait for is the server's
HEALTH_S = (10.0, 12.0)  # a health check may take as long as a request, but who asks the balancer for it gives up at 15
DEPLOYED_WITHIN_S, SWITCHED_WITHIN_S = 900.0, 180.0
REPAIR = ("ml_server_service", "ml_server_ready", "nginx_lb", *(tag for kind in LOAD_GENERATORS for tag in kind.repair))


def tags_for(changed: Iterable[str]) -> list[str]:
    """Tags that apply these variables, each once."""
    return sorted({tag for name in changed for prefix, tags in TAGS.items() if name.startswith(prefix) for tag in tags})


@dataclass
class Switch:
    """A change of what is deployed that is under way."""

    wanted: dict[str, Any]
    playbook: Playbook


class Deployment:
    """Drives Ansible from cell to cell and remembers what it applied."""

    def __init__(self, ansible: Ansible, grid: Grid, playbook: Callable[..., Playbook] = Playbook) -> None:
        self._ansible = ansible
        self._playbook = playbook
        self._applied: dict[str, Any] | None = None
        self._under_way: Switch | None = None
        self._set = grid.vars
        self._written_timeout_s = grid.load.timeout / grid.written_per_s(1.0)
        self.images = _images(grid)  # of the service, where these are compared
        self.fixed = _fixed(grid, self.images)

    def deploy(self, on_task: Callable[[str], None]) -> None:
        """Deploy everything with all servers up; raises DeployFailed."""
        self.drop()
        # All images now: a switch waits for no registry, and one that is nowhere is told before the first trial.
        brought = {"study_service_images": list(self.images)} if self.images else {}
        playbook = self._playbook(self._ansible, "site.yml", {**self.fixed, **brought}, on_task=on_task)
        playbook.wait(DEPLOYED_WITHIN_S)
        self._applied = dict(self.fixed)  # and all servers, which no cell need ask for

    def prepare(self, cell: Cell) -> Playbook | None:
        """Have the switch to a cell do all it can without touching a host; None when there is nothing to do."""
        self.drop()
        wanted, changed = self._difference(cell)
        if changed:
            self._under_way = self._start(wanted, tags_for(changed), held=True)
        return self._under_way.playbook if self._under_way else None

    def begin(self, cell: Cell) -> None:
        """Begin the switch to a cell, whose end `switch` waits for."""
        wanted, changed = self._difference(cell)
        if self._under_way and self._under_way.wanted == wanted:
            self._under_way.playbook.let_go()
            return
        self.drop()
        if changed:
            self._under_way = self._start(wanted, tags_for(changed))

    def switch(self, cell: Cell) -> None:
        """Bring up a cell's topology, changing only what differs; raises DeployFailed."""
        self.begin(cell)
        self._finish()

    def repair(self) -> None:
        """Start again what died, with the variables of the last cell; raises DeployFailed.

        The balancer is reloaded, as it would leave out for a while whom it found dead.
        """
        self.drop()
        self._under_way = self._start({**(self._applied or self.fixed), "nginx_lb_reload": True}, list(REPAIR))
        self._finish()

    def play(self, factor: float) -> None:
        """Play slower by a factor from now on."""
        if factor != 1:
            self.set("ml_server_time_scaling", factor)
            # The longest wait for a response is that of its slot, which grows like every time.
            longest_s = max(NGINX_WAITS_S, self._written_timeout_s + LATER_S) * factor
            if "nginx_lb_response_timeout" not in self._set:
                self.set("nginx_lb_response_timeout", f"{longest_s:g}s")

    def set(self, name: str, value: object) -> None:
        """Change a variable for everything that follows."""
        self.fixed[name] = value

    def drop(self) -> None:
        """End a switch that is under way; nobody knows then how far it came, unless it was held."""
        if self._under_way:
            switch, self._under_way = self._under_way, None
            if switch.playbook.may_have_changed:
                self._applied = None
            switch.playbook.drop()

    def _difference(self, cell: Cell) -> tuple[dict[str, Any], list[str]]:
        """All variables of a cell, and the names of those that are not applied."""
        wanted: dict[str, Any] = {**self.fixed, "study_servers": cell.servers, **cell.variables}
        before = self._applied
        if before is None:
            return wanted, ["study_servers", *cell.variables]
        return wanted, [name for name in wanted if before.get(name, object()) != wanted[name]]

    def _start(self, wanted: dict[str, Any], tags: list[str], held: bool = False) -> Switch:
        # The balancer's own playbook reads faster than the one that imports all three.
        only_balancer = all(tag.startswith("nginx_lb") for tag in tags)
        playbook = "playbooks/deploy-balancer.yml" if only_balancer else "playbooks/switch-topology.yml"
        return Switch(dict(wanted), self._playbook(self._ansible, playbook, wanted, tags, held))

    def _finish(self) -> None:
        switch, self._under_way = self._under_way, None
        if switch is None:
            return
        try:
            switch.playbook.wait(SWITCHED_WITHIN_S)
        except DeployFailed:
            self._applied = None  # nobody knows how far it came
            raise
        self._applied = switch.wanted


def _images(grid: Grid) -> tuple[str, ...]:
    """Images of the service that cells ask for, in the levels' order; empty where all run the same one."""
    asked = (cell.variables.get("ml_server_image") for cell in expand(grid))
    return tuple(dict.fromkeys(str(image) for image in asked if image))


def _following(grid: Grid) -> dict[str, Any]:
    """Times that follow the grid's `load.timeout`, where its `vars` do not set them."""
    timeout_s, (least_s, most_s) = grid.load.timeout, HEALTH_S
    return {
        "nginx_lb_response_timeout": f"{max(NGINX_WAITS_S, timeout_s + LATER_S):g}s",
        "nginx_lb_health_timeout_s": min(max(least_s, timeout_s), most_s),
        "ml_server_health_timeout_s": max(least_s, timeout_s),
        **_host(grid),
    }


def _host(grid: Grid) -> dict[str, Any]:
    """The host that the grid's requests name, for health checks: applications may allow no other."""
    name = next((text for header, text in grid.request.headers.items() if header.lower() == "host"), "")
    return dict.fromkeys(("nginx_lb_health_host", "ml_server_health_host"), name) if name else {}


def _fixed(grid: Grid, images: tuple[str, ...]) -> dict[str, Any]:
    """Variables that every cell shares; of images that are compared the first one, until a cell asks for another."""
    service = grid.service
    variables = {**_following(grid), **grid.vars, "study_load_generator": grid.load_generator}
    if service.image or images:
        variables["ml_server_image"] = images[0] if images else service.image
    if "port" in service.model_fields_set:
        variables |= {"ml_server_port": service.port, "nginx_lb_server_port": service.port}
    if "health" in service.model_fields_set:
        variables |= {"ml_server_health": service.health, "nginx_lb_health": service.health}
    return variables

"""What is deployed now, and how to get from one cell to the next with the least change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.ansible import Ansible
from harness.errors import DeployFailed
from harness.grid import Cell
from harness.gridmodel import Grid

# Variables of a role begin with its name; a change of one is applied by that role's tags.
TAGS = {
    "study_servers": ("nginx_lb_configure",),
    "nginx_lb_": ("nginx_lb",),
    "ml_server_": ("ml_server", "nginx_lb_verify"),
    "lab_": ("ml_server", "nginx_lb_verify"),
    "locust_": ("locust",),
    "ngrinder_": ("jdk_verify", "ngrinder_controller", "ngrinder_agent"),
}


# Both units again, the agents joined and approved; nothing is installed.
NGRINDER_REPAIR = ("ngrinder_controller_service", "ngrinder_agent_service", "ngrinder_agent_join")


def tags_for(changed: set[str]) -> list[str]:
    """Tags that apply these variables, each once."""
    return sorted({tag for name in changed for prefix, tags in TAGS.items() if name.startswith(prefix) for tag in tags})


class Deployment:
    """Drives Ansible from cell to cell and remembers what it applied."""

    def __init__(self, ansible: Ansible, grid: Grid) -> None:
        self._ansible = ansible
        self._applied: dict[str, Any] | None = None
        self.fixed = _fixed(grid)

    def deploy(self, on_task: Callable[[str], None]) -> None:
        """Deploy everything with all servers up; raises DeployFailed."""
        self._ansible.run("site.yml", self.fixed, on_task=on_task)
        self._applied = dict(self.fixed)  # and all servers, which no cell need ask for

    def switch(self, cell: Cell) -> None:
        """Bring up a cell's topology, changing only what differs; raises DeployFailed."""
        wanted: dict[str, Any] = {**self.fixed, "study_servers": cell.servers, **cell.variables}
        before = self._applied
        if before is None:
            changed = {"study_servers", *cell.variables}
        else:
            changed = {name for name in wanted if before.get(name, object()) != wanted[name]}
        if changed:
            self._apply(wanted, tags_for(changed))

    def repair(self) -> None:
        """Start again what died, with the variables of the last cell; raises DeployFailed."""
        self._apply(self._applied or self.fixed, ["ml_server_service", "nginx_lb", "locust", *NGRINDER_REPAIR])

    def play(self, factor: float) -> None:
        """Play slower by a factor from now on."""
        if factor != 1:
            self.set("ml_server_slow_motion", factor)
            # The longest wait for an answer is that of its slot, which grows like every time.
            self.fixed.setdefault("nginx_lb_read_timeout", f"{60 * factor:g}s")

    def set(self, name: str, value: object) -> None:
        """Change a variable for everything that follows."""
        self.fixed[name] = value

    def _apply(self, wanted: dict[str, Any], tags: list[str]) -> None:
        # The balancer's own playbook reads faster than the one that imports all three.
        only_balancer = all(tag.startswith("nginx_lb") for tag in tags)
        playbook = "playbooks/deploy-balancer.yml" if only_balancer else "playbooks/switch-topology.yml"
        try:
            self._ansible.run(playbook, wanted, tags=tags, timeout_s=180.0)
        except DeployFailed:
            self._applied = None  # nobody knows how far it came
            raise
        self._applied = dict(wanted)


def _fixed(grid: Grid) -> dict[str, Any]:
    """Variables that every cell shares."""
    service = grid.service
    variables = {**grid.vars, "study_engine": grid.engine}
    if service.image:
        variables["ml_server_image"] = service.image
    if "port" in service.model_fields_set:
        variables |= {"ml_server_port": service.port, "nginx_lb_server_port": service.port}
    if "health" in service.model_fields_set:
        variables |= {"ml_server_health": service.health, "nginx_lb_health": service.health}
    return variables

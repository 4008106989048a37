"""The deployment of a study of a platform that the user already runs: load generators, and the user's own playbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.deploy.ansible import Ansible, Playbook
from harness.deploy.deployment import Deployment, Placement, Switch
from harness.errors import BadInput
from harness.grid.schema import Grid

SERVERS = "servers"  # the extra variable of the user's playbook


def deployment(ansible: Ansible, grid: Grid, playbook: Callable[..., Playbook] = Playbook) -> Deployment:
    """Return the deployment of a grid: of the whole topology, or of a platform."""
    return Deployment(ansible, grid, playbook) if grid.platform is None else PlatformDeployment(ansible, grid, playbook)


class PlatformDeployment(Deployment):
    """Deploys the load generators, and scales the platform with the user's playbook."""

    def __init__(self, ansible: Ansible, grid: Grid, playbook: Callable[..., Playbook] = Playbook) -> None:
        super().__init__(ansible, grid, playbook)
        if grid.platform is None or grid.playbook is None:
            raise BadInput("target: the playbook of target.scale was not read. Fix: start the study with its grid file")
        self._path = grid.playbook.path
        self.switched_within_s = grid.platform.ready_timeout_s

    def prepare(self, placement: Placement) -> None:
        """Nothing: the user's playbook starts when the load is over, as it may change the platform at any moment."""
        del placement
        self.drop()

    def repair(self) -> None:
        """Let the next switch call the playbook in any case; the platform repairs itself."""
        self.drop()
        self._applied = None

    def scale_time(self, factor: float) -> None:
        """Nothing: the study knows no time of the platform."""
        del factor

    def _difference(self, placement: Placement) -> tuple[dict[str, Any], list[str]]:
        wanted = {SERVERS: placement.cell.servers}
        return wanted, [] if self._applied == wanted else [SERVERS]

    def _start_switch(self, wanted: dict[str, Any], changed: Iterable[str], held: bool = False) -> Switch:
        del changed, held
        return Switch(dict(wanted), self._playbook(self._ansible, self._path, wanted))

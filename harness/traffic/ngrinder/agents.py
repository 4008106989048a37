"""Agents of an nGrinder controller: only those of the inventory's load generators may take part in a load.

nGrinder selects any agents that are approved and idle. An agent that was removed from the inventory would generate
load, while the rules on the load generator's CPU read an idle host.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from harness.errors import LoadGeneratorFailed
from harness.traffic.ngrinder.api import Controller

log = logging.getLogger(__name__)

REST_WITHIN_S = 12.0  # an agent is busy for up to 8 s after its test stopped
LOOK_EVERY_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent in the controller's list; `ip` is the address that the agent reports."""

    ip: str
    name: str
    version: str
    approved: bool
    ready: bool
    busy: bool


class Agents:
    """The agents of one controller; `expected` are the names of the inventory's agents."""

    def __init__(self, controller: Controller, expected: Collection[str], version: Callable[[], str]) -> None:
        self._controller = controller
        self._expected = frozenset(expected)
        self._version = version

    @property
    def count(self) -> int:
        """Number of the inventory's agents."""
        return len(self._expected)

    def usable(self) -> list[Agent]:
        """Approved agents of the inventory; raises LoadGeneratorFailed if one has not the version of the controller."""
        version = self._version()
        agents = [agent for agent in self._listed() if agent.approved and agent.name in self._expected]
        for agent in agents:
            if version and agent.version and agent.version != version:
                raise LoadGeneratorFailed(
                    f"nGrinder's agent {agent.name} has version {agent.version}, the controller {version}. "
                    "Fix: remove /opt/ngrinder-agent on its host and deploy again."
                )
        return agents

    def are_ready(self) -> bool:
        """Whether every agent of the inventory is idle."""
        return {agent.name for agent in self.usable() if agent.ready} == self._expected

    def exclude_others(self) -> None:
        """Withdraw the approval of agents outside the inventory; a deployment that contains them approves them again.

        Raises LoadGeneratorFailed for an agent that runs another test or stays approved.
        """
        deadline = time.monotonic() + REST_WITHIN_S
        while others := self._others():
            for agent in others:
                if not agent.busy:
                    log.warning(
                        "nGrinder's agent %s (%s) is not in the inventory: approval withdrawn", agent.name, agent.ip
                    )
                    self._controller.call("PUT", f"/agent/api/{agent.ip}/{agent.name}", params={"action": "disapprove"})
            if time.monotonic() > deadline:
                why = (
                    "busy with another test"
                    if any(agent.busy for agent in others)
                    else "its approval cannot be withdrawn"
                )
                raise LoadGeneratorFailed(
                    f"{_named(others)} approved at nGrinder's controller, but not in this inventory's load_generators "
                    f"({', '.join(sorted(self._expected))}): {why}. Fix: stop the unit ngrinder-agent on its host."
                )
            time.sleep(LOOK_EVERY_S)

    def require_own_load(self) -> None:
        """Raise LoadGeneratorFailed if an agent outside the inventory runs the load."""
        if busy := [agent for agent in self._others() if agent.busy]:
            raise LoadGeneratorFailed(
                f"{_named(busy)} running the load, but not in this inventory's load_generators "
                f"({', '.join(sorted(self._expected))}). Fix: stop the unit ngrinder-agent on its host."
            )

    def _others(self) -> list[Agent]:
        return [agent for agent in self._listed() if agent.approved and agent.name not in self._expected]

    def _listed(self) -> list[Agent]:
        return [_agent(entry) for entry in self._controller.json("GET", "/agent/api/list")]


def _agent(entry: dict[str, Any]) -> Agent:
    """An agent from an entry of the controller's list; every field may be absent."""
    state = entry.get("state") or {}
    return Agent(
        ip=str(entry.get("ip", "")),
        name=str(entry.get("name", "")),
        version=str(entry.get("version", "")),
        approved=bool(entry.get("approved")),
        ready=bool(state.get("ready")),
        busy=state.get("name") == "BUSY",
    )


def _named(agents: list[Agent]) -> str:
    named = ", ".join(f"{agent.name} ({agent.ip})" for agent in agents)
    return f"nGrinder's agent {named} is" if len(agents) == 1 else f"nGrinder's agents {named} are"

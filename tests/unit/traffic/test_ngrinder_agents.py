"""Agents of a controller: only those of the inventory take part in a load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.errors import LoadGeneratorFailed
from harness.traffic.ngrinder import agents
from harness.traffic.ngrinder.agents import Agents
from harness.traffic.ngrinder.api import Controller

BUSY: dict[str, Any] = {"name": "BUSY", "category": "PROGRESSING", "ready": False, "active": True}
READY: dict[str, Any] = {"name": "READY", "category": "READY", "ready": True, "active": True}


class Listed:
    """A controller's agents as its API lists them, and the approvals that it takes back."""

    def __init__(self, folder: Path) -> None:
        self.agents: list[dict[str, Any]] = []
        self.disapproved: list[str] = []
        self.looks = 0
        self.rests_after: int | None = None  # looks at the list after which every agent is idle
        self.keeps = False  # an approval that is withdrawn stays
        password = folder / "admin"
        password.write_text("secret\n")
        client = httpx.Client(base_url="http://controller", transport=httpx.MockTransport(self._answer))
        self.controller = Controller(client, password)

    def add(self, name: str, *, approved: bool = True, state: dict[str, Any] | None = None, **more: Any) -> None:
        agent = {"ip": "10.0.0.9", "name": name, "version": "3.5.9-p1", "approved": approved, "state": state or READY}
        self.agents.append({**agent, **more})

    def only(self, *expected: str) -> Agents:
        return Agents(self.controller, expected, lambda: "3.5.9-p1")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            _, _, _, ip, name = request.url.path.split("/")
            assert request.url.params["action"] == "disapprove"
            self.disapproved.append(f"{name} {ip}")
            for agent in self.agents:
                agent["approved"] = agent["approved"] and (agent["name"] != name or self.keeps)
            return httpx.Response(200, json={"success": True})
        self.looks += 1
        if self.rests_after is not None and self.looks > self.rests_after:
            for agent in self.agents:
                agent["state"] = READY
        return httpx.Response(200, json=self.agents)


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Listed:
    monkeypatch.setattr(agents, "LOOK_EVERY_S", 0.0)
    return Listed(tmp_path)


def test_an_agent_outside_the_inventory_takes_no_part(listed: Listed) -> None:
    """The real one gave it three of four loads. Its own address, which may be a public one, names it."""
    listed.add("old", ip="203.0.113.7")
    listed.add("generator")
    listed.add("new", approved=False)
    listed.only("generator").exclude_others()
    assert listed.disapproved == ["old 203.0.113.7"]
    assert [agent.name for agent in listed.only("generator").usable()] == ["generator"]


def test_agents_of_the_inventory_keep_their_approval(listed: Listed) -> None:
    listed.add("generator", state=BUSY)
    listed.add("generator-2")
    own = listed.only("generator", "generator-2")
    own.exclude_others()
    own.require_own_load()
    assert listed.disapproved == []
    assert not own.are_ready()
    listed.rests_after = 0
    assert own.are_ready()


def test_readiness_counts_the_inventorys_agents_alone(listed: Listed) -> None:
    listed.add("old")
    listed.add("generator", approved=False)
    assert not listed.only("generator").are_ready()
    listed.add("generator-2")
    assert not listed.only("generator", "generator-2").are_ready()


def test_an_agent_that_is_busy_after_a_load_is_waited_for(listed: Listed) -> None:
    listed.add("old", state=BUSY)
    listed.rests_after = 3
    listed.only("generator").exclude_others()
    assert listed.disapproved == ["old 10.0.0.9"]


@pytest.mark.parametrize(
    ("state", "keeps", "why"),
    [(BUSY, False, "busy with another test"), (READY, True, "its approval cannot be withdrawn")],
)
def test_an_agent_that_cannot_be_excluded_is_rejected(
    listed: Listed, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], keeps: bool, why: str
) -> None:
    monkeypatch.setattr(agents, "REST_WITHIN_S", 0.0)
    listed.add("old", state=state)
    listed.keeps = keeps
    with pytest.raises(LoadGeneratorFailed) as error:
        listed.only("generator").exclude_others()
    assert str(error.value) == (
        "nGrinder's agent old (10.0.0.9) is approved at nGrinder's controller, but not in this inventory's "
        f"load_generators (generator): {why}. Fix: stop the unit ngrinder-agent on its host."
    )


def test_a_load_on_another_agent_is_rejected(listed: Listed) -> None:
    listed.add("generator")
    listed.add("old", state=BUSY)
    with pytest.raises(LoadGeneratorFailed, match=r"agent old \(10\.0\.0\.9\) is running the load, but not in this"):
        listed.only("generator").require_own_load()


def test_an_agent_of_another_version_is_named_unless_it_takes_no_part(listed: Listed) -> None:
    listed.add("old", version="3.5.8")
    assert listed.only("generator").usable() == []
    listed.add("generator", version="3.5.8")
    with pytest.raises(LoadGeneratorFailed, match=r"agent generator has version 3\.5\.8, the controller 3\.5\.9-p1"):
        listed.only("generator").usable()


def test_an_entry_of_the_list_may_lack_fields(listed: Listed) -> None:
    listed.agents.append({"name": "generator", "approved": True})
    listed.agents.append({})
    own = listed.only("generator")
    own.exclude_others()
    assert not own.are_ready()

"""One test of an nGrinder controller: create it, wait for its users, stop it, remove it.

The API reports "success" for some calls that had no effect, so every state is read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.errors import LoadGeneratorFailed
from harness.records.series import Sample
from harness.traffic.load_generator import LoadSpec
from harness.traffic.ngrinder.api import Controller
from harness.traffic.ngrinder.script import Split, parameter

SCRIPT = "scale-out/load.groovy"
TEST_NAME = "scale-out"
# Before second 0, when all users must have started: earlier counts arrive a second late. Otherwise the test is stopped,
# and a slow agent must have time to stop users that would send.
TOGETHER_S = 2.0
TOGETHER_SHARE = 0.25  # of the time from the creation to second 0, if that is longer
STATE_EVERY_S = 0.3
REST_WITHIN_S = 90.0


@dataclass(kw_only=True)
class PerfTest:
    """A test and its progress; `t0` (second 0) and `created` are Unix times."""

    controller: Controller
    load: LoadSpec
    split: Split
    created: float
    t0: int
    number: int = 0
    started_users: int = 0  # largest number before second 0
    live: list[Sample] = field(default_factory=list)
    total: tuple[int, int] = (0, 0)  # successes and failures
    grew: float = 0.0  # Unix time of their last increase
    is_stopping: bool = False

    @property
    def end(self) -> float:
        """Latest Unix time at which users begin a request."""
        return self.t0 + self.load.duration_s

    def create(self) -> None:
        """Create the test, which begins at once."""
        load, divided = self.load, self.split
        made = self.controller.json(
            "POST",
            "/perftest/api",
            json={
                "testName": f"{TEST_NAME} {load.trial}",
                "scriptName": SCRIPT,
                "status": "READY",
                "threshold": "D",
                "duration": round((self.t0 - self.created + load.longest_s) * 1000),
                "agentCount": divided.agents,
                "processes": divided.processes,
                "threads": divided.threads,
                "vuserPerAgent": divided.processes * divided.threads,
                "samplingInterval": 1,
                "ignoreTooManyError": True,  # the study decides when to stop
                "connectionReset": not load.keep_alive,
                "param": parameter(load, divided, self.t0),
            },
        )
        self.number = int(made["id"])

    def come_together(self) -> bool:
        """Whether every user started before second 0; raises LoadGeneratorFailed when the test ended early."""
        while time.time() < self.t0 - max(TOGETHER_S, TOGETHER_SHARE * (self.t0 - self.created)):
            state = self.sample()
            if state["status"].get("reportable"):
                test = self.details()
                if state["status"]["category"] in ("FINISHED", "WARNED") and not test.get("tests"):
                    return False  # happens once after a restart: the test ends at once, without counts
                raise LoadGeneratorFailed(
                    f"nGrinder ended the test at once: {test.get('lastProgressMessage', state['status']['name'])}"
                )
            self.started_users = max(self.started_users, int((state.get("perf") or {}).get("thread", 0)))
            if self.started_users >= self.split.users:
                return True
            time.sleep(STATE_EVERY_S)
        return False

    def details(self) -> dict[str, Any]:
        """The test as the controller describes it."""
        found: dict[str, Any] = self.controller.json("GET", f"/perftest/api/{self.number}")
        return found

    def sample(self) -> dict[str, Any]:
        """Its state and, while it runs, its counts."""
        found: dict[str, Any] = self.controller.json("GET", f"/perftest/api/{self.number}/sample")
        return found

    def csv(self) -> str:
        """Its CSV; empty without samples: then the file does not exist, and the API returns status 500."""
        path = f"/perftest/{self.number}/download_csv"
        answer = self.controller.call("GET", path, also=(httpx.codes.INTERNAL_SERVER_ERROR,))
        return answer.text if answer.status_code == httpx.codes.OK else ""

    def stop(self) -> None:
        """Request its end."""
        self.is_stopping = True
        stop(self.controller, self.number)

    def end_early(self, agents_ready: Callable[[], bool]) -> None:
        """Stop it, wait for its end, and remove it; raises LoadGeneratorFailed if it does not end."""
        self.stop()
        deadline = time.monotonic() + REST_WITHIN_S
        # A stop during DISTRIBUTE_FILES is cancelled once before it takes effect, and agents are busy for some seconds
        # after the end. So both must be true.
        while not (self.sample()["status"].get("reportable") and agents_ready()):
            if time.monotonic() > deadline:
                raise LoadGeneratorFailed("nGrinder does not end the test. Fix: restart the unit ngrinder-controller.")
            time.sleep(STATE_EVERY_S)
        self.forget()

    def forget(self) -> None:
        """Remove it from the controller if it is over."""
        if self.details()["status"].get("deletable"):
            self.controller.call("DELETE", f"/perftest/api/{self.number}")


def stop(controller: Controller, number: int) -> None:
    """Request the end of a test."""
    controller.call("PUT", f"/perftest/api/{number}", params={"action": "stop"})


def end_left_over(controller: Controller) -> None:
    """End and remove tests of earlier studies, and no others."""
    listed = controller.json("GET", "/perftest/api/list", params={"page": 0, "size": 20, "sort": "id,desc"})
    for test in listed.get("tests", []):
        if not str(test.get("testName", "")).startswith(f"{TEST_NAME} "):
            continue
        if test["status"].get("stoppable"):
            stop(controller, test["id"])
        elif test["status"].get("deletable"):
            controller.call("DELETE", f"/perftest/api/{test['id']}")

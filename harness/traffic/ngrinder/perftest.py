"""One test of an nGrinder controller: ordered, watched until its users are there, stopped, removed.

Much that is not done is answered with "success", so every state is read again.
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
from harness.traffic.ngrinder.script import Split

SCRIPT = "scale-out/load.groovy"
TEST_NAME = "scale-out"
TOGETHER_S = 2.0  # before second 0 all users must be there: counts of what came before arrive a second late
STATE_EVERY_S = 0.3
REST_WITHIN_S = 90.0


@dataclass
class PerfTest:
    """What a test was asked for and what was seen of it so far; `t0` and `ordered` are Unix times."""

    controller: Controller
    load: LoadSpec
    split: Split
    ordered: float
    t0: int
    number: int = 0
    there: int = 0  # most users seen at once before second 0
    live: list[Sample] = field(default_factory=list)
    total: tuple[int, int] = (0, 0)  # successes and failures
    grew: float = 0.0  # when they last did
    asked_to_stop: bool = False

    @property
    def end(self) -> float:
        """When users begin their last request at the latest."""
        return self.t0 + self.load.duration_s

    def create(self) -> None:
        """Order the test, which begins at once."""
        load, divided = self.load, self.split
        parameter = f"trial={load.trial},t0_ms={self.t0 * 1000},duration_ms={round(load.duration_s * 1000)}"
        made = self.controller.json(
            "POST",
            "/perftest/api",
            json={
                "testName": f"{TEST_NAME} {load.trial}",
                "scriptName": SCRIPT,
                "status": "READY",
                "threshold": "D",
                "duration": round((self.t0 - self.ordered + load.longest_s) * 1000),
                "agentCount": divided.agents,
                "processes": divided.processes,
                "threads": divided.threads,
                "vuserPerAgent": divided.processes * divided.threads,
                "samplingInterval": 1,
                "ignoreTooManyError": True,  # when to stop is the study's decision
                "connectionReset": not load.keep_alive,
                "param": parameter,
            },
        )
        self.number = int(made["id"])

    def come_together(self) -> bool:
        """Whether every user started before second 0; raises LoadGeneratorFailed when the test ended early."""
        while time.time() < self.t0 - TOGETHER_S:
            said = self.sample()
            if said["status"].get("reportable"):
                test = self.told()
                if said["status"]["category"] in ("FINISHED", "WARNED") and not test.get("tests"):
                    return False  # seen once after a restart: over at once, with nothing counted
                raise LoadGeneratorFailed(
                    f"nGrinder ended the test at once: {test.get('lastProgressMessage', said['status']['name'])}"
                )
            self.there = max(self.there, int((said.get("perf") or {}).get("thread", 0)))
            if self.there >= self.split.users:
                return True
            time.sleep(STATE_EVERY_S)
        return False

    def told(self) -> dict[str, Any]:
        """All that the controller says of it."""
        said: dict[str, Any] = self.controller.json("GET", f"/perftest/api/{self.number}")
        return said

    def sample(self) -> dict[str, Any]:
        """Its state and, while it runs, its figures."""
        said: dict[str, Any] = self.controller.json("GET", f"/perftest/api/{self.number}/sample")
        return said

    def csv(self) -> str:
        """Its CSV; empty where it has no sample: then there is no file, which the API answers with status 500."""
        path = f"/perftest/{self.number}/download_csv"
        answer = self.controller.call("GET", path, also=(httpx.codes.INTERNAL_SERVER_ERROR,))
        return answer.text if answer.status_code == httpx.codes.OK else ""

    def stop(self) -> None:
        """Ask it to end."""
        self.asked_to_stop = True
        stop(self.controller, self.number)

    def end_early(self, agents_ready: Callable[[], bool]) -> None:
        """Stop it, wait until it rests, and remove it; raises LoadGeneratorFailed when it does not come to rest."""
        self.stop()
        deadline = time.monotonic() + REST_WITHIN_S
        # A stop during DISTRIBUTE_FILES is taken back once before it is carried out, and agents are busy for some
        # seconds after the end: only both together are rest.
        while not (self.sample()["status"].get("reportable") and agents_ready()):
            if time.monotonic() > deadline:
                raise LoadGeneratorFailed("nGrinder does not end the test; restart the unit ngrinder-controller")
            time.sleep(STATE_EVERY_S)
        self.forget()

    def forget(self) -> None:
        """Remove it from the controller where it is over."""
        if self.told()["status"].get("deletable"):
            self.controller.call("DELETE", f"/perftest/api/{self.number}")


def stop(controller: Controller, number: int) -> None:
    """Ask a test to end."""
    controller.call("PUT", f"/perftest/api/{number}", params={"action": "stop"})


def end_left_over(controller: Controller) -> None:
    """End and remove what an earlier study left behind, and nothing else."""
    listed = controller.json("GET", "/perftest/api/list", params={"page": 0, "size": 20, "sort": "id,desc"})
    for test in listed.get("tests", []):
        if not str(test.get("testName", "")).startswith(f"{TEST_NAME} "):
            continue
        if test["status"].get("stoppable"):
            stop(controller, test["id"])
        elif test["status"].get("deletable"):
            controller.call("DELETE", f"/perftest/api/{test['id']}")

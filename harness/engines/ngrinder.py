"""Client of nGrinder's REST API, 3.5.8 and 3.5.9-p1.

Nearly every error of the API has status 500, much that is not done is answered with "success", and a
test that was cut off can look finished; so every state is read again and judged by what it holds.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from harness.engines import sampling
from harness.engines.base import EngineResult, LoadSpec
from harness.engines.controller import Controller
from harness.engines.script import Split, render, split, wrong_with_validation
from harness.errors import EngineFailed
from harness.results import Sample

SCRIPT = "scale-out/load.groovy"
TEST_NAME = "scale-out"
# From the order to the first request: states up to TESTING take 3 to 4.5 s, worker processes as long.
LEAD_S = 11.0
STATE_EVERY_S = 0.3
QUIET_S = 1.5  # without an answer after the end: everybody is done


@dataclass
class _Running:
    """One test of the controller: what it was asked for and what was seen of it so far."""

    load: LoadSpec
    split: Split
    t0: int
    number: int = 0
    live: list[Sample] = field(default_factory=list)
    total: tuple[int, int] = (0, 0)  # successes and failures
    grew: float = 0.0  # when they last did
    asked_to_stop: bool = False

    @property
    def end(self) -> float:
        return self.t0 + self.load.duration_s


class NgrinderEngine:
    """Speaks to one nGrinder controller with a number of agents; see `Engine` for the calls."""

    def __init__(self, client: httpx.Client, password_file: Path, agents: int) -> None:
        self._controller = Controller(client, password_file)
        self._agents = agents
        self._version = ""
        self._script = ""
        self._running: _Running | None = None

    def ready(self) -> bool:
        agents = self._usable_agents()
        return len([agent for agent in agents if agent["state"]["ready"]]) >= self._agents

    def version(self) -> dict[str, str]:
        return {"ngrinder": self._package_version()}

    def _package_version(self) -> str:
        """The controller's version, as the name of the agent's package tells it; empty when it does not."""
        if not self._version:
            link = self._controller.call("GET", "/agent/api/download_link").text
            found = re.search(r"ngrinder-agent-(.+)\.tar", link)
            self._version = found[1] if found else ""
        return self._version

    def _usable_agents(self) -> list[dict[str, Any]]:
        """Approved agents; raises EngineFailed when one is of another version than the controller."""
        version = self._package_version()
        agents = [agent for agent in self._controller.json("GET", "/agent/api/list") if agent.get("approved")]
        for agent in agents:
            if version and agent.get("version") != version:
                raise EngineFailed(
                    f"nGrinder's agent {agent['name']} has version {agent.get('version')}, the controller "
                    f"{version}; remove /opt/ngrinder-agent on its host and deploy again"
                )
        return agents

    def start(self, load: LoadSpec) -> float:
        limits = self._controller.json("GET", "/perftest/api/create").get("config", {})
        divided = split(load.users, self._agents, int(limits.get("maxVuserPerAgent", 3000)))
        script = render(load)
        if script != self._script:
            self._save(script)
            self._script = script
        for _ in range(2):
            running = _Running(load, divided, math.ceil(time.time() + LEAD_S))
            running.number = self._create(running)
            self._running = running
            if self._is_testing(running):
                return float(running.t0)
            # Seen now and then: the script does not reach the agent, and the whole time would be burnt.
            self._end_test(running)
        raise EngineFailed("nGrinder did not start its users in time, twice; look at the agents' logs")

    def _save(self, script: str) -> None:
        """Store the script and let it make one request; raises EngineFailed when that goes wrong."""
        entry = {"path": SCRIPT, "content": script}
        log = self._controller.call(
            "POST", "/script/api/validate", json={"fileEntry": entry, "hostString": ""}, timeout=110.0
        ).text
        wrong = wrong_with_validation(log)
        if wrong:
            raise EngineFailed(f"nGrinder's trial run of the script failed: {wrong}")
        self._controller.call(
            "POST", "/script/api/save", json={"fileEntry": {**entry, "description": "made by the study"}}
        )

    def _create(self, running: _Running) -> int:
        load, divided = running.load, running.split
        parameter = f"trial={load.trial},t0_ms={running.t0 * 1000},duration_ms={round(load.duration_s * 1000)}"
        made = self._controller.json(
            "POST",
            "/perftest/api",
            json={
                "testName": f"{TEST_NAME} {load.trial}",
                "scriptName": SCRIPT,
                "status": "READY",
                "threshold": "D",
                "duration": round((LEAD_S + load.longest_s) * 1000),
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
        return int(made["id"])

    def _state(self, running: _Running) -> dict[str, Any]:
        said: dict[str, Any] = self._controller.json("GET", f"/perftest/api/{running.number}/status")
        return said

    def _is_testing(self, running: _Running) -> bool:
        """Whether the test gets going before second 0."""
        while time.time() < running.t0 - 2:
            status = self._state(running)["status"]
            if status["category"] == "TESTING":
                return True
            if status.get("reportable"):
                test = self._controller.json("GET", f"/perftest/api/{running.number}")
                raise EngineFailed(
                    f"nGrinder ended the test at once: {test.get('lastProgressMessage', status['name'])}"
                )
            time.sleep(STATE_EVERY_S)
        return False

    def _end_test(self, running: _Running) -> None:
        """Stop the test and wait until it rests; its states are read again, as "success" means nothing."""
        self.stop()
        deadline = time.monotonic() + 30
        while not self._state(running)["status"].get("reportable"):
            if time.monotonic() > deadline:
                raise EngineFailed("nGrinder does not end the test; restart the unit ngrinder-controller")
            time.sleep(STATE_EVERY_S)
        while not self.ready() and time.monotonic() < deadline:
            time.sleep(STATE_EVERY_S)

    def _started(self) -> _Running:
        if self._running is None:
            raise EngineFailed("nGrinder was asked about a test that was not started")
        return self._running

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        running, now = self._started(), time.time()
        live = running.live
        said = self._controller.json("GET", f"/perftest/api/{running.number}/sample")
        perf = said.get("perf") or {}
        total = perf.get("totalStatistics") or {}
        new = (int(total.get("Tests", running.total[0])), int(total.get("Errors", running.total[1])))
        if new != running.total:
            running.total, running.grew = new, now
        completed, failed = sum(s.completed for s in live), sum(s.failed for s in live)
        complete = int(min(now - running.t0, running.load.duration_s))
        while len(live) < complete:
            share = 1 / (complete - len(live))
            row = (round((new[0] - completed) * share), round((new[1] - failed) * share))
            completed, failed = completed + row[0], failed + row[1]
            users = float(perf.get("thread", 0))
            live.append(Sample(len(live), *row, users, None, None, None, None, None, None))
        over = bool(said["status"].get("reportable"))
        quiet = now > max(running.grew, running.end) + QUIET_S
        late = now > running.end + running.load.timeout_s + 1
        if not over and not running.asked_to_stop and now > running.end and (quiet or late):
            self.stop()
        if over:
            self._check_end(running, said["status"], now)
        return live[since:], over

    def _check_end(self, running: _Running, status: dict[str, Any], now: float) -> None:
        """Raise EngineFailed unless the test ended because it was over or was told to."""
        if running.asked_to_stop and status["name"] == "CANCELED":
            return
        test = self._controller.json("GET", f"/perftest/api/{running.number}")
        told = test.get("lastProgressMessage") or status["name"]
        if status["name"] == "FINISHED" and now < running.end:
            told = "its controller was stopped or started again in the middle"
        elif status["name"] == "FINISHED" and test.get("tests"):
            return
        raise EngineFailed(f"nGrinder's test ended as {status['name']}: {told}")

    def stop(self) -> None:
        if self._running is None:
            self._stop_left_over()
            return
        self._running.asked_to_stop = True
        self._controller.call("PUT", f"/perftest/api/{self._running.number}", params={"action": "stop"})

    def _stop_left_over(self) -> None:
        """End what an earlier study left running, and nothing else."""
        listed = self._controller.json("GET", "/perftest/api/list", params={"page": 0, "size": 20, "sort": "id,desc"})
        for test in listed.get("tests", []):
            if str(test.get("testName", "")).startswith(TEST_NAME) and test["status"].get("stoppable"):
                self._controller.call("PUT", f"/perftest/api/{test['id']}", params={"action": "stop"})

    def result(self) -> EngineResult:
        running = self._started()
        test = self._controller.json("GET", f"/perftest/api/{running.number}")
        text = self._controller.call("GET", f"/perftest/{running.number}/download_csv").text
        began = float(test.get("startTime") or running.t0 * 1000) / 1000
        rows = sampling.parse(text, began)
        failed = sum(row.failed for row in rows)
        there = len(self._usable_agents())
        if test["status"].get("deletable"):
            self._controller.call("DELETE", f"/perftest/api/{running.number}")
        return EngineResult(
            started_at=float(running.t0),
            over=bool(test["status"].get("reportable")),
            workers=running.split.agents * running.split.processes,
            lost_workers=max(0, running.split.agents - there),
            latencies="",
            errors={"failed": failed} if failed else {},
            samples=sampling.samples(rows, running.t0, running.load.duration_s),
            users=running.split.users,
        )

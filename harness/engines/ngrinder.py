"""Client of nGrinder's REST API, 3.5.8 and 3.5.9-p1.

Nearly every error of the API has status 500, much that is not done is answered with "success", and a
test that was cut off can look finished; so every state is read again and judged by what it holds.
"""

from __future__ import annotations

import math
import re
import time
from pathlib import Path
from typing import Any

import httpx

from harness.engines import sampling
from harness.engines.base import EngineResult, LoadSpec
from harness.engines.script import Split, render, split, wrong_with_validation
from harness.errors import EngineFailed
from harness.results import Sample

SCRIPT = "scale-out/load.groovy"
TEST_NAME = "scale-out"
# From the order to the first request: states up to TESTING take 3 to 4.5 s, worker processes as long.
LEAD_S = 11.0
STATE_EVERY_S = 0.3
QUIET_S = 1.5  # without an answer after the end: everybody is done


class NgrinderEngine:
    """Speaks to one nGrinder controller with a number of agents; see `Engine` for the calls."""

    def __init__(self, client: httpx.Client, password_file: Path, agents: int) -> None:
        self._client = client
        self._password_file = password_file
        self._agents = agents
        self._version = ""
        self._script = ""
        self._test: int | None = None
        self._load: LoadSpec | None = None
        self._split = Split(agents, 1, 1)
        self._t0 = 0
        self._live: list[Sample] = []
        self._total = (0, 0)  # successes and failures, and when they last grew
        self._grew = 0.0
        self._asked_to_stop = False

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            password = self._password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise EngineFailed(f"nGrinder's password of admin cannot be read: {error}") from None
        try:
            answer = self._client.request(method, path, auth=("admin", password), **arguments)
        except httpx.HTTPError as error:
            raise EngineFailed(
                f"nGrinder's controller at {self._client.base_url} does not answer: {error!r}; "
                "'journalctl -u ngrinder-controller' on its host tells more"
            ) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise EngineFailed(
                f"nGrinder does not accept the kept password of admin: somebody changed it; "
                f"write the right one into {self._password_file}"
            )
        if answer.status_code != httpx.codes.OK:
            raise EngineFailed(f"nGrinder refuses {method} {path}: {_message(answer)}")
        return answer

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._call(method, path, **arguments)
        try:
            return answer.json()
        except ValueError:
            raise EngineFailed(f"nGrinder answers {method} {path} with something else than JSON") from None

    def ready(self) -> bool:
        agents = self._usable_agents()
        return len([agent for agent in agents if agent["state"]["ready"]]) >= self._agents

    def _usable_agents(self) -> list[dict[str, Any]]:
        """Approved agents; raises EngineFailed when one is of another version than the controller."""
        if not self._version:
            link = self._call("GET", "/agent/api/download_link").text
            found = re.search(r"ngrinder-agent-(.+)\.tar", link)
            self._version = found[1] if found else ""
        agents = [agent for agent in self._json("GET", "/agent/api/list") if agent.get("approved")]
        for agent in agents:
            if self._version and agent.get("version") != self._version:
                raise EngineFailed(
                    f"nGrinder's agent {agent['name']} has version {agent.get('version')}, the controller "
                    f"{self._version}; remove /opt/ngrinder-agent on its host and deploy again"
                )
        return agents

    def start(self, load: LoadSpec) -> float:
        limits = self._json("GET", "/perftest/api/create").get("config", {})
        self._split = split(load.users, self._agents, int(limits.get("maxVuserPerAgent", 3000)))
        self._load, self._live, self._total, self._grew, self._asked_to_stop = load, [], (0, 0), 0.0, False
        script = render(load)
        if script != self._script:
            self._save(script)
            self._script = script
        for _ in range(2):
            self._t0 = math.ceil(time.time() + LEAD_S)
            self._test = self._create(load)
            if self._is_testing():
                return float(self._t0)
            # Seen now and then: the script does not reach the agent, and the whole time would be burnt.
            self._end_test()
        raise EngineFailed("nGrinder did not start its users in time, twice; look at the agents' logs")

    def _save(self, script: str) -> None:
        """Store the script and let it make one request; raises EngineFailed when that goes wrong."""
        entry = {"path": SCRIPT, "content": script}
        log = self._call(
            "POST", "/script/api/validate", json={"fileEntry": entry, "hostString": ""}, timeout=110.0
        ).text
        wrong = wrong_with_validation(log)
        if wrong:
            raise EngineFailed(f"nGrinder's trial run of the script failed: {wrong}")
        self._call("POST", "/script/api/save", json={"fileEntry": {**entry, "description": "made by the study"}})

    def _create(self, load: LoadSpec) -> int:
        parameter = f"trial={load.trial},t0_ms={self._t0 * 1000},duration_ms={round(load.duration_s * 1000)}"
        made = self._json(
            "POST",
            "/perftest/api",
            json={
                "testName": f"{TEST_NAME} {load.trial}",
                "scriptName": SCRIPT,
                "status": "READY",
                "threshold": "D",
                "duration": round((LEAD_S + load.longest_s) * 1000),
                "agentCount": self._split.agents,
                "processes": self._split.processes,
                "threads": self._split.threads,
                "vuserPerAgent": self._split.processes * self._split.threads,
                "samplingInterval": 1,
                "ignoreTooManyError": True,  # when to stop is the study's decision
                "connectionReset": not load.keep_alive,
                "param": parameter,
            },
        )
        return int(made["id"])

    def _state(self) -> dict[str, Any]:
        said: dict[str, Any] = self._json("GET", f"/perftest/api/{self._test}/status")
        return said

    def _is_testing(self) -> bool:
        """Whether the test gets going before second 0."""
        while time.time() < self._t0 - 2:
            status = self._state()["status"]
            if status["category"] == "TESTING":
                return True
            if status.get("reportable"):
                test = self._json("GET", f"/perftest/api/{self._test}")
                raise EngineFailed(
                    f"nGrinder ended the test at once: {test.get('lastProgressMessage', status['name'])}"
                )
            time.sleep(STATE_EVERY_S)
        return False

    def _end_test(self) -> None:
        """Stop the test and wait until it rests; its states are read again, as "success" means nothing."""
        self.stop()
        deadline = time.monotonic() + 30
        while not self._state()["status"].get("reportable"):
            if time.monotonic() > deadline:
                raise EngineFailed("nGrinder does not end the test; restart the unit ngrinder-controller")
            time.sleep(STATE_EVERY_S)
        while not self.ready() and time.monotonic() < deadline:
            time.sleep(STATE_EVERY_S)

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        assert self._load is not None  # noqa: S101 - start comes first
        now = time.time()
        said = self._json("GET", f"/perftest/api/{self._test}/sample")
        perf = said.get("perf") or {}
        total = perf.get("totalStatistics") or {}
        new = (int(total.get("Tests", self._total[0])), int(total.get("Errors", self._total[1])))
        if new != self._total:
            self._total, self._grew = new, now
        completed, failed = (sum(getattr(s, name) for s in self._live) for name in ("completed", "failed"))
        complete = int(min(now - self._t0, self._load.duration_s))
        while len(self._live) < complete:
            share = 1 / (complete - len(self._live))
            row = (round((new[0] - completed) * share), round((new[1] - failed) * share))
            completed, failed = completed + row[0], failed + row[1]
            users = float(perf.get("thread", 0))
            self._live.append(Sample(len(self._live), *row, users, None, None, None, None, None, None))
        over = bool(said["status"].get("reportable"))
        end = self._t0 + self._load.duration_s
        quiet = now > max(self._grew, end) + QUIET_S
        if not over and not self._asked_to_stop and now > end and (quiet or now > end + self._load.timeout_s + 1):
            self.stop()
        if over:
            self._check_end(said["status"], now)
        return self._live[since:], over

    def _check_end(self, status: dict[str, Any], now: float) -> None:
        """Raise EngineFailed unless the test ended because it was over or was told to."""
        if self._asked_to_stop and status["name"] == "CANCELED":
            return
        assert self._load is not None  # noqa: S101 - start comes first
        test = self._json("GET", f"/perftest/api/{self._test}")
        told = test.get("lastProgressMessage") or status["name"]
        if status["name"] == "FINISHED" and now < self._t0 + self._load.duration_s:
            told = "its controller was stopped or started again in the middle"
        elif status["name"] == "FINISHED" and test.get("tests"):
            return
        raise EngineFailed(f"nGrinder's test ended as {status['name']}: {told}")

    def stop(self) -> None:
        if self._test is None:
            self._stop_left_over()
            return
        self._asked_to_stop = True
        self._call("PUT", f"/perftest/api/{self._test}", params={"action": "stop"})

    def _stop_left_over(self) -> None:
        """End what an earlier study left running, and nothing else."""
        listed = self._json("GET", "/perftest/api/list", params={"page": 0, "size": 20, "sort": "id,desc"})
        for test in listed.get("tests", []):
            if str(test.get("testName", "")).startswith(TEST_NAME) and test["status"].get("stoppable"):
                self._call("PUT", f"/perftest/api/{test['id']}", params={"action": "stop"})

    def result(self) -> EngineResult:
        assert self._load is not None  # noqa: S101 - start comes first
        test = self._json("GET", f"/perftest/api/{self._test}")
        text = self._call("GET", f"/perftest/{self._test}/download_csv").text
        began = float(test.get("startTime") or self._t0 * 1000) / 1000
        rows = sampling.parse(text, began)
        failed = sum(row.failed for row in rows)
        there = len(self._usable_agents())
        if test["status"].get("deletable"):
            self._call("DELETE", f"/perftest/api/{self._test}")
        return EngineResult(
            started_at=float(self._t0),
            over=bool(test["status"].get("reportable")),
            workers=self._split.agents * self._split.processes,
            lost_workers=max(0, self._split.agents - there),
            latencies="",
            errors={"failed": failed} if failed else {},
            samples=sampling.samples(rows, self._t0, self._load.duration_s),
            users=self._split.users,
        )


def _message(answer: httpx.Response) -> str:
    """The API's own words, which an error of its own may lack."""
    try:
        return str(answer.json().get("message") or f"status {answer.status_code}")
    except ValueError:
        return f"status {answer.status_code}"

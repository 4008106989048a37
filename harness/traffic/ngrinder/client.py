"""Client of nGrinder's REST API, 3.5.8 and 3.5.9-p1.

Nearly every error of the API has status 500, much that is not done is answered with "success", and a
test that was cut off can look finished; so every state is read again and judged by what it holds.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import httpx

from harness.errors import LoadGeneratorFailed
from harness.grid.load_generators import BY_NAME
from harness.records.series import Sample
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.ngrinder import csv
from harness.traffic.ngrinder.agents import Agents
from harness.traffic.ngrinder.api import Controller
from harness.traffic.ngrinder.perftest import SCRIPT, TOGETHER_S, PerfTest, end_left_over
from harness.traffic.ngrinder.script import render, split, wrong_with_validation

# From the order to second 0. Every user says before it that it is there; where some are not, the load is started
# again with twice the time, and once all were, later loads take what that took and a margin.
FIRST_LEAD_S, LEAST_LEAD_S, LONGEST_LEAD_S = BY_NAME["ngrinder"].lead_s, 8.0, 240.0
MARGIN = 1.5  # times what the users took
QUIET_S = 3.0  # without an answer after the end: everybody is done; totals lag up to two seconds


class NgrinderLoadGenerator:
    """Speaks to one nGrinder controller and uses the agents of these names; see `Engine` for the calls."""

    def __init__(self, client: httpx.Client, password_file: Path, agents: Collection[str]) -> None:
        self._controller = Controller(client, password_file)
        self._agents = Agents(self._controller, agents, self._package_version)
        self._version = ""
        self._script = ""
        self._lead_s = FIRST_LEAD_S
        self._running: PerfTest | None = None

    def ready(self) -> bool:
        return self._agents.are_ready()

    def version(self) -> dict[str, str]:
        return {"ngrinder": self._package_version()}

    def _package_version(self) -> str:
        """The controller's version, as the name of the agent's package tells it; empty when it does not."""
        if not self._version:
            link = self._controller.call("GET", "/agent/api/download_link").text
            found = re.search(r"ngrinder-agent-(.+)\.tar", link)
            self._version = found[1] if found else ""
        return self._version

    def ask(self, load: LoadSpec) -> str:  # noqa: ARG002 - a call of every engine
        """Empty: a script is validated with a request of its own before its first load."""
        return ""

    def start(self, load: LoadSpec) -> float:
        limits = self._controller.json("GET", "/perftest/api/create").get("config", {})
        divided = split(load.users, self._agents.count, int(limits.get("maxVuserPerAgent", 3000)))
        script = render(load)
        if not self._script:
            end_left_over(self._controller)
        self._agents.exclude_others()
        if script != self._script:
            self._save(script)
            self._script = script
        there = 0
        while self._lead_s <= LONGEST_LEAD_S:
            now = time.time()
            running = PerfTest(self._controller, load, divided, now, math.ceil(now + self._lead_s))
            running.create()
            self._running = running
            if running.come_together():
                try:
                    self._agents.require_own_load()
                except LoadGeneratorFailed:
                    running.stop()
                    raise
                self._lead_s = max(LEAST_LEAD_S, MARGIN * (time.time() - now) + TOGETHER_S)
                return float(running.t0)
            # Workers that are late on a slow machine, a script that did not reach its agent, a first test after a
            # restart that ends at once: the next try has more time.
            running.end_early(self.ready)
            there = running.there
            self._lead_s *= 2
        self._lead_s = FIRST_LEAD_S
        raise LoadGeneratorFailed(
            f"nGrinder's users were not all there in time, {there} of {divided.users} at last; look at 'journalctl -u "
            "ngrinder-agent' on the agents' hosts, give them more CPU or memory, add hosts to load_generators, or take "
            "fewer vusers"
        )

    def _save(self, script: str) -> None:
        """Store the script and let it make one request; raises LoadGeneratorFailed when that goes wrong."""
        entry = {"path": SCRIPT, "content": script}
        log = self._controller.call(
            "POST", "/script/api/validate", json={"fileEntry": entry, "hostString": ""}, timeout=110.0
        ).text
        wrong = wrong_with_validation(log)
        if wrong:
            raise LoadGeneratorFailed(f"nGrinder's trial run of the script failed: {wrong}")
        self._controller.call(
            "POST", "/script/api/save", json={"fileEntry": {**entry, "description": "made by the study"}}
        )

    def _started(self) -> PerfTest:
        if self._running is None:
            raise LoadGeneratorFailed("nGrinder was asked about a test that was not started")
        return self._running

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        running, now = self._started(), time.time()
        live = running.live
        said = running.sample()
        perf = said.get("perf") or {}
        total = perf.get("totalStatistics") or {}
        # Each user's own word that it is there counted as one success.
        tests = int(total["Tests"]) - running.split.users if "Tests" in total else running.total[0]
        new = (max(0, tests), int(total.get("Errors", running.total[1])))
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
        late = now > running.end + running.load.timeout_s + QUIET_S
        if not over and not running.asked_to_stop and now > running.end and (quiet or late):
            running.stop()
        if over:
            self._check_end(running, said["status"], now)
        return live[since:], over

    def _check_end(self, running: PerfTest, status: dict[str, Any], now: float) -> None:
        """Raise LoadGeneratorFailed unless the test ended because it was over or was told to."""
        if running.asked_to_stop and status["name"] == "CANCELED":
            return
        test = running.told()
        told = test.get("lastProgressMessage") or status["name"]
        if status["name"] == "FINISHED" and now < running.end:
            told = "its controller was stopped or started again in the middle"
        elif status["name"] == "FINISHED" and test.get("tests"):
            return
        raise LoadGeneratorFailed(f"nGrinder's test ended as {status['name']}: {told}")

    def stop(self) -> None:
        if self._running is None:
            end_left_over(self._controller)
        else:
            self._running.stop()

    def result(self) -> LoadResult:
        running = self._started()
        test = running.told()
        began = float(test.get("startTime") or running.t0 * 1000) / 1000
        rows = csv.parse(running.csv(), began)
        totals = csv.totals(test, rows, running.split.users)
        there = len(self._agents.usable())
        running.forget()
        return LoadResult(
            started_at=float(running.t0),
            over=bool(test["status"].get("reportable")),
            workers=running.split.agents * running.split.processes,
            lost_workers=max(0, running.split.agents - there),
            latencies="",
            errors={"failed": totals["failed"]} if totals["failed"] else {},
            totals=totals,
            samples=csv.samples(rows, running.t0, running.load.duration_s),
            users=running.split.users,
        )

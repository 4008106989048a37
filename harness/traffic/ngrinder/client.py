"""Client of nGrinder's REST API, 3.5.8 and 3.5.9-p1.

Nearly every error of the API has status 500, some calls report "success" without an effect, and an aborted test can
look finished. So every state is read again and checked.
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
from harness.traffic.load_generator import Exchange, LoadResult, LoadSpec
from harness.traffic.ngrinder import csv, first_user
from harness.traffic.ngrinder.agents import Agents
from harness.traffic.ngrinder.api import Controller
from harness.traffic.ngrinder.perftest import TOGETHER_S, PerfTest, end_left_over
from harness.traffic.ngrinder.script import render, resources, split
from harness.traffic.ngrinder.storage import store

# From the creation of a test to second 0, before which every user reports its start. If some users do not, the load is
# started again with twice the time. Later loads use the time that the users needed, with a margin.
FIRST_LEAD_S, LEAST_LEAD_S, LONGEST_LEAD_S = BY_NAME["ngrinder"].lead_s, 8.0, 240.0
MARGIN = 1.5  # factor on the time that the users needed
QUIET_S = 3.0  # without a response after the end, all users are done; totals are up to 2 s late


class NgrinderLoadGenerator:
    """One nGrinder controller and its agents with the given names; see `LoadGenerator` for the calls.

    `balancer` sends requests to the balancer.
    """

    def __init__(
        self, client: httpx.Client, balancer: httpx.Client, password_file: Path, agents: Collection[str]
    ) -> None:
        self._balancer = balancer
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
        """The controller's version, from the name of the agent's package; empty if that lacks it."""
        if not self._version:
            link = self._controller.call("GET", "/agent/api/download_link").text
            found = re.search(r"ngrinder-agent-(.+)\.tar", link)
            self._version = found[1] if found else ""
        return self._version

    def send_each(self, load: LoadSpec) -> list[Exchange]:
        """Send everything once with the harness's client; nothing for a script, which only nGrinder can run."""
        return [] if load.traffic.groovy else first_user.send_each(self._balancer, load)

    def start(self, load: LoadSpec) -> float:
        limits = self._controller.json("GET", "/perftest/api/create").get("config", {})
        divided = split(load.users, self._agents.count, int(limits.get("maxVuserPerAgent", 3000)))
        script = render(load)
        if not self._script:
            end_left_over(self._controller)
        self._agents.exclude_others()
        if script != self._script:
            store(self._controller, script, resources(load))
            self._script = script
        started = 0
        while self._lead_s <= LONGEST_LEAD_S:
            now = time.time()
            running = PerfTest(
                controller=self._controller,
                load=load,
                split=divided,
                created=now,
                t0=math.ceil(now + self._lead_s),
            )
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
            # Possible causes: slow worker processes, a script that did not reach its agent, or the first test after a
            # restart, which ends at once. The next try has more time.
            running.end_early(self.ready)
            started = running.started_users
            self._lead_s *= 2
        self._lead_s = FIRST_LEAD_S
        raise LoadGeneratorFailed(
            f"only {started:,} of {divided.users:,} users of nGrinder started in time. Fix: look at 'journalctl -u "
            "ngrinder-agent' on the agents' hosts, give them more CPU or memory, add hosts to load_generators, or use "
            "fewer vusers."
        )

    def _started(self) -> PerfTest:
        if self._running is None:
            raise LoadGeneratorFailed("no test was started at nGrinder")
        return self._running

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        running, now = self._started(), time.time()
        live = running.live
        state = running.sample()
        perf = state.get("perf") or {}
        total = perf.get("totalStatistics") or {}
        # The reports of each user's start and of each incomplete response count as one success.
        reports = running.split.users + int(total.get("User_defined_incomplete", 0))
        tests = int(total["Tests"]) - reports if "Tests" in total else running.total[0]
        new = (max(0, tests), int(total.get("Errors", running.total[1])))
        if new != running.total:
            running.total, running.grew = new, now
        completed, failed = sum(s.completed for s in live), sum(s.failed for s in live)
        complete = int(min(now - running.t0, running.load.duration_s))
        while len(live) < complete:
            share = 1 / (complete - len(live))
            row = Sample(
                t_s=len(live),
                completed=round((new[0] - completed) * share),
                failed=round((new[1] - failed) * share),
                users=float(perf.get("thread", 0)),
                in_flight=None,
                mean_ms=None,
                think_s=None,
                thinks=None,
                busiest_cpu_s=None,
                lag_ms=None,
            )
            completed, failed = completed + row.completed, failed + row.failed
            live.append(row)
        over = bool(state["status"].get("reportable"))
        quiet = now > max(running.grew, running.end) + QUIET_S
        late = now > running.end + running.load.timeout_s + QUIET_S
        if not over and not running.is_stopping and now > running.end and (quiet or late):
            running.stop()
        if over:
            self._check_end(running, state["status"], now)
        return live[since:], over

    def _check_end(self, running: PerfTest, status: dict[str, Any], now: float) -> None:
        """Raise LoadGeneratorFailed unless the test ended on schedule or was stopped by the study."""
        if running.is_stopping and status["name"] == "CANCELED":
            return
        test = running.details()
        reason = test.get("lastProgressMessage") or status["name"]
        if status["name"] == "FINISHED" and now < running.end:
            reason = "its controller was stopped or restarted during the test"
        elif status["name"] == "FINISHED" and test.get("tests"):
            return
        raise LoadGeneratorFailed(f"nGrinder's test ended as {status['name']}: {reason}")

    def stop(self) -> None:
        if self._running is None:
            end_left_over(self._controller)
        else:
            self._running.stop()

    def result(self) -> LoadResult:
        running = self._started()
        test = running.details()
        began = float(test.get("startTime") or running.t0 * 1000) / 1000
        rows = csv.parse(running.csv(), began)
        totals = csv.totals(test, rows, running.split.users)
        usable = len(self._agents.usable())
        running.forget()
        return LoadResult(
            started_at=float(running.t0),
            over=bool(test["status"].get("reportable")),
            workers=running.split.agents * running.split.processes,
            lost_workers=max(0, running.split.agents - usable),
            latencies="",
            errors=csv.errors(totals["failed"], rows),
            totals=totals,
            samples=csv.samples(rows, running.t0, running.load.duration_s),
            users=running.split.users,
        )

"""The traffic engine's side of the study: Locust plays the users, this counts and bounds them.

The master answers under /study/ what harness/traffic/locust.py asks, and a client without its token nothing
(gate.py). Locust's own statistics are not used: its requests/s is a mean of ten seconds that counts failures.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from pathlib import Path
from typing import Any

import gate
import gevent
from flask import jsonify, request
from locust import __version__, events
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner, WorkerRunner
from merging import Trial
from users import LONGEST_S, StudyUser, ask_once
from worker import serve_worker

__all__ = ["StudyUser"]  # Locust takes the users that it finds in this file

LEAD_S = 0.05  # from the order to the first request: the message and the first users need it
MOST = 50_000  # users, or requests per second


class Master:
    """Holds the trial in progress and answers about it."""

    def __init__(self, runner: MasterRunner, expected: int, target: str) -> None:
        self.runner = runner
        self.expected = expected
        self.target = target
        self.trial: Trial | None = None
        runner.register_message("study_report", self.on_report)

    def on_report(self, msg: Any, **_: Any) -> None:
        if self.trial is not None and msg.node_id in self.trial.workers:
            self.trial.add(msg.node_id, msg.data)

    def ready(self) -> dict[str, Any]:
        """Ready when every expected worker is, and no load runs."""
        workers = len(self.runner.clients.ready)
        idle = self.runner.state in (STATE_INIT, STATE_STOPPED) and (self.trial is None or self.trial.over)
        return {"ready": idle and workers >= self.expected, "workers": workers, "idle": idle, "version": __version__}

    def start(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Start a load, of users or with a `rate_per_s` of requests; raises ValueError when it may not start."""
        users, rate = int(spec["users"]), spec.get("rate_per_s")
        asked = f"{users} users" if rate is None else f"{rate:g} requests per second"
        if not 0 < (users if rate is None else rate) <= MOST or spec["duration_s"] > LONGEST_S:
            raise ValueError(f"{asked} for {spec['duration_s']} s is outside the engine's limits")
        gate.check_target(str(spec["url"]), self.target)
        if not self.ready()["ready"]:
            raise ValueError(f"the engine is not ready: {self.ready()}")
        spec["t0"] = time.time() + LEAD_S
        spec["workers"] = sorted(self.runner.clients.keys())
        knows_slow = spec.get("slow_after_s") is not None
        self.trial = Trial(spec["trial"], spec["t0"], set(spec["workers"]), rate is not None, knows_slow)
        self.runner.send_message("study_load", spec)
        if rate is None:
            gevent.spawn(self.runner.start, users, users)
        gevent.spawn(self.supervise, self.trial, spec["duration_s"] + 2 * spec["timeout_s"] + 15)
        return {"t0": spec["t0"], "workers": len(self.trial.workers)}

    def supervise(self, trial: Trial, longest_s: float) -> None:
        """Note lost workers, and bring Locust to rest when the trial is over."""
        deadline = time.monotonic() + longest_s
        while not trial.over and time.monotonic() < deadline:
            gevent.sleep(0.05)
            alive = {c.id for c in self.runner.clients.all if c.state != "missing"}
            trial.lost |= trial.workers - alive - trial.done
        trial.lost |= trial.workers - trial.done
        self.runner.stop()

    def end(self) -> None:
        """End the load early; what is in flight may finish."""
        self.runner.send_message("study_end")


def answer_at_once(web_ui: Any) -> None:
    """Have the master's answers leave in one go: by itself their second half waits 40 ms for the client's word."""
    while not getattr(getattr(web_ui, "server", None), "started", False):
        gevent.sleep(0.05)
    web_ui.server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits this


@events.init.add_listener
def on_init(environment: Environment, **_: Any) -> None:
    """Wire the process up, as a master or as a worker."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        serve_worker(runner)
    if not isinstance(runner, MasterRunner) or environment.web_ui is None:
        return
    environment.stop_timeout = 0
    master = Master(runner, environment.parsed_options.expect_workers or 1, os.environ.get("STUDY_TARGET", ""))
    gevent.spawn(answer_at_once, environment.web_ui)
    app = environment.web_ui.app
    gate.guard(app, gate.new_token(Path(os.environ.get("STUDY_TOKEN_FILE", gate.TOKEN_FILE))))
    logging.getLogger("geventwebsocket").setLevel(logging.WARNING)

    @app.get("/study/ready")
    def ready() -> Any:
        return jsonify(master.ready())

    @app.post("/study/start")
    def start() -> Any:
        try:
            return jsonify(master.start(request.get_json()))
        except (ValueError, KeyError, TypeError) as error:
            return jsonify({"error": str(error)}), 409

    @app.post("/study/ask")
    def ask() -> Any:
        try:
            spec = request.get_json()
            gate.check_target(str(spec["url"]), master.target)
            return jsonify({"error": ask_once(spec)})
        except (ValueError, KeyError, TypeError) as error:
            return jsonify({"error": str(error)}), 409

    @app.get("/study/samples")
    def samples() -> Any:
        if master.trial is None:
            return jsonify({"error": "no trial was started"}), 409
        since = int(request.args.get("since", "0"))
        return jsonify({"samples": master.trial.samples(since), "over": master.trial.over})

    @app.get("/study/result")
    def result() -> Any:
        if master.trial is None:
            return jsonify({"error": "no trial was started"}), 409
        return jsonify(master.trial.result())

    @app.post("/study/stop")
    def stop() -> Any:
        master.end()
        return jsonify({})

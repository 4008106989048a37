"""The study's load generator: Locust runs the users, this module counts and limits them.

The master serves harness/traffic/locust.py under /study/, and rejects clients without its token (gate.py). Locust's own
statistics are not used: its requests/s is a mean over ten seconds that includes failures.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gate
import gevent
from compiled import Traffic
from datasets import MasterData, UnknownData
from flask import jsonify, request
from load_spec import Dataset, LoadSpec
from locust import __version__, events, runners
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, MasterRunner, WorkerRunner
from merging import Trial
from script_master import ScriptMaster, UnknownEnvironment
from script_places import ScriptFailed
from script_spec import script_of
from send_each import send_each
from users import LONGEST_S, StudyUser
from worker import serve_worker

__all__ = ["StudyUser"]  # Locust runs the user classes that it finds in this module

# Seconds without a sign of life after which Locust gives a worker up. Its default of 3 ends loads on a busy machine,
# where a worker may get no CPU for that long; E5 and E6 find a late worker.
runners.HEARTBEAT_LIVENESS = 10
LEAD_S = 0.05  # from the call to second 0: time for the message and the first users
MOST = 50_000  # users, or requests per second


class Master:
    """Runs one trial at a time and reports its samples."""

    def __init__(self, runner: MasterRunner, expected: int, target: str) -> None:
        self.runner = runner
        self.expected = expected
        self.target = target
        self.trial: Trial | None = None
        self.script = ScriptMaster(runner, self.on_rejected)
        self.data = MasterData(lambda message, worker: runner.send_message("study_data", message, worker))
        runner.register_message("study_report", self.on_report)
        runner.register_message("study_data_received", self.data.on_received)

    def on_report(self, msg: Any, **_: Any) -> None:
        if self.trial is not None and msg.node_id in self.trial.workers:
            self.trial.add(msg.node_id, msg.data)
            if self.trial.script["rejected"]:
                self.end()

    def on_rejected(self, problem: dict[str, Any]) -> None:
        """End a load whose script does something that cannot be measured."""
        if self.trial is not None:
            self.trial.rejected = self.trial.rejected or problem
            self.end()

    def ready(self) -> dict[str, Any]:
        """Ready if every expected worker is, and no load runs."""
        workers = len(self.runner.clients.ready)
        idle = self.runner.state in (STATE_INIT, STATE_STOPPED) and (self.trial is None or self.trial.over)
        return {"ready": idle and workers >= self.expected, "workers": workers, "idle": idle, "version": __version__}

    def read(self, message: dict[str, Any]) -> tuple[LoadSpec, Dataset]:
        """A load with its data; raises ValueError if it may not start, TypeError or KeyError for a malformed one."""
        spec = LoadSpec.read(message)
        gate.check_target(spec.base_url, self.target)
        return spec, self.data.of(spec.traffic.data, list(self.runner.clients.keys()))

    def upload(self, message: dict[str, Any]) -> None:
        """Store data and pass them to all workers; raises ValueError if that fails."""
        self.data.upload(message, list(self.runner.clients.keys()))

    def send_each(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send each request of a load once; raises ValueError, TypeError or KeyError as `read` does.

        Of a script, `users` users of each class run their first task; raises ScriptFailed as well.
        """
        if not script_of(message):
            return {"exchanges": send_each(*self.read(message))}
        self.start_script({**message, "rehearsal": True})
        trial = self.trial
        deadline = time.monotonic() + message["longest_s"]
        while trial is not None and not (trial.over and self.ready()["ready"]) and time.monotonic() < deadline:
            gevent.sleep(0.02)
        state = trial.script if trial is not None else {}
        return {"exchanges": state.pop("exchanges", []), "script": state}

    def start(self, message: dict[str, Any]) -> dict[str, Any]:
        """Start a load; raises ValueError, TypeError or KeyError as `read` does."""
        if script_of(message):
            return self.start_script(message)
        spec, data = self.read(message)
        rate = spec.rate_per_s
        amount = f"{spec.users} users" if rate is None else f"{rate:g} requests/s"
        if not 0 < (spec.users if rate is None else rate) <= MOST or spec.duration_s > LONGEST_S:
            raise ValueError(
                f"load: outside the load generator's limits (got {amount} for {spec.duration_s:g} s). "
                f"Allowed: 1 to {MOST} users or requests/s, for at most {LONGEST_S:g} s."
            )
        if rate is not None and spec.traffic.login is not None and not spec.traffic.sessions:
            raise ValueError("sessions: needed with a login in an open loop")
        Traffic(spec, data)  # each worker compiles the same
        if not self.ready()["ready"]:
            raise ValueError(f"the load generator is not ready: {self.ready()}")
        self.script.prepare(message, [])
        t0, workers = time.time() + LEAD_S, sorted(self.runner.clients.keys())
        self.trial = Trial(
            spec.trial,
            t0,
            set(workers),
            open_load=rate is not None,
            counts_slow=spec.slow_after_s is not None,
            users=spec.users,
            steps=spec.traffic.steps,
        )
        # As JSON text: its numbers may be larger than a message's.
        self.runner.send_message("study_load", {"load": json.dumps(message), "t0": t0, "workers": workers})
        if rate is None:
            gevent.spawn(self.runner.start, spec.users, spec.users)
        gevent.spawn(self.supervise, self.trial, spec.longest_s)
        return {"t0": t0, "workers": len(workers)}

    def start_script(self, message: dict[str, Any]) -> dict[str, Any]:
        """Start a load of a script's users; raises ScriptFailed, UnknownEnvironment, and as `start`."""
        gate.check_target(f"{message['url']}/", self.target)
        if not 0 < message["users"] <= MOST or message["duration_s"] > LONGEST_S or message["rate_per_s"] is not None:
            raise ValueError(f"load: outside the load generator's limits (got {message['users']} users)")
        if not self.ready()["ready"]:
            raise ValueError(f"the load generator is not ready: {self.ready()}")
        workers = sorted(self.runner.clients.keys())
        self.script.prepare(message, workers)
        users = message["users"]
        if message.get("rehearsal"):
            users *= self.script.rehearse()
        t0 = time.time() + LEAD_S
        self.trial = Trial(message["trial"], t0, set(workers), counts_slow=message["slow_after_s"] is not None)
        self.runner.send_message("study_load", {"load": json.dumps(message), "t0": t0, "workers": workers})
        starting = gevent.spawn(self.runner.start, users, users)
        gevent.spawn(self.supervise, self.trial, message["longest_s"], starting)
        return {"t0": t0, "workers": len(workers)}

    def supervise(self, trial: Trial, longest_s: float, starting: gevent.Greenlet | None = None) -> None:
        """Record lost workers, and stop Locust when the trial is over."""
        deadline = time.monotonic() + longest_s
        while not trial.over and time.monotonic() < deadline:
            gevent.sleep(0.05)
            alive = {c.id for c in self.runner.clients.all if c.state != "missing"}
            trial.lost |= trial.workers - alive - trial.done
        trial.lost |= trial.workers - trial.done
        if starting is not None:  # its end would set the state to running
            starting.join()
        self.runner.stop()

    def end(self) -> None:
        """End the load early; requests in flight may finish."""
        self.runner.send_message("study_end")


def disable_delay(web_ui: Any) -> None:
    """Set TCP_NODELAY on the master's connections; without it each response is delayed by 40 ms."""
    while not getattr(getattr(web_ui, "server", None), "started", False):
        gevent.sleep(0.05)
    web_ui.server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it


def answered(call: Callable[[], dict[str, Any]]) -> Any:
    """The response with the call's result, or 409 with the reason why it is rejected."""
    try:
        return jsonify(call())
    except UnknownData as error:
        return jsonify({"error": str(error), "unknown_data": True}), 409
    except UnknownEnvironment as error:
        return jsonify({"error": str(error), "unknown_environment": True}), 409
    except ScriptFailed as failure:
        return jsonify({"error": str(failure), "script": failure.problem}), 409
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return jsonify({"error": str(error)}), 409


@events.init.add_listener
def on_init(environment: Environment, **_: Any) -> None:
    """Set up this process as a master or as a worker."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        serve_worker(runner)
    if not isinstance(runner, MasterRunner) or environment.web_ui is None:
        return
    environment.stop_timeout = 0
    master = Master(runner, environment.parsed_options.expect_workers or 1, os.environ.get("STUDY_TARGET", ""))
    gevent.spawn(disable_delay, environment.web_ui)
    app = environment.web_ui.app
    gate.guard(app, gate.new_token(Path(os.environ.get("STUDY_TOKEN_FILE", gate.TOKEN_FILE))))
    logging.getLogger("geventwebsocket").setLevel(logging.WARNING)

    @app.get("/study/ready")
    def ready() -> Any:
        return jsonify(master.ready())

    @app.post("/study/start")
    def start() -> Any:
        return answered(lambda: master.start(request.get_json()))

    @app.post("/study/environment")
    def environment_of_script() -> Any:
        return answered(lambda: master.script.keep(request.get_json()) or {})

    @app.post("/study/data")
    def upload() -> Any:
        return answered(lambda: master.upload(request.get_json()) or {})

    @app.post("/study/send-each")
    def send_each_request() -> Any:
        return answered(lambda: master.send_each(request.get_json()))

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

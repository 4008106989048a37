"""One load on a Locust worker: it reports every second and ends on its own, even if the master is gone."""

from __future__ import annotations

import gc
import json
import time
from typing import Any

import gevent
import users
from datasets import WorkerData
from load_spec import LoadSpec
from locust.runners import WorkerRunner
from open_load import OpenLoad
from script_spec import script_of
from script_worker import ScriptWorker
from users import Load

LAG_EVERY_S = 0.05


def run(runner: WorkerRunner, load: Load) -> None:
    """Watch one load on a worker: report every second, end it in time, report the rest."""
    gevent.spawn(watch_loop, load)
    cpu_s = time.process_time()
    while True:
        load.end.wait(1.0 - load.now() % 1.0 + 0.02)  # just after each full second
        now = load.now()
        used, cpu_s = time.process_time() - cpu_s, time.process_time()
        if now >= 0:
            load.recorder.process(max(0.0, now - 0.5), used, 0.0)
        if now >= load.end_s:
            load.end.set()
        if load.end.is_set():
            break
        if now <= load.spec.ramp_up_s + 1:
            # Users and connections stay: a full garbage collection over them would block all users for 0.1 s.
            gc.freeze()
        load.settle()
        report(runner, load, now)
    load.close()
    load.end_s = min(load.end_s, load.now())
    while load.recorder.in_flight.value and load.now() < load.end_s + load.spec.timeout_s + 1:
        gevent.sleep(0.05)
        if int(load.now()) != int(load.now() - 0.05):
            report(runner, load, load.now())
    load.recorder.abort_rest(load.now())
    gevent.sleep(0.05)  # users in a think time stop
    load.leave()
    report(runner, load, load.now(), last=True)
    gc.unfreeze()
    gc.collect()


def report(runner: WorkerRunner, load: Load, now: float, last: bool = False) -> None:
    """Send what was counted since the last report, and the digests so far."""
    runner.send_message("study_report", {**load.recorder.take(now, last), "sent": load.digests.wire()})


def watch_loop(load: Load) -> None:
    """Measure the delay with which the event loop wakes a sleeping greenlet."""
    while not load.end.is_set():
        began = time.perf_counter()
        gevent.sleep(LAG_EVERY_S)
        lag_s = time.perf_counter() - began - LAG_EVERY_S
        if load.now() >= 0:
            load.recorder.process(load.now(), 0.0, lag_s)


def serve_worker(runner: WorkerRunner) -> None:
    """Handle the master's messages on a worker."""
    script = ScriptWorker(runner)
    data = WorkerData()

    def on_data(msg: Any, **_: Any) -> None:
        runner.send_message("study_data_received", data.keep(msg.data))

    def on_load(msg: Any, **_: Any) -> None:
        message, workers = json.loads(msg.data["load"]), msg.data["workers"]
        place = msg.data["t0"], workers.index(runner.client_id), len(workers)
        if script_of(message):
            users.current = script.load(message, *place)
            gevent.spawn(run, runner, users.current)
            return
        script.leave()
        spec = LoadSpec.read(message)
        rows = data.of(spec.traffic.data)
        load = Load(spec, *place, rows) if spec.rate_per_s is None else OpenLoad(spec, *place, runner, rows)
        users.current = load
        gevent.spawn(run, runner, load)

    def on_end(**_: Any) -> None:
        load = users.current
        if load is not None:
            load.end.set()
            load.end_s = min(load.end_s, load.now())

    runner.register_message("study_data", on_data)
    runner.register_message("study_load", on_load)
    runner.register_message("study_end", on_end)

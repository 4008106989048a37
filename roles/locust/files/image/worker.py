"""One load on a Locust worker: every second is reported, and it ends by itself.

Every worker knows when the load ends, whether anybody still listens or not.
"""

from __future__ import annotations

import gc
import time
from typing import Any

import gevent
import users
from locust.runners import WorkerRunner
from open_load import OpenLoad
from users import Load

LAG_EVERY_S = 0.05


def play(runner: WorkerRunner, load: Load) -> None:
    """Watch one load on a worker: report every second, end it in time, hand over the rest."""
    gevent.spawn(watch_loop, load)
    cpu_s = time.process_time()
    while True:
        gevent.sleep(1.0 - load.now() % 1.0 + 0.02)  # just after each full second
        now = load.now()
        used, cpu_s = time.process_time() - cpu_s, time.process_time()
        if now >= 0:
            load.recorder.process(max(0.0, now - 0.5), used, 0.0)
        if now >= load.end_s:
            load.end.set()
        if load.end.is_set():
            break
        if now <= load.ramp_up_s + 1:
            # Users and connections stay: a full collection over them takes 0.1 s, in which nobody is served.
            gc.freeze()
        load.settle()
        runner.send_message("study_report", load.recorder.take(now, last=False))
    load.close()
    load.end_s = min(load.end_s, load.now())
    while load.recorder.in_flight.value and load.now() < load.end_s + load.timeout_s + 1:
        gevent.sleep(0.05)
        if int(load.now()) != int(load.now() - 0.05):
            runner.send_message("study_report", load.recorder.take(load.now(), last=False))
    load.recorder.abort_rest(load.now())
    gevent.sleep(0.05)  # users that were thinking leave
    load.leave()
    runner.send_message("study_report", load.recorder.take(load.now(), last=True))
    gc.unfreeze()
    gc.collect()


def watch_loop(load: Load) -> None:
    """Measure how late the event loop wakes a sleeper."""
    while not load.end.is_set():
        began = time.perf_counter()
        gevent.sleep(LAG_EVERY_S)
        lag_s = time.perf_counter() - began - LAG_EVERY_S
        if load.now() >= 0:
            load.recorder.process(load.now(), 0.0, lag_s)


def serve_worker(runner: WorkerRunner) -> None:
    """Make a worker understand the master's orders."""

    def on_load(msg: Any, **_: Any) -> None:
        place = msg.data["workers"].index(runner.client_id)
        load = OpenLoad(msg.data, runner) if msg.data.get("rate_per_s") else Load(msg.data, place)
        users.current = load
        gevent.spawn(play, runner, load)

    def on_end(**_: Any) -> None:
        load = users.current
        if load is not None:
            load.end.set()
            load.end_s = min(load.end_s, load.now())

    runner.register_message("study_load", on_load)
    runner.register_message("study_end", on_end)

"""The generator's ceiling (rule E7): what it reaches on the same path when no server stands behind it."""

from __future__ import annotations

import io
import math
import tarfile
from dataclasses import replace
from datetime import UTC, datetime

import docker.errors
import httpx
import requests

from harness.deploy.inventory.hosts import Url
from harness.errors import TrialFailed
from harness.judge import window_stats
from harness.records.study import Ceiling
from harness.study.trial_context import Bench
from harness.traffic.run_load import load_spec, run_load

USERS = 64  # always in flight, without think time: more would only queue
RAMP_UP_S = 1.0
FROM_S = 3.0
UNTIL_S = 8.0
FOLDER = "/var/lib/balancer"
TRIES = 3
TRIAL = "ceiling"  # the balancer answers requests of this trial by itself


def measure(bench: Bench, enough_per_s: float) -> Ceiling:
    """Let the balancer give the answer that a server gave, and drive it as hard as the generator can.

    What disturbs the machine can only lower a ceiling. So what is below `enough_per_s` is tried again, three
    times in all, and the largest counts. Raises TrialFailed when the balancer cannot be prepared,
    LoadGeneratorFailed when the engine fails.
    """
    _place_answer(bench)
    found: list[Ceiling] = []
    while len(found) < TRIES and (not found or (found[-1].per_s or math.inf) < enough_per_s):
        found.append(_try(bench))
    best = max(found, key=lambda one: one.per_s or 0.0)
    tries = tuple(one.per_s for one in found if one.per_s is not None)
    return best.model_copy(update={"tries": tries})


def _try(bench: Bench) -> Ceiling:
    spec = replace(
        load_spec(bench, USERS, TRIAL),
        think_time_s=0.0,
        ramp_up_s=RAMP_UP_S,
        duration_s=UNTIL_S,
        window_from_s=FROM_S,
    )
    began = datetime.now(UTC)
    got, result = run_load(bench, spec, lambda _at: None)
    begin = got.started_at
    bench.probes.balancer_summary(TRIAL, begin, begin + FROM_S, begin + UNTIL_S)  # empties its log
    rate = window_stats.mean_rate(window_stats.window(got.samples, FROM_S, UNTIL_S))
    at = began.isoformat(timespec="seconds")
    if not rate:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.errors.items())
        why = f"the balancer's own answers were not what the request expects ({kinds})"
        return Ceiling(users=USERS, measured_at=at, why=why)
    return Ceiling(per_s=round(rate, 1), users=USERS, measured_at=at)


def _place_answer(bench: Bench) -> None:
    """Put the body of a real answer where the balancer finds it."""
    request = bench.grid.request
    try:
        with bench.connections.http(bench.inventory.balancer, Url.SERVICE, timeout=10.0) as client:
            body = client.request(
                request.method, request.path, content=request.body or None, headers=request.all_headers
            ).content
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo("null-answer")
            entry.size, entry.mode = len(body), 0o644
            archive.addfile(entry, io.BytesIO(body))
        bench.probes.put(bench.inventory.balancer, FOLDER, packed.getvalue())
    except (httpx.HTTPError, docker.errors.DockerException, requests.RequestException) as error:
        raise TrialFailed(f"the balancer cannot be prepared for the generator's ceiling: {error!r}") from None

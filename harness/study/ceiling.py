"""Measure the load generator's ceiling (rule E7): its maximum rate when the balancer itself responds."""

from __future__ import annotations

import io
import math
import tarfile
from dataclasses import replace
from datetime import UTC, datetime

import docker.errors
import httpx
import requests

from harness.deploy import tls
from harness.deploy.inventory.hosts import Url
from harness.errors import TrialFailed
from harness.judge import window_stats
from harness.language import messages
from harness.records.study import Ceiling
from harness.study.trial_context import TrialContext
from harness.traffic.run_load import load_spec, run_load, settings_of

USERS = 64  # always in flight, without think time: more would only queue
RAMP_UP_S = 1.0
WINDOW_FROM_S = 3.0
WINDOW_TO_S = 8.0
FOLDER = "/var/lib/balancer"
MAX_ATTEMPTS = 3
OTHER_BODY = 1000
OF_SCRIPT = messages("a Locust script may need other responses than the balancer's stored one")
TRIAL = "ceiling"  # requests with this trial header get a stored response from the balancer


def measure(context: TrialContext, sufficient_per_s: float) -> Ceiling:
    """Send the maximum load to the balancer, which responds with a server's stored response.

    A disturbance can only lower the result. A rate below `sufficient_per_s` is measured again, three times in all, and
    the largest counts. Raises TrialFailed when the balancer cannot be prepared, LoadGeneratorFailed when the load
    generator fails.
    """
    if context.grid.has_script:
        return Ceiling(users=USERS, measured_at=datetime.now(UTC).isoformat(timespec="seconds"), why=OF_SCRIPT)
    balancer = settings_of(context, {}).balancer
    if not balancer.forwards:
        return Ceiling(
            users=USERS, measured_at=datetime.now(UTC).isoformat(timespec="seconds"), why=balancer.unavailable["E7"]
        )
    if too_large := _store_response(context):
        return Ceiling(users=USERS, measured_at=datetime.now(UTC).isoformat(timespec="seconds"), why=too_large)
    attempts: list[Ceiling] = []
    while len(attempts) < MAX_ATTEMPTS and (not attempts or (attempts[-1].per_s or math.inf) < sufficient_per_s):
        attempts.append(_attempt(context))
    best = max(attempts, key=lambda attempt: attempt.per_s or 0.0)
    rates = tuple(attempt.per_s for attempt in attempts if attempt.per_s is not None)
    return best.model_copy(update={"tries": rates})


def _attempt(context: TrialContext) -> Ceiling:
    spec = load_spec(context, USERS, TRIAL)
    spec = replace(
        spec,
        traffic=spec.traffic.for_stored_response(),
        think_time_s=0.0,
        ramp_up_s=RAMP_UP_S,
        duration_s=WINDOW_TO_S,
        window_from_s=WINDOW_FROM_S,
    )
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    load, result = run_load(context, spec, lambda _at: None)
    start_at = load.started_at
    # Reading the summary empties the balancer's log.
    context.probes.balancer_summary(TRIAL, start_at, start_at + WINDOW_FROM_S, start_at + WINDOW_TO_S)
    rate = window_stats.mean_rate(window_stats.window(load.samples, WINDOW_FROM_S, WINDOW_TO_S))
    if not rate:
        kinds = ", ".join(f"{count} {kind}" for kind, count in result.errors.items())
        why = f"the stored response of the balancer is not the response that the grid expects ({kinds})"
        return Ceiling(users=USERS, measured_at=measured_at, why=why)
    return Ceiling(per_s=round(rate, 1), users=USERS, measured_at=measured_at)


def _store_response(context: TrialContext) -> str:
    """Copy the body of one server response to the balancer; return why that is impossible, or an empty text.

    That is the response to the request that is most frequent among those without templates. If all have templates, the
    body is of `OTHER_BODY` bytes.
    """
    plain = [each for each in context.grid.requests if each.is_plain]
    body = b"x" * OTHER_BODY
    settings = settings_of(context, {})
    balancer = settings.balancer
    try:
        if plain:
            request = max(plain, key=lambda each: each.weight).request
            host, is_tls = context.inventory.balancer, tls.is_on(settings)
            with context.connections.http(host, Url.SERVICE, tls=is_tls, timeout=10.0) as client:
                body = client.request(
                    request.method, request.target, content=request.body or None, headers=request.all_headers
                ).content
        if balancer.largest_stored is not None and len(body) > balancer.largest_stored:
            return f"{balancer.shown} itself can return at most {balancer.largest_stored} bytes, not {len(body)}"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo("null-answer")
            entry.size, entry.mode = len(body), 0o644
            archive.addfile(entry, io.BytesIO(body))
        context.probes.put(context.inventory.balancer, FOLDER, packed.getvalue())
        if balancer.after_storing:
            context.probes.run_in(context.inventory.balancer, list(balancer.after_storing))
    except (httpx.HTTPError, docker.errors.DockerException, requests.RequestException) as error:
        raise TrialFailed(f"the load generator's ceiling cannot be measured at the balancer: {error!r}") from None
    return ""

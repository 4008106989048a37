"""Client of the study's own paths on a Locust master (roles/locust/files/image/locustfile.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from harness.errors import LoadGeneratorFailed
from harness.judge import window_stats
from harness.records.series import Sample
from harness.traffic.load_generator import LoadResult, LoadSpec


class LocustLoadGenerator:
    """Speaks to one Locust master; see `Engine` for the calls.

    `read_token` returns the token that the master made when it started; it raises LoadGeneratorFailed where it cannot.
    """

    def __init__(self, client: httpx.Client, read_token: Callable[[], str]) -> None:
        self._client = client
        self._read_token = read_token
        self._token = ""

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}  # an empty one cannot be sent
        return self._client.request(method, f"/study/{path}", headers=headers, **arguments)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = self._send(method, path, **arguments)
            if answer.status_code == httpx.codes.UNAUTHORIZED:  # not read yet, or the master has been restarted
                self._token = self._read_token()
                answer = self._send(method, path, **arguments)
            said: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LoadGeneratorFailed(
                f"the traffic engine at {self._client.base_url} does not answer: {error!r}"
            ) from error
        if answer.status_code != httpx.codes.OK:
            raise LoadGeneratorFailed(f"the traffic engine refuses {path}: {said.get('error', answer.status_code)}")
        return said

    def version(self) -> dict[str, str]:
        return {"locust": str(self._call("GET", "ready").get("version", ""))}

    def ready(self) -> bool:
        return bool(self._call("GET", "ready")["ready"])

    def ask(self, load: LoadSpec) -> str:
        return str(self._call("POST", "ask", json=_spec(load), timeout=2 * load.timeout_s + 10)["error"])

    def start(self, load: LoadSpec) -> float:
        return float(self._call("POST", "start", json=_spec(load))["t0"])

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        said = self._call("GET", "samples", params={"since": since})
        return [_sample(row) for row in said["samples"]], bool(said["over"])

    def stop(self) -> None:
        self._call("POST", "stop", json={})

    def result(self) -> LoadResult:
        said = self._call("GET", "result")
        return LoadResult(
            started_at=said["t0"],
            over=said["over"],
            workers=said["workers"],
            lost_workers=said["lost_workers"],
            errors=said["errors"],
            latencies=_histogram(said["latencies"]),
            failures=_histogram(said["failures"]) if said["failures"] else "",
            delays=said["delays"],
        )


def _spec(load: LoadSpec) -> dict[str, Any]:
    """A load as the master takes it."""
    request = load.request
    return {
        "trial": load.trial,
        "url": load.url + request.path,
        "users": load.users,
        "think_time_s": load.think_time_s,
        "ramp_up_s": load.ramp_up_s,
        "duration_s": load.duration_s,
        "timeout_s": load.timeout_s,
        "keep_alive": load.keep_alive,
        "window_from_s": load.window_from_s,
        "window_to_s": load.duration_s,
        "rate_per_s": load.rate_per_s,
        "arrivals": load.arrivals,
        "in_flight": load.in_flight,
        "seed": load.seed,
        "slow_after_s": load.slow_after_s,
        "request": {
            "method": request.method,
            "body": request.body,
            "headers": request.all_headers,
            "expect_status": list(request.expect_status),
            "expect_body": request.expect_body,
        },
    }


def _histogram(counts: dict[str, int]) -> str:
    return window_stats.histogram_of_us({int(us): count for us, count in counts.items()})


def _sample(row: dict[str, float]) -> Sample:
    completed = int(row["completed"])
    return Sample(
        t_s=int(row["t_s"]),
        completed=completed,
        failed=int(row["failed"]),
        users=round(row["users_s"], 3),
        in_flight=round(row["in_flight_s"], 3),
        mean_ms=round(row["latency_s"] / completed * 1000, 3) if completed else None,
        think_s=round(row["think_s"], 3),
        thinks=int(row["thinks"]),
        busiest_cpu_s=round(row["busiest_cpu_s"], 4),
        lag_ms=round(row["lag_s"] * 1000, 2),
        thinking=round(row["thinking_s"], 3),
        slow=int(row["slow"]) if "slow" in row else None,
        **_of_open(row),
    )


def _of_open(row: dict[str, float]) -> dict[str, Any]:
    """What a second of an open load tells beside the others; nobody thinks in it."""
    if "offered" not in row:
        return {}
    counts = {name: int(row[name]) for name in ("offered", "sent", "late")}
    return {**counts, "delay_ms": round(row["delay_s"] * 1000, 2)}

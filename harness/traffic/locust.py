"""Client of the study's own HTTP paths on a Locust master (roles/locust/files/image/locustfile.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from harness import secrecy
from harness.errors import BadInput, LoadGeneratorFailed
from harness.judge import latency_stats
from harness.records import failure_kind
from harness.records.series import Sample
from harness.traffic import scripts
from harness.traffic.load_generator import Exchange, LoadResult, LoadSpec, LoginCounts, RequestCounts
from harness.traffic.sent_traffic import SentScript

UPLOAD_S = 120.0
SCRIPT_S = 120.0  # to import a script, or to run its first tasks


class LocustLoadGenerator:
    """One Locust master; see `LoadGenerator` for the calls.

    `read_token` returns the token that the master created at its start, or raises LoadGeneratorFailed.
    """

    def __init__(self, client: httpx.Client, read_token: Callable[[], str]) -> None:
        self._client = client
        self._read_token = read_token
        self._token = ""
        self._script: SentScript | None = None  # of the last load

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}  # an empty token is not valid HTTP
        return self._client.request(method, f"/study/{path}", headers=headers, **arguments)

    def _call(self, method: str, path: str, *, may_lack_data: bool = False, **arguments: Any) -> dict[str, Any]:
        """Call a path; with `may_lack_data` an answer that the data are unknown is returned, not raised."""
        try:
            response = self._send(method, path, **arguments)
            if response.status_code == httpx.codes.UNAUTHORIZED:  # no token yet, or the master was restarted
                self._token = self._read_token()
                response = self._send(method, path, **arguments)
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LoadGeneratorFailed(
                f"the load generator at {self._client.base_url} does not answer: {error!r}"
            ) from error
        if may_lack_data and (answer.get("unknown_data") or answer.get("unknown_environment") or "script" in answer):
            return answer
        if response.status_code != httpx.codes.OK:
            raise LoadGeneratorFailed(f"the load generator rejects {path}: {answer.get('error', response.status_code)}")
        return answer

    def version(self) -> dict[str, str]:
        return {"locust": str(self._call("GET", "ready").get("version", ""))}

    def ready(self) -> bool:
        return bool(self._call("GET", "ready")["ready"])

    def send_each(self, load: LoadSpec) -> list[Exchange]:
        self._script = load.traffic.script
        seconds = 2 * (len(load.traffic.requests) + 1) * load.timeout_s + 10
        answer = self._with_data("send-each", load, timeout=max(seconds, SCRIPT_S) if self._script else seconds)
        if self._script is not None and (problem := scripts.problem(self._script, answer["script"])):
            raise BadInput(problem)
        return [_exchange(row) for row in answer["exchanges"]]

    def start(self, load: LoadSpec) -> float:
        self._script = load.traffic.script
        arguments = {"timeout": SCRIPT_S} if self._script else {}
        return float(self._with_data("start", load, **arguments)["t0"])

    def _with_data(self, path: str, load: LoadSpec, **arguments: Any) -> dict[str, Any]:
        """Call a path with a load; upload its rows and files first if the load generator does not have them."""
        message = load.wire()
        answer = self._call("POST", path, json=message, may_lack_data=True, **arguments)
        if answer.get("unknown_data") and load.traffic.dataset:
            self._call("POST", "data", json=load.traffic.dataset.wire(), timeout=UPLOAD_S)
            answer = self._call("POST", path, json=message, **arguments)
        script = load.traffic.script
        if script is not None and answer.get("unknown_environment"):
            secrets = secrecy.inside(script.env.values())
            self._call("POST", "environment", json={"env": dict(script.env), "secrets": secrets})
            answer = self._call("POST", path, json=message, may_lack_data=True, **arguments)
        if script is not None and "error" in answer and "script" in answer:
            raise BadInput(script.problem(answer["script"]))
        return answer

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        answer = self._call("GET", "samples", params={"since": since})
        return [_sample(row) for row in answer["samples"]], bool(answer["over"])

    def stop(self) -> None:
        self._call("POST", "stop", json={})

    def result(self) -> LoadResult:
        answer = self._call("GET", "result")
        return LoadResult(
            started_at=answer["t0"],
            over=answer["over"],
            workers=answer["workers"],
            lost_workers=answer["lost_workers"],
            errors=answer["errors"],
            latencies=latency_stats.histogram_of_us(_by_us(answer["latencies"])),
            failures=_histogram(answer["failures"]),
            delays=answer["delays"],
            samples=[_sample(row) for row in answer["samples"]],
            requests={name: _counts(row) for name, row in answer["requests"].items()},
            transactions=_counts(answer["transactions"]) if answer["transactions"] else None,
            logins=LoginCounts(**answer["logins"]),
            sent=answer["sent"],
            **scripts.of_result(self._script, answer),
        )


def _exchange(row: dict[str, Any]) -> Exchange:
    return Exchange(**{**row, "error": failure_kind.parse(str(row["error"])) if row["error"] else None})


def _counts(row: dict[str, Any]) -> RequestCounts:
    return RequestCounts(
        requests=int(row["requests"]),
        failed=int(row["failed"]),
        completed=int(row["completed"]),
        slow=int(row["slow"]),
        errors=row["errors"],
        latencies=_histogram(row["latencies"]),
        failures=_histogram(row["failures"]),
    )


def _histogram(counts: dict[str, int]) -> str:
    """Encode counts by microseconds; empty for none."""
    if not counts:
        return ""
    return latency_stats.histogram_of_us(_by_us(counts))


def _by_us(counts: dict[str, int]) -> dict[int, int]:
    return {int(us): count for us, count in counts.items()}


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
        requests=int(row["requests"]),
        requests_failed=int(row["requests_failed"]),
        **_open_loop_counts(row),
    )


def _open_loop_counts(row: dict[str, float]) -> dict[str, Any]:
    """Fields of a sample that only an open loop has."""
    if "offered" not in row:
        return {}
    counts = {name: int(row[name]) for name in ("offered", "sent", "late")}
    return {**counts, "delay_ms": round(row["delay_s"] * 1000, 2)}

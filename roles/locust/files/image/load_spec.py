"""The load of one trial as the study sends it: `LoadSpec.wire` in harness/traffic/load_generator.py. No Locust here."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

LOGIN = "login"  # the name of a login


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """One request of a mix, one step of a transaction, or the login. Its texts are templates (templates.py).

    `body` has one of the keys json, form, multipart, file (with `type`) and text; None for no body.
    """

    name: str = LOGIN
    weight: float = 1.0
    pause_s: float = 0.0  # mean pause after a step
    slow_after_s: float | None = None  # the name's own objective: successes above this latency are slow
    method: str
    path: str
    params: list[list[str]]
    headers: dict[str, str]
    body: dict[str, Any] | None
    expect_status: list[int]
    expect_body: str | None  # regular expression
    extract: dict[str, dict[str, str]]  # variable → one of json, header and regex
    follow_redirects: bool


@dataclass(frozen=True, kw_only=True)
class TrafficSpec:
    """The traffic of users: a mix ("requests") or transactions of several steps ("steps"), and their rows."""

    kind: str
    requests: list[RequestSpec]
    login: RequestSpec | None = None
    pick: str = "cycle"  # or random, zipf, once
    zipf_s: float = 0.0
    per: str = "transaction"  # or user
    data: str = ""  # digest of the uploaded data; empty for none
    sessions: int = 0  # logged-in sessions that the arrivals of an open loop use in turn; 0 without a login
    tls_verify: bool = True
    tls_name: str = ""  # host name of the certificate; empty for the address
    tls_trusted: str = ""  # certificates as PEM that are trusted besides the public authorities

    @classmethod
    def read(cls, message: dict[str, Any]) -> TrafficSpec:
        """The traffic from JSON; raises TypeError for other fields, ValueError for other values."""
        login = message.get("login")
        requests = [RequestSpec(**each) for each in message["requests"]]
        traffic = cls(**{**message, "requests": requests, "login": RequestSpec(**login) if login else None})
        for name, allowed in (
            ("kind", ("requests", "steps")),
            ("pick", ("cycle", "random", "zipf", "once")),
            ("per", ("transaction", "user")),
        ):
            if getattr(traffic, name) not in allowed:
                raise ValueError(f"{name} (got {getattr(traffic, name)!r}). Allowed: {', '.join(allowed)}.")
        if not requests:
            raise ValueError("requests: none")
        return traffic

    @property
    def steps(self) -> bool:
        """Whether each transaction has several requests."""
        return self.kind == "steps"

    @property
    def each(self) -> list[RequestSpec]:
        """All requests, the login first."""
        return [*([self.login] if self.login else []), *self.requests]


@dataclass(frozen=True, kw_only=True)
class LoadSpec:
    """A load: a closed loop of `users`, or an open loop if `rate_per_s` is set. Times count from the load's start."""

    trial: str
    url: str  # of the balancer, without the request's path
    users: int
    think_time_s: float
    ramp_up_s: float
    duration_s: float
    timeout_s: float
    window_from_s: float
    traffic: TrafficSpec
    keep_alive: bool
    rate_per_s: float | None
    arrivals: str
    in_flight: int
    seed: str
    slow_after_s: float | None
    longest_s: float

    @classmethod
    def read(cls, message: dict[str, Any]) -> LoadSpec:
        """A load from JSON; raises TypeError, KeyError or ValueError for another message."""
        load = cls(**{**message, "traffic": TrafficSpec.read(message["traffic"])})
        if load.rate_per_s is not None and load.traffic.steps:
            raise ValueError("steps: only valid in a closed loop")
        return load

    @property
    def base_url(self) -> str:
        """The URL below which all requests are; raises ValueError for a path that could change the host.

        Messages have no path, because it may contain a secret.
        """
        for request in self.traffic.each:
            if not request.path.startswith("/"):
                raise ValueError(f"path of {request.name}. Allowed: a path that begins with a slash.")
        return f"{self.url}/"


@dataclass(frozen=True)
class Dataset:
    """Uploaded rows and files. The digest of the study identifies them."""

    digest: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, message: dict[str, Any]) -> Dataset:
        """Data from JSON, with files as base64; raises ValueError for another message."""
        digest, rows, files = (message.get(name) for name in ("digest", "rows", "files"))
        if not isinstance(digest, str) or not digest:
            raise ValueError("digest: missing")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("rows: not a list of objects")
        if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
            raise ValueError("files: not an object of base64 texts")
        return cls(digest, rows, {key: base64.b64decode(each, validate=True) for key, each in files.items()})

"""The traffic of a load as the load generator receives it: templates, with the values of secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from harness.grid import templates
from harness.grid.bodies import BYTES, FormPart, content_type, pairs
from harness.grid.dataset import Dataset
from harness.grid.request import Expect, HttpRequest, Request
from harness.grid.schema import Grid
from harness.grid.traffic import SESSIONS, Login, TrafficRequest, of_request

_EXTRACTED = 36  # characters, as a UUID has
SCRIPT_FOLDER = "/opt/script"  # in the image of a script


@dataclass(frozen=True, kw_only=True)
class SentScript:
    """Your Locust script in its image, and the values of its environment variables.

    Every sleep of the script is longer by `time_factor`. `shown` is the script's folder as the grid names it.
    """

    file: str
    users: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    time_factor: float = 1.0
    shown: str = ""

    def wire(self) -> dict[str, Any]:
        """The script as JSON, without the values of its environment variables."""
        return {
            "kind": "locust",
            "folder": SCRIPT_FOLDER,
            "file": self.file,
            "users": list(self.users),
            "tags": list(self.tags),
            "exclude_tags": list(self.exclude_tags),
            "env": hashlib.sha256(json.dumps(dict(self.env), sort_keys=True).encode()).hexdigest(),
            "time_factor": self.time_factor,
        }

    def problem(self, found: Mapping[str, Any]) -> str:
        """Return `file:line: error` for a problem that the load generator found in the script."""
        file = str(found.get("file") or self.file)
        line = f":{found['line']}" if found.get("line") else ""
        return f"{PurePosixPath(self.shown) / file}{line}: {found.get('error', '')}"


@dataclass(frozen=True, kw_only=True)
class SentTraffic:
    """Requests of a mix, or the steps of a transaction, with a login, rows and the values of secrets.

    `sessions` is the number of logged-in sessions of an open load, 0 for users.
    """

    requests: tuple[TrafficRequest, ...]
    has_steps: bool = False
    login: Login | None = None
    pick: str = "cycle"
    zipf_s: float = 0.0
    per: str = "transaction"
    dataset: Dataset | None = None
    sessions: int = 0
    tls_verify: bool = True
    tls_name: str = ""  # host name of the certificate; empty for the address
    tls_trusted: str = ""  # certificates as PEM that are trusted besides the public authorities
    script: SentScript | None = None
    groovy: str = ""  # your nGrinder script instead of requests: its key in the dataset's files
    groovy_files: tuple[str, ...] = ()  # keys of the files next to it
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    slow_after_s: Mapping[str, float] = field(default_factory=dict)  # name → latency above which a success is slow
    values: Mapping[str, str] = field(default_factory=dict, repr=False)  # of extracted names that no response gives

    @classmethod
    def of(cls, request: Request) -> SentTraffic:
        """Return the traffic of one request."""
        return cls(requests=(of_request(request, Expect(status=request.expect_status, body=request.expect_body)),))

    @classmethod
    def of_grid(cls, grid: Grid) -> SentTraffic:
        """Return a grid's traffic."""
        data = grid.traffic.data if grid.traffic else None
        login = grid.login
        return cls(
            requests=grid.requests,
            has_steps=grid.has_steps,
            login=login,
            pick=data.kind if data else "cycle",
            zipf_s=data.zipf_s if data else 0.0,
            per=data.per if data else "transaction",
            dataset=grid.dataset if grid.dataset and grid.dataset.is_sent else None,
            groovy=(grid.traffic.script or "") if grid.traffic else "",
            groovy_files=grid.traffic.files if grid.traffic else (),
            sessions=(login.sessions or SESSIONS) if login and grid.is_open else 0,
            secrets=grid.traffic_secrets,
            slow_after_s=_slow_after_s(grid),
            script=_script(grid),
        )

    def reusing_rows(self) -> SentTraffic:
        """Return traffic that never runs out of rows, for loads that are no trials."""
        return replace(self, pick="cycle") if self.pick == "once" else self

    def for_stored_response(self) -> SentTraffic:
        """Return traffic for a balancer that gives every request the same response with status 200.

        A single request that is the same every time keeps its expectations, because the response is that of a server.
        Others have none, there are no logins and pauses, and extracted names have a value. Instead of a script, one GET
        is sent.
        """
        if self.groovy:  # its assertions are unknown
            return SentTraffic.of(Request(path="/"))
        if self.login is None and not self.has_steps and len(self.requests) == 1 and self.requests[0].is_plain:
            return self.reusing_rows()
        extracted = [name for each in (self.login, *self.requests) if each for name in each.extract]
        return replace(
            self.reusing_rows(),
            requests=tuple(each.without_expectations() for each in self.requests),
            login=None,
            sessions=0,
            values=dict.fromkeys(extracted, "x" * _EXTRACTED),
        )

    def wire(self) -> dict[str, Any]:
        """The traffic as JSON; roles/locust/files/image/load_spec.py reads it, script_spec.py that of a script."""
        if self.script is not None:
            return {**self.script.wire(), "tls_verify": self.tls_verify}
        return {
            "kind": "steps" if self.has_steps else "requests",
            "requests": [
                {
                    "name": each.name,
                    "weight": each.weight,
                    "pause_s": each.pause_s,
                    "slow_after_s": self.slow_after_s.get(each.name),
                    **self._sent(each),
                }
                for each in self.requests
            ],
            "login": self._sent(self.login) if self.login else None,
            "pick": self.pick,
            "zipf_s": self.zipf_s,
            "per": self.per,
            "data": self.dataset.digest if self.dataset else "",
            "sessions": self.sessions,
            "tls_verify": self.tls_verify,
            "tls_name": self.tls_name,
            "tls_trusted": self.tls_trusted,
        }

    def _sent(self, each: TrafficRequest | Login) -> dict[str, Any]:
        request, filled = each.request, self._filled
        return {
            "method": request.method,
            "path": filled(request.path),
            "params": [[filled(name), filled(value)] for name, value in pairs(request.params)],
            "headers": {name: filled(value) for name, value in request.all_headers.items()},
            "body": self._body(request),
            "expect_status": list(each.expect.status),
            "expect_body": each.expect.body,
            "extract": {name: way.wire() for name, way in each.extract.items()},
            "follow_redirects": request.follow_redirects,
        }

    def _filled(self, text: str) -> str:
        known = {f"{templates.SECRET}{name}": value for name, value in self.secrets.items()}
        return templates.partly_filled(text, {**known, **self.values})

    def _body(self, request: HttpRequest) -> dict[str, Any] | None:
        filled = self._filled
        if request.json_body is not None:
            return {"json": templates.mapped(request.json_body, filled)}
        if request.form is not None:
            return {"form": [[filled(name), filled(value)] for name, value in pairs(request.form)]}
        if request.multipart is not None:
            return {"multipart": [self._part(part) for part in request.multipart]}
        if request.file is not None:
            path = request.file.path
            return {"file": self._filled(path), "type": request.file.type or self._type(path)}
        return {"text": filled(request.text)} if request.text is not None else None

    def _part(self, part: FormPart) -> dict[str, Any]:
        if part.file is None:
            return {"name": self._filled(part.name), "value": self._filled(part.value or "")}
        is_template = templates.has_any(part.file)
        named = "" if is_template else part.file.rpartition("/")[2]  # empty: the image takes it from the file's key
        filename = named if part.filename is None else self._filled(part.filename)
        kind = self._filled(part.type) if part.type else self._type(part.file)
        key = self._filled(part.file)
        return {"name": self._filled(part.name), "file": key, "filename": filename, "type": kind}

    def _type(self, path: str) -> str:
        """Content type of a file by its name; of rows' files if all have the same one."""
        if not templates.has_any(path):
            return content_type(path)
        kinds = {content_type(key) for key in (self.dataset.files if self.dataset else ())}
        return kinds.pop() if len(kinds) == 1 else BYTES


def _slow_after_s(grid: Grid) -> dict[str, float]:
    """Return name → objective p95 of its requests: its own one, or that of all requests."""
    names, for_all = [each.name for each in grid.requests], grid.objectives.p95_s
    return grid.objectives.p95_of_names(names) if for_all is None else dict.fromkeys(names, for_all)


def _script(grid: Grid) -> SentScript | None:
    traffic, files = grid.traffic, grid.dataset.script if grid.dataset else None
    if traffic is None or traffic.locustfile is None or files is None:
        return None
    values = {f"{templates.SECRET}{name}": value for name, value in grid.traffic_secrets.items()}
    return SentScript(
        file=files.entry,
        users=traffic.users,
        tags=traffic.tags,
        exclude_tags=traffic.exclude_tags,
        env={name: templates.with_values(text, values) for name, text in traffic.env.items()},
        time_factor=grid.time_factor,
        shown=files.folder,
    )

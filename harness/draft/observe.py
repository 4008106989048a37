"""Send each found request once to a running service, and derive the expected status and a check of the body."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from harness.draft.found import FoundRequest
from harness.draft.secret_references import SECRET_FORM
from harness.draft.sources import mapping
from harness.grid import json_paths, templates
from harness.grid.bodies import content_type, pairs
from harness.grid.request import HttpRequest
from harness.words import short

WITHIN_S = 30.0
LARGEST_BODY = 1_000_000  # bytes of a response that are read
_KEY = re.compile(r"[A-Za-z_][\w.-]{0,40}")
_ADVICE = (
    ((401, 403, 407), "it needs credentials, see docs/how-to/own-traffic.md#login"),
    ((404, 410), "write a path that exists"),
    ((405, 501), "the service does not accept this method"),
    ((400, 409, 411, 412, 413, 415, 422, 428), "write values that the service accepts"),
    ((421,), "set the header Host to the name that the service expects"),
    (range(500, 600), "the service failed, its log has the reason"),
)
_OF_ERRORS = frozenset(("error", "errors", "detail", "message", "timestamp", "trace", "path", "exception", "status"))


@dataclass(frozen=True, kw_only=True)
class Observed:
    """The response to one request: its status and a regular expression for its body ("" for none), or a problem.

    `redirect` is the path to which it redirects, "" for none. `reason` is the begin of a failure's body: for the
    console only, as a service may repeat what it received.
    """

    status: int | None = None
    pattern: str = ""
    problem: str = ""
    redirect: str = ""
    reason: str = ""
    took_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the response is a success: a status below 400."""
        return self.status is not None and self.status < 400

    @property
    def shown(self) -> str:
        """The response, or what is missing and the fix."""
        if self.status is None:
            return self.problem
        if self.redirect:
            return f"status {self.status}, a redirect to {self.redirect}"
        advice = next((words for statuses, words in _ADVICE if self.status in statuses), "")
        return f"status {self.status}{f': {advice}' if advice else ''}"


@dataclass(kw_only=True)
class Observer:
    """A client of a running service at a URL; `secrets` are variable → value, `files` name → content."""

    url: str
    row: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    within_s: float = WITHIN_S

    def observe(self, requests: Sequence[FoundRequest], is_steps: bool) -> list[Observed]:
        """Return what each request receives, sent once in order; users of steps keep cookies and extracted values."""
        values = {
            **{f"{templates.ROW}{name}": str(value) for name, value in self.row.items()},
            **{f"{templates.SECRET}{name}": value for name, value in self.secrets.items()},
            **{"user": "1", "uuid": str(uuid.uuid4()), "trial": "init"},
        }
        found = []
        with httpx.Client(trust_env=False, verify=False) as client:  # noqa: S501 - a service on this machine, or one that the user names
            for each in requests:
                if not is_steps:
                    client.cookies.clear()
                began = time.monotonic()
                try:
                    status, body, headers = self._send(client, each, values)
                    pattern = body_pattern(body, headers.get("content-type", "")) if status < 300 else ""
                    place = urlsplit(headers.get("location", "")).path if 300 <= status < 400 else ""
                    seen = Observed(
                        status=status,
                        pattern=pattern,
                        redirect=SECRET_FORM.sub("…", place)[:80],
                        took_s=time.monotonic() - began,
                    )
                    found.append(replace(seen, reason=self._reason(status, body)))
                    values |= _extracted(each.extract, body)
                except KeyError as error:
                    found.append(Observed(problem=_lacking(str(error.args[0]))))
                except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
                    found.append(Observed(problem=f"no response: {str(error) or type(error).__name__}"))
        return found

    def _send(
        self, client: httpx.Client, found: FoundRequest, values: Mapping[str, str]
    ) -> tuple[int, bytes, httpx.Headers]:
        request = HttpRequest.model_validate(found.as_grid())
        coded = {name: quote(value, safe="") for name, value in values.items()}
        target = templates.with_values(request.path, coded)
        if request.params:
            query = urlencode([(name, templates.with_values(value, values)) for name, value in pairs(request.params)])
            target += ("&" if "?" in target else "?") + query
        plain = {**self._file_type(request), **request.all_headers}
        headers = {name: templates.with_values(value, values) for name, value in plain.items()}
        sent = client.build_request(
            request.method,
            self.url.rstrip("/") + target,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            timeout=httpx.Timeout(self.within_s, connect=5),
            **self._body(request, values),
        )
        deadline = time.monotonic() + self.within_s
        response = client.send(sent, stream=True)
        try:
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > LARGEST_BODY or time.monotonic() > deadline:
                    break
        finally:
            response.close()
        return response.status_code, body, response.headers

    def _body(self, request: HttpRequest, values: Mapping[str, str]) -> dict[str, Any]:
        def filled(text: str) -> str:
            return templates.with_values(text, values)

        if request.json_body is not None:
            return {"content": json.dumps(templates.mapped(request.json_body, filled), separators=(",", ":")).encode()}
        if request.form is not None:
            return {"content": urlencode([(name, filled(value)) for name, value in pairs(request.form)]).encode()}
        if request.multipart is not None:
            return {"files": [self._part(part.model_dump(), filled) for part in request.multipart]}
        if request.file is not None:
            return {"content": self.files[request.file.path]}
        return {"content": filled(request.text).encode()} if request.text is not None else {}

    def _reason(self, status: int, body: bytes) -> str:
        """Return the begin of a failure's text without secrets; "" for a page or bytes."""
        text = " ".join(body[:2000].decode("utf-8", "replace").split())
        for name, value in self.secrets.items():
            text = text.replace(value, name)
        return (
            short(text, 200, bare=True) if status >= 400 and not text.startswith("<") and "\ufffd" not in text else ""
        )

    @staticmethod
    def _file_type(request: HttpRequest) -> dict[str, str]:
        if request.file is None:
            return {}
        return {"Content-Type": request.file.type or content_type(request.file.path)}

    def _part(self, part: dict[str, Any], filled: Callable[[str], str]) -> tuple[str, tuple[Any, ...]]:
        if part["file"] is None:
            return part["name"], (None, filled(part["value"]))
        name = part["filename"] or PurePosixPath(part["file"]).name
        return part["name"], (name, self.files[part["file"]], part["type"] or content_type(part["file"]))


def _lacking(name: str) -> str:
    if name.startswith(templates.SECRET):
        variable = name.removeprefix(templates.SECRET)
        return f"not sent, as {variable} is not set. Fix: export {variable}, then run init again with --force"
    return f"not sent, as {name} has no value: no earlier response contained it"


def _extracted(ways: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Return name → value of each JSONPath that a response has."""
    values = {name: json_paths.found(body, json_paths.keys(path)) for name, path in ways.items()}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def body_pattern(body: bytes, kind: str) -> str:
    """Return a regular expression that a body like this one matches, and an error page most likely does not.

    It has names and never values: keys of JSON, the title of HTML, a short word of plain text. "" if nothing is stable.
    """
    text = body.decode("utf-8", "replace").strip()
    if text.startswith(("{", "[")):
        return _json_pattern(text)
    if "html" in kind.lower() or text[:15].lower().startswith(("<!doctype html", "<html")):
        title = re.search(r"<title[^>]*>\s*([^<]{1,60}?)\s*</title>", text, re.I)
        is_stable = title and title[1].isprintable() and not re.search(r"\d", title[1])
        return rf"<title[^>]*>\s*{_escaped(title[1])}" if title and is_stable else ""
    return rf"^\s*{text}\s*$" if re.fullmatch(r"[A-Za-z]{1,20}", text) else ""


def _json_pattern(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, list):
        if not value:
            return r"^\s*\["
        keys = [key for key in mapping(value[0]) if _KEY.fullmatch(key)]
        return rf'^\s*\[\s*\{{[^}}]*"{_escaped(keys[0])}"\s*:' if keys else r"^\s*\["
    keys = [key for key in mapping(value) if _KEY.fullmatch(key)]
    own = [key for key in keys if key.lower() not in _OF_ERRORS] or keys
    return rf'"{_escaped(own[0])}"\s*:' if own else ""


def _escaped(text: str) -> str:
    """A text as a regular expression, without the backslashes that Python's own function adds to blanks."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def with_observations(requests: Sequence[FoundRequest], observed: Sequence[Observed]) -> tuple[FoundRequest, ...]:
    """Return requests with the observed status and body of successes; others keep the recorded ones."""
    return tuple(
        replace(each, status=seen.status, pattern=seen.pattern) if seen.ok else each
        for each, seen in zip(requests, observed, strict=True)
    )

"""Requests from a HAR file (HTTP Archive 1.2): one host, in their order or as a mix, without credentials."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from harness.draft import har_bodies, tokens
from harness.draft.found import (
    METHODS,
    SAFE,
    FoundRequest,
    FoundTraffic,
    coded,
    count,
    name_of,
    study_name,
    with_own_names,
)
from harness.draft.secret_references import References
from harness.draft.sources import json_of, mapping, read, sequence, shown, text_of, value_of
from harness.errors import BadInput
from harness.grid import http

STATIC = re.compile(r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm|wasm)$", re.I)
_STATIC_TYPES = frozenset(("image", "stylesheet", "script", "font", "media", "manifest", "texttrack"))
MOST_STEPS, MOST_REQUESTS = 60, 30
LONGEST_PAUSE_S = 10.0
# Headers that belong to a connection, a browser or one recorded moment; conditions would be answered with 304.
_DROPPED = re.compile(
    r":.*|host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade.*|proxy-.*|accept-encoding|"
    r"user-agent|origin|referer|dnt|priority|pragma|cache-control|if-.*|range|expect|date|via|forwarded|x-forwarded-.*|"
    r"x-real-ip|sec-.*|traceparent|tracestate|baggage|x-request-id|x-b3-.*|x-study-trial|alt-used|purpose|save-data",
    re.I,
)


@dataclass(frozen=True, kw_only=True)
class HarEntry:
    """One exchange of a recording: its request, its URL, and the response's headers and body."""

    request: FoundRequest
    url: SplitResult
    started_s: float | None
    took_s: float
    is_static: bool
    sets_cookies: frozenset[str]
    sent_cookies: frozenset[str]
    response: Any  # the JSON of the response's body; None for another body


@dataclass(kw_only=True)
class Recording:
    """The entries of a HAR file, and how many were left out for which reason."""

    file: str
    entries: list[HarEntry] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of_host(self, host: str) -> None:
        """Keep the entries of a host, the most frequent one if none is given; raises BadInput for an unknown one."""
        hosts = Counter(each.url.netloc.rpartition("@")[2].lower() for each in self.entries if not each.is_static)
        hosts = hosts or Counter(each.url.netloc.rpartition("@")[2].lower() for each in self.entries)
        if host and host.lower() not in hosts:
            raise BadInput(f"--host: got {shown(host)}. Allowed: a host of {self.file}: {', '.join(hosts)}")
        chosen = host.lower() or hosts.most_common(1)[0][0]
        kept = [each for each in self.entries if each.url.netloc.rpartition("@")[2].lower() == chosen]
        self.left_out["other host"] += len(self.entries) - len(kept)
        if len(hosts) > 1:
            others = ", ".join(other for other in hosts if other != chosen)
            self.notes.append(f"requests to {chosen} only; --host chooses another one of: {others}")
        dynamic = [each for each in kept if not each.is_static]
        if dynamic:
            self.left_out["static file"] += len(kept) - len(dynamic)
        self.entries = dynamic or kept

    @property
    def has_order(self) -> bool:
        """Whether the order matters: a request that changes data comes before others."""
        return any(each.request.method not in SAFE for each in self.entries)


def found_in(file: str, host: str = "", as_steps: bool | None = None) -> FoundTraffic:
    """Return the traffic of a recording: steps if a request changes data, else a mix; `as_steps` decides instead.

    Raises BadInput for a file that is no HAR, or that has no usable request.
    """
    recording = _read(file)
    recording.of_host(host)
    is_steps = recording.has_order if as_steps is None else as_steps
    entries = recording.entries
    if is_steps and len(entries) > MOST_STEPS:
        recording.notes.append(
            f"the first {MOST_STEPS} of {len(entries)} requests; --host and a shorter recording help"
        )
        entries = entries[:MOST_STEPS]
    requests = _with_pauses(entries) if is_steps else [each.request for each in entries]
    requests = [
        replace(request, headers=_with_cookies(request.headers, entries, at, is_steps))
        for at, request in enumerate(requests)
    ]
    if not is_steps:
        requests = _weighted(requests, recording)
    references = References()
    requests = [replace(each, name=_name(each)) for each in references.all(requests)]
    if is_steps:
        requests = tokens.extracted(requests, [each.response for each in entries], references.values)
    text = str([each.as_grid() for each in requests])
    used = tuple(name for name in references.names if f"${{secret.{name}}}" in text)
    return FoundTraffic(
        title=study_name(entries[0].url.hostname or "recording"),
        requests=with_own_names(requests),
        is_steps=is_steps,
        files=har_bodies.used(recording.files, text),
        secrets=used,
        notes=(*_counts(recording.left_out), *recording.notes),
    )


def _name(request: FoundRequest) -> str:
    """Return method and path as a name; a secret in the path is already a reference."""
    path = request.path.partition("?")[0].replace("${secret.", "{")
    return name_of(f"{request.method} {path}")


def _counts(left_out: Counter[str]) -> list[str]:
    reasons = {reason: number for reason, number in left_out.items() if number}
    listed = ", ".join(f"{number:,} ({reason})" for reason, number in reasons.items())
    return [f"left out of the recording: {listed}"] if reasons else []


def _read(file: str) -> Recording:
    text = text_of(file, read(file))
    data = json_of(file, text)
    log = data.get("log") if isinstance(data, dict) else None
    if not isinstance(log, dict) or not isinstance(log.get("entries"), list):
        line = text.count("\n", 0, text.find('"log"')) + 1 if '"log"' in text else 1
        words = 'not a HAR file: no "log" with "entries". Fix: export the recording as HAR from the browser'
        raise BadInput(f"{file}:{line}: {words}")
    recording = Recording(file=file)
    for at, each in enumerate(log["entries"]):
        reason = _add(recording, mapping(each), at)
        recording.left_out[reason] += bool(reason)
    if not recording.entries:
        line = text.count("\n", 0, text.find('"entries"')) + 1
        why = _counts(recording.left_out) or ["the recording is empty. Fix: record with the network panel open"]
        raise BadInput(f"{file}:{line}: no usable request: {why[0]}")
    return recording


def _add(recording: Recording, entry: dict[str, Any], at: int) -> str:
    """Add an entry to a recording; return why it cannot be used, empty if it is."""
    request, response = mapping(entry.get("request")), mapping(entry.get("response"))
    method, kind = str(request.get("method", "")).upper(), str(entry.get("_resourceType", "")).lower()
    try:
        url = urlsplit(str(request.get("url", "")))
        host, _ = url.hostname, url.port
    except ValueError:
        return "unusable URL"
    if url.scheme not in ("http", "https") or not host:
        return "no HTTP" if url.scheme else "unusable URL"
    status = response.get("status")
    if kind in ("websocket", "eventsource") or status == 101 or "_webSocketMessages" in entry:
        return "websocket or event stream"
    headers = _pairs(request.get("headers"))
    is_preflight = method == "OPTIONS" and any(name.lower() == "access-control-request-method" for name, _ in headers)
    if method not in METHODS or is_preflight:
        return "preflight" if is_preflight else "other method"
    if entry.get("_fromCache") or status == 0:
        return "from a cache, or without a response"
    if isinstance(status, int) and status >= 400:
        return f"status {status}"
    body = har_bodies.of(mapping(request.get("postData")), at, recording.files)
    if body.problem:
        return body.problem
    path, params = _target(url)
    if http.wrong_path(path):
        return "unusable URL"
    found = FoundRequest(
        name=method,
        method=method,
        path=path,
        params=params,
        headers={**_kept(headers, body.kind), **({"Content-Type": body.content_type} if body.content_type else {})},
        body_kind=body.kind,
        body=body.value,
        status=200 if status == 304 else status if isinstance(status, int) and status >= 100 else None,
    )
    recording.entries.append(
        HarEntry(
            request=found,
            url=url,
            started_s=_started_s(entry.get("startedDateTime")),
            took_s=_seconds(entry.get("time")),
            is_static=kind in _STATIC_TYPES or bool(STATIC.search(url.path)),
            sets_cookies=frozenset(_set_cookies(response)),
            sent_cookies=frozenset(_cookie_names(headers)),
            response=_json_of(mapping(response.get("content"))),
        )
    )
    return ""


def _target(url: SplitResult) -> tuple[str, dict[str, Any]]:
    """Return path and parameters; a query that parameters cannot express stays in the path."""
    path = coded(url.path or "/")
    if not url.query:
        return path, {}
    pairs = parse_qsl(url.query, keep_blank_values=True)
    params: dict[str, Any] = {}
    for name, value in pairs:
        params[name] = (*params[name], value) if name in params else (value,)
    plain = {name: several[0] if len(several) == 1 else several for name, several in params.items()}
    rebuilt = urlencode([(name, each) for name, several in params.items() for each in several])
    is_same = rebuilt == url.query or ("=" in url.query and sorted(parse_qsl(rebuilt, True)) == sorted(pairs))
    if is_same:
        return path, plain
    return f"{path}?{coded(url.query, '?')}", {}


def _pairs(headers: object) -> list[tuple[str, str]]:
    found = [mapping(each) for each in sequence(headers)]
    return [(str(each.get("name", "")).strip(), str(each.get("value", "")).strip()) for each in found]


def _kept(headers: Sequence[tuple[str, str]], body_kind: str) -> dict[str, str]:
    """Return headers that matter to a service; the first one of a name counts."""
    found: dict[str, str] = {}
    for name, value in headers:
        typed = name.lower() == "content-type" and body_kind in ("json", "form", "multipart", "file", "text", "")
        is_plain = name.lower() in ("accept", "accept-language") and value in ("*/*", "")
        known = {other.lower() for other in found}
        if _DROPPED.fullmatch(name) or typed or is_plain or name.lower() in known:
            continue
        if http.is_token(name) and not http.wrong_value(value):
            found[name] = value
    return found


def _with_cookies(headers: Mapping[str, str], entries: Sequence[HarEntry], at: int, is_steps: bool) -> dict[str, str]:
    """Return headers without cookies that earlier responses of the same transaction set: users keep these."""
    set_before = frozenset[str]().union(*(each.sets_cookies for each in entries[:at])) if is_steps else frozenset[str]()
    is_kept = not entries[at].sent_cookies <= set_before
    return {name: value for name, value in headers.items() if name.lower() != "cookie" or is_kept}


def _cookie_names(headers: Sequence[tuple[str, str]]) -> list[str]:
    values = [value for name, value in headers if name.lower() == "cookie"]
    return [part.partition("=")[0].strip() for value in values for part in value.split(";") if part.strip()]


def _set_cookies(response: dict[str, Any]) -> list[str]:
    headers = [value for name, value in _pairs(response.get("headers")) if name.lower() == "set-cookie"]
    names = [line.partition("=")[0].strip() for value in headers for line in value.split("\n")]
    return names + [str(mapping(each).get("name", "")) for each in sequence(response.get("cookies"))]


def _json_of(content: dict[str, Any]) -> Any:
    text = content.get("text")
    if not isinstance(text, str) or "json" not in str(content.get("mimeType", "")).lower():
        return None
    if content.get("encoding") == "base64":
        text = har_bodies.decoded(text).decode(errors="replace")
    return value_of(text)


def _started_s(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return None


def _seconds(milliseconds: object) -> float:
    is_number = isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool)
    return max(0.0, float(milliseconds) / 1000) if is_number else 0.0  # type: ignore[arg-type]  # it is a number


def _with_pauses(entries: Sequence[HarEntry]) -> list[FoundRequest]:
    """Return requests with the pauses that the recorded user made between them, in tenths of a second."""
    found = []
    for each, following in zip(entries, [*entries[1:], None], strict=True):
        pause_s = 0.0
        if following is not None and each.started_s is not None and following.started_s is not None:
            pause_s = min(LONGEST_PAUSE_S, max(0.0, following.started_s - each.started_s - each.took_s))
        found.append(replace(each.request, pause_s=round(pause_s, 1)))
    return found


def _weighted(requests: Sequence[FoundRequest], recording: Recording) -> list[FoundRequest]:
    """Return each different request once, with the number of its occurrences as weight; the most frequent first."""
    counted: dict[str, list[FoundRequest]] = {}
    for each in requests:
        counted.setdefault(json.dumps(each.as_grid(), sort_keys=True, default=str), []).append(each)
    found = sorted((replace(same[0], weight=len(same)) for same in counted.values()), key=lambda each: -each.weight)
    if len(found) > MOST_REQUESTS:
        rest = sum(each.weight for each in found[MOST_REQUESTS:])
        recording.notes.append(f"the {MOST_REQUESTS} most frequent requests; {count(rest, 'other one')} left out")
    return found[:MOST_REQUESTS]

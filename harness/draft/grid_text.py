"""The text of a first grid, with a comment for each key. Pure."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.draft.found import FoundRequest, FoundTraffic
from harness.draft.observe import Observed
from harness.draft.yaml_text import WIDTH, entry, flow, scalar
from harness.grid import templates
from harness.words import visible


@dataclass(frozen=True, kw_only=True)
class FirstGrid:
    """Everything that a first grid has.

    `service` are the keys of the grid's service, `variables` those of `vars`. `observed` has one response for each
    request; None if nothing was sent. `needs_image` is true for traffic of a service whose image is not known. `vusers`
    are fixed levels; empty for a search. `folder` holds the data files.
    """

    file: str
    name: str
    origin: str
    traffic: FoundTraffic
    folder: str
    inventory: str = "inventory/lab"
    servers: tuple[int, ...] = (1, 2)
    vusers: tuple[int, ...] = ()
    think_time_s: float = 1.0
    service: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    observed: tuple[Observed, ...] | None = None
    needs_image: bool = False

    @property
    def is_lab(self) -> bool:
        """Whether the hosts are containers on this machine."""
        return self.inventory.rstrip("/") == "inventory/lab"

    def text(self) -> str:
        """Return the grid file."""
        parts = [self._head(), self._service(), self._factors(), self._load(), self._traffic(), self._end()]
        return "\n".join(line for part in parts for line in [*part, ""]).rstrip() + "\n"

    def _head(self) -> list[str]:
        secrets = self.used_secrets()
        lines = [
            *_comment(f"A first study, written by 'study.py init' from {self.origin}. Change any line, then run:"),
            f"#   python study.py plan --grid {self.file}    check it, show cells and duration; touches no host",
            f"#   python study.py --grid {self.file}         deploy, send the load, and write the report",
        ]
        if secrets:
            lines += _comment(
                f"It refers to secrets by environment variables: {', '.join(secrets)}. Export them before both "
                "commands; no file of the study contains their values."
            )
        lines += ["# Every key: docs/reference/grid.md. Mixes, data and logins: docs/how-to/own-traffic.md.", ""]
        lines.append(_noted(f"name: {scalar(self.name)}", f"results go to results/{self.name}-HASH/"))
        hosts = "containers on this machine; your own machines: docs/how-to/hosts.md" if self.is_lab else "your hosts"
        lines.append(_noted(f"inventory: {scalar(self.inventory)}", hosts))
        return lines

    def _service(self) -> list[str]:
        if not self.service and not self.variables:
            found = "FIX: without an image, these requests are sent to the bundled example service. Name yours here:"
            example = "The bundled example service is measured. To measure yours, remove the '#' and name its image:"
            return [
                f"# {found if self.needs_image else example}",
                "# service: {image: registry.example/team/app:1.4, port: 8000, health: /healthz}",
            ]
        about = {
            "image": "the servers under test run this image",
            "port": "port on which it listens in its container",
            "health": "path that returns 200 when it is ready",
        }
        lines = ["service:", *(_noted(entry(key, value, 2)[0], about[key]) for key, value in self.service.items())]
        if self.variables:
            lines += [
                "",
                "# Variables of the role ml_server, which starts the image: docs/how-to/own-service.md",
                "vars:",
            ]
            lines += [line for key, value in self.variables.items() for line in entry(key, value, 2)]
        return lines if self.service else lines[2:]

    def _factors(self) -> list[str]:
        lines = [
            "# Every combination of these levels is a cell, and is measured in every block.",
            "factors:",
            _noted(f"  servers: {flow(self.servers)}", "numbers of servers behind the balancer"),
        ]
        if self.vusers:
            return [*lines, _noted(f"  vusers: {flow(self.vusers)}", "virtual users: each waits for its response")]
        search = "{from: 10, to: 1000, until: 10%}"
        return [
            *lines,
            "  # Virtual users: each waits for its response. For each number of servers, a search doubles them until",
            "  # throughput stops growing. Fixed loads: vusers: [50, 200]. A rate: docs/how-to/find-capacity.md",
            f"  vusers: {search}",
        ]

    def _load(self) -> list[str]:
        lines = ["load:"]
        if not self.traffic.script:
            after = "after the last step" if self.traffic.is_steps else "between two requests"
            think = f"  think_time: {self.think_time_s:g}s"
            lines.append(_noted(think, f"mean time of a user {after}; each is 50 to 150 % of it"))
        lines += [
            _noted("  ramp_up: 3s", "the users start within this time"),
            _noted(
                f"  duration: {self._duration_s}s", "of a trial; the steady window follows ramp-up and one think time"
            ),
            _noted(f"  timeout: {self._timeout_s}s", "a request without a response has failed after this time"),
        ]
        return lines

    @property
    def _duration_s(self) -> int:
        """Long enough that each user ends some transactions in the steady window."""
        pauses_s = sum(each.pause_s for each in self.traffic.requests)
        transaction_s = self.think_time_s + pauses_s + self._slowest_s * (len(self.traffic.requests) if pauses_s else 1)
        return math.ceil(min(300, max(15, 8 + self.think_time_s + 3 * transaction_s)))

    @property
    def _slowest_s(self) -> float:
        """Duration of the slowest observed response; 0 if nothing was observed."""
        return max((each.took_s for each in self.observed or () if each.ok), default=0.0)

    @property
    def _timeout_s(self) -> int:
        """Ten seconds, or more for a service that is slow without any load."""
        return math.ceil(min(120, max(10, 5 * self._slowest_s)))

    def _traffic(self) -> list[str]:
        if self.traffic.script:
            return self._script()
        lines = ["traffic:"]
        if self._has_rows:
            lines += [
                "  # Rows for ${row.COLUMN}: observed values, as often as they occur in the source.",
                f"  data: {flow({'file': f'{self.folder}/rows.jsonl', 'pick': 'random'})}",
            ]
        lines += _indented(2, self._about_requests())
        lines.append("  steps:" if self.traffic.is_steps else "  requests:")
        for request, observed in zip(self.traffic.requests, self._seen, strict=True):
            lines += self._request(request, observed)
        lines += _indented(2, [f"# {visible(other)}"[:WIDTH] for other in self.traffic.others])
        return lines

    @property
    def _seen(self) -> Sequence[Observed | None]:
        return self.observed or [None] * len(self.traffic.requests)

    def _is_left_out(self, observed: Observed | None) -> bool:
        """Whether a request becomes a comment: its own failed, and others did not."""
        return observed is not None and not observed.ok and any(each.ok for each in self.observed or ())

    def _active(self) -> str:
        """Return all requests that are not comments, as text with their templates."""
        pairs = zip(self.traffic.requests, self._seen, strict=True)
        return str([self._with_folder(each.as_grid()) for each, seen in pairs if not self._is_left_out(seen)])

    def used_secrets(self) -> tuple[str, ...]:
        """Return the environment variables to which the requests refer."""
        text = self._active()
        return tuple(name for name in self.traffic.secrets if f"${{secret.{name}}}" in text)

    def data_files(self) -> dict[str, bytes]:
        """Return name → content of the files that the requests use."""
        text = self._active()
        found = {name: each for name, each in self.traffic.files.items() if f"{self.folder}/{name}" in text}
        if self._has_rows:
            lines = [json.dumps(dict(row), ensure_ascii=False) for row in self.traffic.rows]
            found["rows.jsonl"] = ("\n".join(lines) + "\n").encode()
        return found

    @property
    def _has_rows(self) -> bool:
        return bool(self.traffic.rows) and f"${{{templates.ROW}" in self._active()

    def _about_requests(self) -> list[str]:
        """Comments for the section of requests."""
        if self.traffic.is_steps:
            words = "A transaction: each user sends these requests in order. `pause` is the mean time after a step."
        elif len(self.traffic.requests) > 1:
            words = "A mix: each request is chosen by its weight. `name` is its name in the report."
        else:
            words = "`name` is its name in the report."
        expected = "`expect` is a success: a status, and a regular expression for the body."
        how = "Both were observed once, except where noted." if self.observed else "Nothing was sent yet: verify them."
        return _comment(f"{words} {expected} {how}", WIDTH - 2)

    def _request(self, found: FoundRequest, observed: Observed | None) -> Iterator[str]:
        """Yield the lines of a request. One that failed is a comment if others did not."""
        remarks = [*found.remarks]
        if observed is not None and not observed.ok:
            got = observed.shown
            remarks.append(
                f"NOT MEASURED: {got}. Fix it and remove the '#'" if self._is_left_out(observed) else f"FIX: {got}"
            )
        elif observed is not None and observed.redirect:
            remarks.append(f"A redirect to {observed.redirect}. Set follow_redirects: true to measure that page too.")
        yield from _indented(4, [line for each in remarks for line in _comment(visible(each), WIDTH - 4)])
        value: dict[str, Any] = {"name": found.name}
        if not self.traffic.is_steps and len(self.traffic.requests) > 1:
            value["weight"] = found.weight
        value["request"] = self._with_folder(found.as_grid())
        value["expect"] = {"status": found.status or 200, **({"body": found.pattern} if found.pattern else {})}
        if found.extract:
            value["extract"] = {name: {"json": path} for name, path in found.extract.items()}
        if found.pause_s:
            value["pause"] = f"{found.pause_s:g}s"
        lines = [line for key, each in value.items() for line in entry(key, each, 6)]
        lines[0] = f"    - {lines[0].lstrip()}"
        yield from (f"    # {line[4:]}" if self._is_left_out(observed) else line for line in lines)

    def _with_folder(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request whose files are in the folder of data."""
        found = dict(request)
        if isinstance(file := found.get("file"), dict):
            found["file"] = {**file, "path": f"{self.folder}/{file['path']}"}
        if isinstance(parts := found.get("multipart"), list):
            found["multipart"] = [
                {**part, "file": f"{self.folder}/{part['file']}"} if "file" in part else part for part in parts
            ]
        return found

    def _script(self) -> list[str]:
        lines = [
            "# Your Locust script runs unmodified, with its own waits: docs/how-to/own-locustfile.md",
            "traffic:",
            _noted(f"  locustfile: {scalar(self.traffic.script)}", "relative to this file; its folder goes with it"),
        ]
        if self.traffic.users:
            lines.append(_noted(f"  users: {flow(self.traffic.users)}", "user classes that run"))
        lines += ['  # env: {ACCOUNT: "${secret.ACCOUNT}"}  # environment variables of the script']
        return [*lines, *(f"  # {other}" for other in self.traffic.others)]

    def _end(self) -> list[str]:
        return [
            _noted("repeats: 5", "blocks: every cell is measured this often, in a random order"),
            "# objectives: {p95: 200ms, error_rate: 1%}  # goals; with them the report has capacities",
        ]


def without_lost_extractions(
    requests: Sequence[FoundRequest], observed: Sequence[Observed]
) -> tuple[FoundRequest, ...]:
    """Return requests without extractions that no remaining request uses, as failed ones become comments."""
    left = [each for each, seen in zip(requests, observed, strict=True) if seen.ok] or list(requests)
    text = str([each.as_grid() for each in left])
    return tuple(_with_used(each, text) for each in requests)


def _with_used(request: FoundRequest, text: str) -> FoundRequest:
    kept = {name: path for name, path in request.extract.items() if name in templates.names(text)}
    return replace(request, extract=kept)


def _noted(line: str, about: str) -> str:
    """A line with a comment, in front of it if it would be too long."""
    shown = f"{line:<38}  # {about}"
    if len(shown) <= WIDTH:
        return shown
    blanks = " " * (len(line) - len(line.lstrip()))
    return f"{blanks}# {about}\n{line}"


def _comment(text: str, width: int = WIDTH) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, width - 2, break_on_hyphens=False) or [""]]


def _indented(blanks: int, lines: Sequence[str]) -> list[str]:
    return [" " * blanks + line for line in lines]

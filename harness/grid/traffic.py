"""The traffic of a grid: requests of a mix or steps of a transaction, with data, and a login. Frozen types."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from harness.grid import patterns, templates
from harness.grid.bodies import at_least_one, unset
from harness.grid.ngrinder_script import NgrinderScript
from harness.grid.own_script import LocustScript
from harness.grid.request import Expect, HttpRequest, check_pattern
from harness.grid.types import Caching, Count, Duration, GridPart, several
from harness.words import short

PICKS = "cycle, random, zipf(1.1) or once"
_ZIPF = re.compile(r"zipf\(\s*([0-9]+(?:\.[0-9]+)?)\s*\)")
LARGEST_ZIPF = 10.0
KINDS = ("requests", "steps", "locustfile", "script")  # exactly one of these keys is set
SESSIONS = 100  # sessions of an open load that log in
REQUEST = "request"  # name of the short form's request
LOGIN = "login"  # name of the login among the exchanges of a verification


def _name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9 ._/:-]{0,63}", value):
        raise ValueError(f"got {short(value)}. Allowed: at most 64 letters, digits, blanks and . _ / : -")
    return value


def _variable(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"got {short(value)}. Allowed: letters, digits and underscores, as in token")
    return value


Name = Annotated[str, BeforeValidator(_name)]
Variable = Annotated[str, BeforeValidator(_variable)]


def _weight(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e6:
        raise ValueError(f"got {short(value)}. Allowed: a number above 0, as in 9")
    return float(value)


def _pick(value: object) -> object:
    """Check the choice of rows, as in `cycle` or `zipf(1.1)`."""
    if isinstance(value, str) and value in ("cycle", "random", "once"):
        return value
    found = _ZIPF.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"got {short(value)}. Allowed: {PICKS}")
    if not 0 < float(found[1]) <= LARGEST_ZIPF:
        raise ValueError(f"got {short(value)}. Allowed: an exponent above 0 and at most {LARGEST_ZIPF:g}")
    return value


class Extraction(GridPart):
    """How a value is read from a response: by exactly one of a JSONPath, a header and a regular expression."""

    json_path: str | None = Field(
        default=None, alias="json", description="JSONPath of one value (RFC 9535), as in `$.token`", exclude_if=unset
    )
    header: str | None = Field(default=None, description="name of a response header", exclude_if=unset)
    regex: str | None = Field(
        default=None, description="regular expression for the body; its first group is the value", exclude_if=unset
    )

    @field_validator("regex")
    @classmethod
    def _has_a_group(cls, value: str | None) -> str | None:
        if check_pattern(value) is not None and not patterns.compiled(str(value)).groups:
            raise ValueError(f"got {short(value)}. Allowed: a regular expression with a group, as in id=(\\d+)")
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Extraction:
        if len(self.wire()) != 1:
            raise ValueError(f"got {len(self.wire())} ways. Allowed: exactly one of json, header and regex")
        return self

    def wire(self) -> dict[str, str]:
        """The way as the load generator receives it, as in {"json": "$.token"}."""
        return {key: str(value) for key, value in self.model_dump(by_alias=True).items() if value is not None}


Extractions = dict[Variable, Extraction]


class _Sent(GridPart):
    """A request with its expected response and the values that are read from it."""

    request: HttpRequest = Field(description="the request, with the keys of `request` except expectations and `query`")
    expect: Expect = Field(default=Expect(), description="expected response: `status`, `body`")
    extract: Extractions = Field(
        default={}, description="name → value to read from the response, used as `${name}`", exclude_if=unset
    )


class Login(_Sent):
    """The login of each user before its first request; it is not part of the figures."""

    sessions: Annotated[Count, Field(ge=1, le=50_000)] | None = Field(
        default=None,
        description=f"sessions that log in and that arrivals use in turn; with `rate` only; {SESSIONS} if unset",
        exclude_if=unset,
    )


class TrafficRequest(_Sent):
    """One request of a mix."""

    name: Name = Field(description="its name in results and objectives")
    weight: Annotated[float, BeforeValidator(_weight)] = Field(
        default=1.0, description="its share of the mix, relative to the other weights"
    )
    _pause_s: float = PrivateAttr(0.0)

    @property
    def is_plain(self) -> bool:
        """Whether it is sent with the same bytes every time, no redirect is followed, and no value is read."""
        request = self.request
        has_files = request.file is not None or request.multipart is not None
        return not (has_files or request.follow_redirects or self.extract or templates.has_any(request.model_dump()))

    def without_expectations(self) -> TrafficRequest:
        """Return the request such that every response with status 200 is a success; without a pause."""
        found = self.model_copy(update={"expect": Expect(), "extract": {}})
        found._pause_s = 0.0
        return found

    @property
    def pause_s(self) -> float:
        """Mean pause after the request: that of a step, and 0 in a mix."""
        return self._pause_s


class TrafficStep(_Sent):
    """One step of a transaction."""

    name: Name = Field(description="its name in results and objectives")
    pause: Duration = Field(default=0.0, description="mean pause after it, drawn from 50 to 150 %; thinking time")

    @property
    def as_request(self) -> TrafficRequest:
        """The step with the weight that all steps have."""
        found = TrafficRequest.model_construct(
            name=self.name, weight=1.0, request=self.request, expect=self.expect, extract=self.extract
        )
        found._pause_s = self.pause
        return found


class Data(GridPart):
    """The rows that requests use as `${row.column}`: of a JSONL or CSV file, or the files of a folder."""

    file: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="JSONL or CSV file, relative to the grid file", exclude_if=unset
    )
    folder: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="folder with one file for each row, with the columns `file` (to send) and `name`",
        exclude_if=unset,
    )
    pick: Annotated[str, BeforeValidator(_pick)] = Field(
        default="cycle", description=f"choice of the row: {PICKS}; `once` uses no row twice in a trial"
    )
    per: Literal["transaction", "user"] = Field(default="transaction", description="what a row is chosen for")

    @model_validator(mode="after")
    def _is_one(self) -> Data:
        if (self.file is None) == (self.folder is None):
            got = "both are set" if self.file else "neither is set"
            raise ValueError(f"{got}. Allowed: exactly one of file and folder, as in {{file: data/rows.jsonl}}")
        return self

    @property
    def source(self) -> str:
        """Path of the file or the folder, relative to the grid file."""
        return self.file or self.folder or ""

    @property
    def kind(self) -> str:
        """The choice without its exponent: cycle, random, zipf or once."""
        return self.pick.partition("(")[0]

    @property
    def zipf_s(self) -> float:
        """Exponent of Zipf's law; 0 for the other choices."""
        found = _ZIPF.fullmatch(self.pick)
        return float(found[1]) if found else 0.0


class Traffic(LocustScript, NgrinderScript, Caching):
    """The traffic of users: `requests` of a mix, `steps` of a transaction, or your script for Locust or nGrinder."""

    data: Data | None = Field(default=None, description="rows for `${row.column}`, see below", exclude_if=unset)
    login: Login | None = Field(
        default=None, description="login of each user before its first request, see below", exclude_if=unset
    )
    requests: Annotated[tuple[TrafficRequest, ...], BeforeValidator(at_least_one)] | None = Field(
        default=None, description="mix: each transaction is one of these requests, by weight", exclude_if=unset
    )
    steps: Annotated[tuple[TrafficStep, ...], BeforeValidator(at_least_one)] | None = Field(
        default=None, description="transaction: these requests in order; with `vusers` only", exclude_if=unset
    )

    @model_validator(mode="after")
    def _is_one(self) -> Traffic:
        kinds = [key for key in KINDS if getattr(self, key) is not None]
        if len(kinds) != 1:
            got = f"{' and '.join(kinds)} are set" if kinds else "none is set"
            raise ValueError(f"{got}. Allowed: exactly one of {', '.join(KINDS[:-1])} and {KINDS[-1]}")
        if self.locustfile is None and self.script_keys:
            raise several([((key,), "only valid with locustfile. Fix: remove it") for key in self.script_keys])
        if self.files and self.script is None:
            raise several([(("files",), "only valid with script. Fix: remove it")])
        is_script = self.locustfile is not None or self.script is not None
        if is_script and (wrong := [key for key in ("data", "login") if getattr(self, key)]):
            words = "only valid with requests or steps, as a script has its own. Fix: remove it"
            raise several([((key,), words) for key in wrong])
        names = [each.name for each in (self.requests or self.steps or ())]
        section = "requests" if self.requests else "steps"
        twice = [
            ((section, place, "name"), f"got {short(name)} again. Fix: give each its own name")
            for place, name in enumerate(names)
            if name in names[:place]
        ]
        if twice:
            raise several(twice)
        return self

    @cached_property
    def all(self) -> tuple[TrafficRequest, ...]:
        """Requests of the mix, or steps with equal weights, in order."""
        return self.requests or tuple(step.as_request for step in self.steps or ())


def of_request(request: HttpRequest, expect: Expect) -> TrafficRequest:
    """Return the short form's request as the only one of a mix."""
    return TrafficRequest.model_construct(name=REQUEST, weight=1.0, request=request, expect=expect, extract={})

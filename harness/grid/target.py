"""The target of a study: a load to be served, or a platform that the user already runs. Frozen types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from harness.grid import units
from harness.grid.types import GridPart, Rate, WallClockDuration
from harness.words import short

READY_TIMEOUT_S, LONGEST_TIMEOUT_S = 300.0, 3600.0
URL = "http:// or https://, a host and perhaps a port, as in https://shop.example:8443"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform of balancer and servers that the study does not deploy.

    `scale` is the path of the playbook as the grid has it.
    """

    url: str
    scale: str
    ready_timeout_s: float


@dataclass(frozen=True, kw_only=True)
class ScalePlaybook:
    """The playbook that scales a platform: its absolute path, its size in bytes and its SHA-256."""

    path: str
    size: int
    sha256: str


class Target(GridPart):
    """A load to be served (`rate`), or a platform (`url`, `scale`), or both."""

    url: str | None = Field(
        default=None, description="address of the platform, without a path, as in https://shop.example"
    )
    scale: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Ansible playbook that scales it to `servers`, an extra variable; relative to the grid file or the "
        "project",
    )
    ready_timeout: WallClockDuration = Field(
        default=READY_TIMEOUT_S, description="longest time for the playbook, and then for the URL to answer"
    )
    rate: Annotated[Rate, Field(gt=0)] | None = Field(
        default=None, description="load for which the report names the cheapest topology; short form: `target: 200/s`"
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"got {short(url)}: {error}. Allowed: {URL}") from None
        if parts.scheme not in ("http", "https") or not host or any(c.isspace() or not c.isprintable() for c in url):
            raise ValueError(f"got {short(url)}. Allowed: {URL}")
        if parts.username is not None or parts.password is not None:
            raise ValueError("it contains a user. Fix: send credentials as a header of the request, by reference")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(f"got {short(url)}: it has more than an address. Fix: write the path under request")
        return url.rstrip("/")

    @field_validator("ready_timeout")
    @classmethod
    def _is_a_timeout(cls, seconds: float) -> float:
        if not 1 <= seconds <= LONGEST_TIMEOUT_S:
            raise ValueError(f"got {seconds:g}s. Allowed: from 1s to {LONGEST_TIMEOUT_S:g}s")
        return seconds

    @model_validator(mode="after")
    def _is_whole(self) -> Target:
        for given, missing in (("url", "scale"), ("scale", "url")):
            if getattr(self, given) is not None and getattr(self, missing) is None:
                raise ValueError(f"{missing} is missing. Allowed: {{url: https://…, scale: PLAYBOOK}}")
        if self.url is None and self.rate is None:
            raise ValueError("url and scale are missing. Allowed: {url: https://…, scale: PLAYBOOK}, or a rate")
        if self.url is None and "ready_timeout" in self.model_fields_set:
            raise ValueError("ready_timeout: only valid with url. Fix: remove it")
        return self

    @property
    def platform(self) -> Platform | None:
        """The platform; None without one."""
        if self.url is None or self.scale is None:
            return None
        return Platform(url=self.url, scale=self.scale, ready_timeout_s=self.ready_timeout)


def as_target(value: object) -> object:
    """Parse a rate alone, or a mapping."""
    if isinstance(value, dict | Target):
        return value
    try:
        rate = units.rate_per_s(value)
    except units.BadQuantity as error:
        raise ValueError(
            f"got {short(value)}. Allowed: {error.allowed}, or {{url: https://…, scale: PLAYBOOK}}"
        ) from None
    if rate <= 0:
        raise ValueError(f"got {short(value)}. Allowed: above 0/s")
    return {"rate": f"{rate:.10g}/s"}


def plain_target(value: Target) -> Any:
    """Return the notation of a grid file."""
    written = value.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return written["rate"] if list(written) == ["rate"] else written

"""The interface of a balancer: how it is deployed and configured, and how its log and its settings are read. Pure.

A balancer is one module with a subclass of `Balancer`, and one role. The role has the variables of `OF_EVERY_ROLE`, and
its image has the program `summarise-trial`, whose output is described in docs/explanation/architecture.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from harness.language import Sentence

Where = tuple[str | int, ...]  # a path in the grid
Named = Callable[[str], Any]  # name of a role variable → its value in force; None if nothing sets it
# Every balancer's role has variables with these names after its prefix: the study sets or reads them.
OF_EVERY_ROLE = (
    "servers", "all_servers", "server_port", "container", "image", "control_url", "health", "health_host",
    "health_timeout_s", "response_timeout", "reload", "method", "cpus", "tls", "tls_certificate", "tls_key",
)  # fmt: skip


class Distribution(Enum):
    """How a balancing method selects the server of a request."""

    EVEN = auto()  # each server gets the same share, at any speed
    BY_LOAD = auto()  # less busy servers get more
    BY_USER = auto()  # a user stays at one server
    BY_ADDRESS = auto()  # all users of one address, or of one network, stay at one server


CLIENT_FIELDS = 300  # bytes of header fields that the load generator adds, with a margin


@dataclass(frozen=True, kw_only=True)
class Event:
    """A named event of the balancer's log (rule E9).

    `fix` may contain {less}, the words for a smaller load. `of_server`: the event follows from a server that is gone.
    `out_of_connections`: the balancer is the bottleneck. `cut_short`: a user may have got an incomplete response.
    """

    fix: str
    of_server: bool = False
    out_of_connections: bool = False
    cut_short: bool = False


@dataclass(frozen=True)
class ValueRule:
    """Allowed values of a role's variables beyond their types: a pattern of names, one of values, and words for it."""

    names: str
    values: str
    allowed: str


@dataclass(frozen=True, kw_only=True)
class SizedRequest:
    """One request of the grid's traffic, at its largest: sizes in bytes.

    `at` is its path in the grid, `lines` has the request line as "path" and each header field by its name.
    """

    at: Where
    body_kind: str
    body: int
    lines: Mapping[str, int]
    headers: Sequence[str]

    def place(self, *inside: str) -> tuple[Where, str]:
        """Return a path inside this request, and its name in messages."""
        where = (*self.at, *inside)
        return where, ".".join(map(str, where))

    @property
    def header_bytes(self) -> int:
        """Size of the request line and all header fields."""
        return sum(self.lines.values())

    @property
    def longest_line(self) -> str:
        """The name of the largest entry of `lines`."""
        return max(self.lines, key=lambda name: self.lines[name])

    def place_of_longest_line(self) -> tuple[Where, str]:
        """Return the path of the largest entry of `lines`, and its name in messages."""
        name = self.longest_line
        return self.place("path") if name == "path" else self.place("headers", name)


def whole(value: object) -> int | None:
    """The number of a role variable; None for any text that is no whole number."""
    return int(str(value)) if str(value).isdecimal() else None


@dataclass(frozen=True, kw_only=True)
class Balancer(ABC):
    """One balancer.

    `name` is its name in grids, `shown` the one in texts, `role` deploys it. `methods` are the values of its variable
    `method`. `version` and `configuration` are commands in its container, and
    `configuration_source` is the latter in texts. `failed_server_stays` is a sentence for the
    setting that never removes a failed server. `connections_variable` limits connections, of which a user may need
    `connections_per_user`. `address_unit` is the unit of its method by address. `waits_s` is its usual timeout for
    a response. `after_storing` is a command for its container once the response for the generator's ceiling is stored;
    that may have `largest_stored` bytes, None for any size. `unavailable` has the rules that its cells cannot feed,
    `partly` the rules that still judge the remaining counters.
    """

    name: str
    shown: str
    role: str
    methods: Mapping[str, Distribution]
    events: Mapping[str, Event]
    value_rules: Sequence[ValueRule]
    version: tuple[str, ...]
    configuration: tuple[str, ...]
    configuration_source: str
    failed_server_stays: str
    connections_variable: str
    connections_per_user: int
    address_unit: str
    waits_s: float = 60.0
    after_storing: tuple[str, ...] = ()
    largest_stored: int | None = None
    unavailable: Mapping[str, str] = field(default_factory=dict)
    partly: frozenset[str] = frozenset({"E5"})

    @property
    def forwards(self) -> bool:
        """Whether it forwards requests; if not, they go to the only server, and there is no log of them."""
        return not self.unavailable

    @property
    def ceiling_elsewhere(self) -> str:
        """Why rule E7 has no ceiling for the cells of another balancer; a message."""
        return f"the ceiling was measured behind {self.shown}"

    @property
    def prefix(self) -> str:
        """The beginning of the names of its role's variables."""
        return f"{self.role}_"

    def variable(self, name: str) -> str:
        """Return the full name of a role variable."""
        return f"{self.prefix}{name}"

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """Prefix of variables → tags that apply a change of them."""
        verify = f"{self.role}_verify"
        return {
            "study_servers": (f"{self.role}_configure",),
            self.prefix: (self.role,),
            "ml_server_": ("ml_server", verify),
            "lab_": ("ml_server", verify),
            "dependency_": ("dependency", "ml_server_ready", verify),
        }

    @abstractmethod
    def address_group(self, address: str) -> str:
        """Return the part of an IPv4 address that its method by address uses."""

    @abstractmethod
    def duration(self, seconds: float) -> str:
        """Return a time in the notation of its role's variables."""

    @abstractmethod
    def settings(self, named: Named) -> dict[str, Any]:
        """Return the fields of `harness/judge/balancing.py::Balancing` that are in force."""

    @abstractmethod
    def after_server_death(self, settings: Mapping[str, Any], servers: int) -> Sentence | None:
        """Describe the handling of requests for a dead server, one of `servers`; None if unknown."""

    @abstractmethod
    def limit(self, name: str, of_grid: Sequence[Mapping[str, Any]], host: Mapping[str, Any]) -> Any:
        """Return the limit in force: of the cell or the grid, else of the balancer's host, else the role's default."""

    @abstractmethod
    def request_problems(self, request: SizedRequest, limit: Named) -> Iterator[tuple[Where, str]]:
        """Yield (path in the grid, message) for each part of a request that it would reject or drop."""

    @abstractmethod
    def own_response(self, status: int, server: str, text: str, logged: str) -> str:
        """Return why the balancer generated a response itself, with a fix; empty for a server's response.

        `server` is the server that the response names, empty if the balancer contacted none; `text` is the body,
        `logged` the last lines of its error log.
        """

    @abstractmethod
    def max_connections(self, configuration: str, cores: int) -> int | None:
        """Return the number of connections that its configuration allows; None if that does not set it."""

    @abstractmethod
    def version_in(self, output: str) -> str:
        """Return name and version from the output of the command `version`; empty if unknown."""

"""The grid as frozen types: parsed and checked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from harness.balancers import registry
from harness.balancers.balancer import Balancer
from harness.balancers.target import TARGET
from harness.grid import load, load_generators
from harness.grid.amount import Budget, Repeats, Search, as_repeats, plain_repeats
from harness.grid.bodies import unset
from harness.grid.cell import OWN_FACTORS
from harness.grid.cells import FixedCells, SearchedCells
from harness.grid.dataset import Dataset
from harness.grid.factors import Factors, LevelsOrSearch, SomeLevels
from harness.grid.gate import Gate
from harness.grid.load import BALANCER, LOAD_FACTORS, RATE, VUSERS, Load
from harness.grid.objectives import Objectives
from harness.grid.request import Expect, Request
from harness.grid.server_type_parsing import SERVER_TYPES, ServerTypes, as_text
from harness.grid.service import Service
from harness.grid.target import Platform, ScalePlaybook, Target, as_target, plain_target
from harness.grid.thresholds import Thresholds
from harness.grid.traffic import Login, Traffic, TrafficRequest, of_request
from harness.grid.types import (
    Caching,
    Count,
    GridPart,
    Level,
    Switch,
    scale_durations,
    several,
)
from harness.words import short

MOST_CELLS = 10_000


def _is_default(balancer: str) -> bool:
    """Whether a stored grid leaves this balancer out, as grids did before there were several."""
    return balancer == registry.DEFAULT


class Grid(GridPart, Caching):
    """One study as described by its grid file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="name of the results directory"
    )
    inventory: str = Field(default="inventory/lab", description="Ansible inventory")
    load_generator: Annotated[str, BeforeValidator(load_generators.known)] = Field(
        default="locust", description="`locust`, or on machines `ngrinder`"
    )
    balancer: Annotated[str, BeforeValidator(registry.known)] = Field(
        default=registry.DEFAULT,
        description=f"{registry.NAMES}; `none` is one server without a balancer; may also be a factor",
        exclude_if=_is_default,
    )
    server_types: ServerTypes = SERVER_TYPES
    factors: Factors = Field(description="factor → its levels, see below")
    exclude: tuple[SomeLevels, ...] = Field(default=(), description="cells to leave out, each by some of its levels")
    include: tuple[SomeLevels, ...] = Field(default=(), description="cells to add, each by all of its levels")
    vars: dict[str, Any] = Field(default={}, description="role variable → value in every cell")
    load: Load = Field(description="load of a trial")
    request: Request | None = Field(
        default=None, description="request and expected response; instead of `traffic`", exclude_if=unset
    )
    traffic: Traffic | None = Field(
        default=None,
        description="mix of requests or steps, with data and login; instead of `request`",
        exclude_if=unset,
    )
    service: Service = Field(default=Service(), description="service under test; the one in `service/` if unset")
    repeats: Annotated[Repeats, BeforeValidator(as_repeats), PlainSerializer(plain_repeats, when_used="json")] = Field(
        default=Repeats(min=5, max=5), description="number of blocks, or a stopping rule"
    )
    seed: Count | None = Field(
        default=None,
        description="seed of orders, arrivals and think times; drawn at the start of a study if unset",
    )
    calibration: Switch = Field(
        default=False, description="all servers have exactly the same capacity, so linear speedup is the truth"
    )
    objectives: Objectives = Field(default=Objectives(), description="goals; one that is not met makes the exit code 1")
    budget: Budget = Field(default=Budget(), description="limits of time and cost")
    target: Annotated[Target, BeforeValidator(as_target), PlainSerializer(plain_target, when_used="json")] | None = (
        Field(
            default=None,
            description="rate for which the report names the cheapest topology, or a platform that you already run",
        )
    )
    gate: Gate | None = Field(
        default=None,
        description="comparison of two builds that ends when it is decided; `study.py gate` writes it",
        exclude_if=unset,
    )
    quick: Switch = Field(
        default=False,
        description="indicative study of two topologies at one load, as with `--quick`",
        exclude_if=lambda value: not value,  # new keys change no stored grid
    )
    evidence: Thresholds = Field(default=Thresholds(), description="thresholds of the evidence rules, by name")
    _time_factor: float = PrivateAttr(1.0)
    _secrets: frozenset[str] = PrivateAttr(frozenset())  # values of references, which are masked everywhere
    _traffic_secrets: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _dataset: Dataset | None = PrivateAttr(None)
    _playbook: ScalePlaybook | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _stored_search_is_a_factor(cls, data: object) -> object:
        """A stored grid has its search under a key of its own; a grid file has it in place of the load's levels."""
        data = as_text(data)
        if not isinstance(data, dict) or "search" not in data:
            return data
        factors, search = data.get("factors"), data["search"]
        own = {name: value for name, value in data.items() if name != "search"}
        if search is None:
            return own
        factor = search.get("factor", VUSERS) if isinstance(search, dict) else None
        if factor not in LOAD_FACTORS or not isinstance(factors, dict):
            return data
        return {**own, "factors": {**factors, factor: search}}

    @model_serializer(mode="wrap", when_used="json")
    def _with_stored_search(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """The stored form of a grid, with its search under a key of its own."""
        stored: dict[str, Any] = handler(self)
        if isinstance(self.cells, SearchedCells):
            stored["search"] = self.cells.search.model_dump(
                mode="json", by_alias=info.by_alias, exclude_defaults=info.exclude_defaults
            )
        elif not info.exclude_defaults:
            stored["search"] = None
        return stored

    @model_validator(mode="after")
    def _is_request_or_traffic(self) -> Grid:
        if self.request is not None and self.traffic is not None:
            raise several([(("traffic",), "request is also set. Allowed: one of them")])
        if self.request is None and self.traffic is None:
            words = "missing. Fix: add it, or traffic for more than one request; grid.yaml has an example"
            raise several([(("request",), words)])
        return self

    @model_validator(mode="after")
    def _leaves_a_window(self) -> Grid:
        if self.has_steps and (words := self.load.too_short(self.cycle_think_s)):
            raise several([(("load",), words)])
        return self

    @model_validator(mode="after")
    def _goes_with_the_load(self) -> Grid:
        is_searched = isinstance(self.cells, SearchedCells)
        found = load.mismatches(
            self.load_factor,
            self.load,
            self.load_generator,
            is_searched,
            self.objectives.for_a_load,
            has_script=self.has_script,
        )
        if found:
            raise several(found)
        return self

    @property
    def secrets(self) -> frozenset[str]:
        """Values of references in the grid file, and of `${secret.…}`."""
        return self._secrets

    def with_secrets(self, values: Iterable[str]) -> Grid:
        """Return the grid with these values as secrets."""
        found = self.model_copy()
        found._secrets = frozenset(values)
        return found

    @property
    def traffic_secrets(self) -> Mapping[str, str]:
        """Name → value of every `${secret.NAME}`; empty for a stored grid."""
        return self._traffic_secrets

    def with_traffic_secrets(self, values: Mapping[str, str]) -> Grid:
        """Return the grid with the values of `${secret.NAME}`, which become secrets."""
        found = self.with_secrets(self._secrets | set(values.values()))
        found._traffic_secrets = dict(values)
        return found

    @property
    def dataset(self) -> Dataset | None:
        """Rows and files of the traffic; None without any, and for a stored grid."""
        return self._dataset

    def with_dataset(self, dataset: Dataset | None) -> Grid:
        """Return the grid with the rows and files that its traffic sends."""
        found = self.model_copy()
        found._dataset = dataset
        return found

    @property
    def target_per_s(self) -> float | None:
        """Nominal load for which the report names the cheapest topology; None without one."""
        return self.target.rate if self.target is not None else None

    @property
    def platform(self) -> Platform | None:
        """The platform that the user already runs; None if the study deploys servers."""
        return self.target.platform if self.target is not None else None

    @property
    def playbook(self) -> ScalePlaybook | None:
        """The playbook that scales the platform; None without a platform, and for a stored grid."""
        return self._playbook

    def with_playbook(self, playbook: ScalePlaybook | None) -> Grid:
        """Return the grid with the playbook that scales its platform."""
        found = self.model_copy()
        found._playbook = playbook
        return found

    @cached_property
    def requests(self) -> tuple[TrafficRequest, ...]:
        """Every request of the traffic: those of a mix, the steps of a transaction, or the only one."""
        if self.traffic is not None:
            return self.traffic.all
        if self.request is None:
            return ()
        expect = Expect.model_construct(status=self.request.expect_status, body=self.request.expect_body)
        return (of_request(self.request, expect),)

    @property
    def sole_request(self) -> TrafficRequest | None:
        """The only request of the traffic; None for a mix, for steps and for traffic with a login."""
        is_one = len(self.requests) == 1 and self.login is None and not self.has_steps
        return self.requests[0] if is_one else None

    @property
    def login(self) -> Login | None:
        """The login of each user; None without one."""
        return self.traffic.login if self.traffic is not None else None

    @property
    def has_steps(self) -> bool:
        """Whether the traffic is a transaction of steps."""
        return self.traffic is not None and self.traffic.steps is not None

    @property
    def has_script(self) -> bool:
        """Whether the traffic is your Locust script, which alone knows its requests and waits."""
        return self.traffic is not None and self.traffic.locustfile is not None

    @property
    def cycle_think_s(self) -> float:
        """Mean think time of a transaction: of steps with all pauses. 0 for a script, whose waits are only measured."""
        return self.load.think_time + sum(each.pause_s for each in self.requests)

    @property
    def think_per_request_s(self) -> float:
        """Mean think time after a request, so that N = X (R + Z) holds for requests; 0 for a script."""
        return self.cycle_think_s / (len(self.requests) if self.has_steps else 1)

    @property
    def window_from_s(self) -> float:
        """Start of the steady window: ramp-up and the think time of one transaction (rule E10)."""
        return self.load.ramp_up + self.cycle_think_s

    @property
    def fail_at_s(self) -> float:
        """Second of the load at which servers are killed, in cells with a server failure (rule E24)."""
        return self.window_from_s + self.load.fail_at * (self.load.duration - self.window_from_s)

    @property
    def expected_statuses(self) -> tuple[int, ...]:
        """The status codes of a success of any request, each once; those below 400 for a script."""
        if self.has_script or (self.traffic is not None and self.traffic.script is not None):
            return tuple(range(200, 400))
        return tuple(dict.fromkeys(status for each in self.requests for status in each.expect.status))

    @property
    def levels(self) -> dict[str, tuple[Level, ...]]:
        """Factor → its levels, without a load that is searched."""
        return {name: each for name, each in self.factors.items() if not isinstance(each, Search)}

    @cached_property
    def cells(self) -> FixedCells | SearchedCells:
        """The cells, or the topologies and the range in which a search finds their loads."""
        search = self.factors[self.load_factor]
        if isinstance(search, Search):
            return SearchedCells(self.levels, self.exclude, self.include, search=search)
        return FixedCells(self.levels, self.exclude, self.include)

    @property
    def load_factor(self) -> str:
        """The load factor: `vusers` for a closed loop, or `rate` for an open load."""
        return load.factor_of(self.factors)

    def balancer_of(self, levels: Mapping[str, Any]) -> Balancer:
        """The balancer of a cell with these levels; without a level of it the first one that forwards."""
        if BALANCER in levels:
            return registry.BY_NAME[str(levels[BALANCER])]
        return next((each for each in self.balancers if each.forwards), self.balancers[0])

    @property
    def balancers(self) -> tuple[Balancer, ...]:
        """The balancers of the study, in the order of levels."""
        if self.platform is not None:
            return (TARGET,)
        return tuple(registry.BY_NAME[str(name)] for name in self.levels.get(BALANCER, (self.balancer,)))

    @property
    def is_open(self) -> bool:
        """Whether the load is open: requests are sent on schedule."""
        return self.load_factor == RATE

    @property
    def time_factor(self) -> float:
        """Factor of time scaling: every duration is longer, and every rate lower, than the grid file gives it."""
        return self._time_factor

    def scaled_per_s(self, nominal_per_s: float) -> float:
        """Request rate that the study runs for a rate of the grid file, in req/s."""
        return nominal_per_s / self._time_factor

    def nominal_per_s(self, scaled_per_s: float) -> float:
        """Rate of the grid file for a request rate that the study runs, in req/s."""
        return scaled_per_s * self._time_factor

    def scaled(self, factor: float) -> Grid:
        """Grid whose durations of type `Duration` or `WholeSeconds` are longer by a factor.

        Levels of `rate` keep their nominal values, as cells are named by them. `scaled_per_s` converts them.
        """
        if factor == 1:
            return self
        scaled = scale_durations(self, factor)
        scaled._time_factor = self._time_factor * factor
        return scaled

    @field_validator("factors", mode="before")
    @classmethod
    def _levels_are_lists(cls, factors: object) -> object:
        """Each factor has a list of levels; a load may have a search, `vusers: {from, to, until}`."""
        found: list[tuple[tuple[str | int, ...], str]] = []
        for name, levels in factors.items() if isinstance(factors, dict) else ():
            shown = short(name, bare=True)
            if name in LOAD_FACTORS and isinstance(levels, dict | Search):
                continue
            if not isinstance(levels, list | tuple):
                found.append(((name,), f"factor {shown!r} needs a list of levels, as in {shown}: [1, 2]"))
            elif not levels:
                found.append(((name,), f"factor {shown!r} has no levels. Fix: give at least one"))
        if found:
            raise several(found)
        return factors

    @field_validator("factors")
    @classmethod
    def _whole_and_distinct(cls, factors: dict[str, LevelsOrSearch]) -> dict[str, LevelsOrSearch]:
        found: list[tuple[tuple[str | int, ...], str]] = []
        own = ["servers"]
        if "servers" not in factors:
            found.append(((), "factor 'servers' is missing. Fix: give its levels, as in servers: [1, 2]"))
        try:
            own.append(load.factor_of(factors))
        except ValueError as error:
            found.append(((), str(error)))
        fixed = {name: levels for name, levels in factors.items() if not isinstance(levels, Search)}
        for name, levels in fixed.items():
            if len(set(levels)) < len(levels):
                found.append(((name,), f"factor {short(name)} has a level twice. Fix: keep one of them"))
        for name in OWN_FACTORS:
            for place, level in enumerate(fixed.get(name, ())):
                try:
                    load.check_level(name, level)
                except ValueError as error:
                    found.append(((name, place), str(error)))
        if found:
            raise several(found)
        # A fixed order: a stored grid has its keys sorted, and folders are named in this order.
        rest = sorted(factors.keys() - set(own))
        return {name: factors[name] for name in (*own, *rest)}

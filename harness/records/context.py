"""Conditions of one trial in trial.json, which evidence rules need."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.records.failover import ServerFailure
from harness.records.part import Counts, Maybe, Part


class HostState(Part):
    """One host's container at one moment; `cpus` is its cap in cores, None without one."""

    running: bool
    started_at: str = ""
    restarts: int = 0
    oom_killed: bool = False
    exit_code: int = 0
    cpus: float | None = None
    image: str = ""


class HostStates(Part):
    """State of a host's container before and after the load."""

    before: HostState
    after: HostState


class Pacing(Part):
    """A paced server's slots in the window: seconds offered, busy and lost; delay of responses in s; responses."""

    offered: float
    busy: float
    lost: float
    late: float
    answers: float


class Dependency(Part):
    """A database, cache or API that the servers share: its name in sentences, and what it may use."""

    name: str
    cores: int | None = None  # that it can use at most, whatever its allowance; None without such a limit
    connections: int | None = None  # the most that it accepts, where the inventory has that number


class Context(Part):
    """Inputs of the judgement next to series and counters, by names of hosts."""

    users: int
    lost_workers: int = 0
    stopped_s: int | None = None  # whole seconds until rule E8 stopped the load
    generators: list[str]
    balancer: str
    balancing: dict[str, Any] = Field(default_factory=dict)  # settings of the balancer
    expected_servers: dict[str, str]  # server → address, those of the cell
    health: Counts = Field(default_factory=dict)  # server → status of its health check after the load
    kind: str
    ceiling: float | None = None  # maximum of generator and balancer without servers, in req/s
    machine_of: dict[str, str]  # host → machine
    network: dict[str, Counts] = Field(default_factory=dict)  # host → kernel counter → increase
    logged: dict[str, Counts] = Field(default_factory=dict)  # server → event in its log → count
    cpu_models: dict[str, str] = Field(default_factory=dict)
    pacing: dict[str, Pacing] = Field(default_factory=dict)
    unavailable: dict[str, str] = Field(default_factory=dict)  # rule → why it cannot be evaluated
    server_failure: Maybe[ServerFailure] = None  # the planned one, with its result
    dependencies: dict[str, Dependency] = Field(default_factory=dict)  # by host

"""study.json: what a study is of, what was found before its first trial, and how it went on.

Every key is explained in docs/reference/files.md.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.grid.schema import Grid
from harness.grid.types import Levels
from harness.records.part import Maybe, Part
from harness.records.trial import FORMAT


class Configuration(Part):
    """What identifies the study: the grid as it is written, and the variables of the hosts that take part."""

    format: int = FORMAT
    grid: dict[str, Any]  # a grid file again, with its units; `nominal_grid` reads it
    hosts: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Machine(Part):
    """A machine as it tells of itself."""

    cpu: str = ""
    cores: int = 0
    memory_gb: float = 0.0
    kernel: str = ""
    system: str = ""
    docker: str = ""  # version of its engine; of this machine it stands in the environment


class Environment(Part):
    """Where it was measured, and with what. A traffic engine's version stands under the engine's name."""

    machine: Maybe[Machine] = None  # that the study ran on
    hosts: dict[str, Machine] = Field(default_factory=dict)  # of the inventory, where they are others
    docker: str = ""
    python: str = ""
    packages: dict[str, str] = Field(default_factory=dict)
    nginx: str = ""
    nginx_configuration: str = ""
    kernel_settings: dict[str, dict[str, str]] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)
    image_digests: dict[str, list[str]] = Field(default_factory=dict)
    image_levels: dict[str, dict[str, list[str]]] = Field(default_factory=dict)  # compared images → server → digests
    git: str = ""

    def version_of(self, engine: str) -> str:
        """A traffic engine's version; empty where it was another one."""
        return str((self.model_extra or {}).get(engine) or "")


class TimeScaling(Part):
    """By how much slower than real it is played, and the cores that this rests on where a probe chose it."""

    factor: float = Field(default=1.0, gt=0)
    measured_at: str = ""
    needed_cores: float | None = None
    available_cores: float | None = None
    cpu_ms: dict[str, float] = Field(default_factory=dict)  # of one request, by host


class Ceiling(Part):
    """Requests per second that generator and balancer reach alone (E7); None where they cannot be told, with `why`.

    `tries` are the rates of all attempts, of which the largest counts.
    """

    per_s: float | None = None
    users: int = 0
    measured_at: str = ""
    why: str = ""
    tries: tuple[float, ...] = ()


class Decision(Part):
    """Whether another block is needed (E16), and why in words; `imprecise` names gains that stayed too wide."""

    go_on: bool
    why: str = ""
    imprecise: tuple[str, ...] = ()


class Stopping(Part):
    """The rule that was settled before the first trial, and the last decision."""

    min: int = 0
    max: int = 0
    until: float | None = None  # half width asked for, 0–1; None where the number of blocks is fixed
    decision: Decision | None = None


class PredictedIdle(Part):
    """Cells that are measured in the first few blocks only, and the prediction that settled it beforehand (E16).

    In real time: requests per second that a server is held to, and seconds that it takes for a request. `contradicted`
    are those of `cells` that get all blocks, as their first ones did not show what was predicted; None until then.
    """

    blocks: int
    cells: tuple[Levels, ...]
    capacity_per_s: float
    unloaded_s: float = 0.0
    contradicted: tuple[Levels, ...] | None = None


class CalibrationResult(Part):
    """The site's last calibration."""

    site: str = ""
    passed: bool
    text: str
    measured_at: str
    study: str


class Run(Part):
    """One call of the command: when, for how many seconds, how many trials; hosts whose addresses had changed."""

    started_at: str
    duration_s: float
    measured: int = 0
    moved: tuple[str, ...] = ()


class Rented(Part):
    """What a host is, and its price in USD an hour, as far as the inventory tells."""

    instance_type: str | None = None
    usd_per_hour: float | None = None


class StudyRecord(Part):
    """study.json, frozen: `model_copy(update=...)` makes another."""

    name: str
    created_at: str
    configuration: Configuration
    plan: tuple[str, ...] = ()  # the trials' places below trials/, in their order
    seed: int = 0  # given by the grid, or drawn when the study began
    predicted_idle: PredictedIdle | None = None
    kind: str = "lab"
    environment: Maybe[Environment] = None
    time_scaling: TimeScaling | None = None
    shares: dict[str, float] | None = None  # of this machine's cores, where its servers are not held to a rate
    ceiling: Ceiling | None = None
    digests: dict[str, str] = Field(default_factory=dict)  # of a trial's files
    stopping: Stopping | None = None
    calibration: CalibrationResult | None = None
    rented: dict[str, Rented] = Field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    format: int = FORMAT

    @property
    def factor(self) -> float:
        """By how much slower than real it is played."""
        return self.time_scaling.factor if self.time_scaling else 1.0

    @property
    def where(self) -> Environment:
        """The environment; one that knows nothing before the first trial."""
        return self.environment or Environment()

    @property
    def nominal_grid(self) -> Grid:
        """The grid as it was written; keys that a later version added say nothing to this one."""
        return Grid.model_validate(self.configuration.grid, extra="ignore")

    @property
    def scaled_grid(self) -> Grid:
        """The grid as the study runs it: all durations multiplied by `factor`."""
        return self.nominal_grid.scaled(self.factor)

"""The types of study.json: configuration, preparation, and runs of a study.

docs/reference/files.md describes every key.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import Field

from harness.grid import server_types
from harness.grid.schema import Grid
from harness.grid.server_types import ServersLevel
from harness.grid.types import Caching
from harness.language import Sentence, shown
from harness.records.environment import Environment
from harness.records.evidence_grade import EvidenceGrade
from harness.records.part import CellLevels, Maybe, Part
from harness.records.sent_file import SentFile
from harness.records.trial import FORMAT


class Configuration(Part):
    """The identity of a study: its grid file, and the variables of the participating hosts."""

    format: int = FORMAT
    grid: dict[str, Any]  # as in a grid file, with units; `nominal_grid` parses it
    hosts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    # Files that the traffic sends, by their paths relative to the grid file. Left out without any, as in old studies.
    files: dict[str, SentFile] = Field(default_factory=dict, exclude_if=lambda files: not files)


class TimeScaling(Part):
    """The factor of time scaling, and the cores that it is based on if a probe chose it."""

    factor: float = Field(default=1.0, gt=0)
    measured_at: str = ""
    needed_cores: float | None = None
    available_cores: float | None = None
    cpu_ms: dict[str, float] = Field(default_factory=dict)  # CPU time of a request, by host


class Ceiling(Part):
    """Maximum of generator and balancer without servers in req/s (E7); None if it is unknown, with the reason `why`.

    `tries` are the rates of all attempts; the largest counts.
    """

    per_s: float | None = None
    users: int = 0
    measured_at: str = ""
    why: str = ""
    tries: tuple[float, ...] = ()


class Decision(Part):
    """Whether another block is needed (E16), with the reason; `imprecise` names gains with too wide intervals.

    `why` is English; its sentence makes it in another language, and is None in records of earlier versions.
    """

    go_on: bool
    why: str = ""
    imprecise: tuple[str, ...] = ()
    why_sentence: Sentence | None = None

    @property
    def why_text(self) -> str:
        """The reason in the language of the sentences that are made now."""
        return shown(self.why, self.why_sentence)

    def is_same(self, other: Decision) -> bool:
        """Whether both decide the same for the same reason, by the texts."""
        return (self.go_on, self.why, self.imprecise) == (other.go_on, other.why, other.imprecise)


class Stopping(Part):
    """The stopping rule, fixed before the first trial, and the last decision."""

    min: int = 0
    max: int = 0
    until: float | None = None  # target half width, 0–1; None for a fixed number of blocks
    earliest: int = 1  # block from which on precision may end the study
    decision: Decision | None = None


class PredictedIdle(Part):
    """Cells that are measured in the first few blocks only, and the basis of their prediction (E16).

    In real time: the rate of a paced server, and its time for a request. With several types it is the slowest one's
    rate, `rates_by_type` has all, and `even_shares`: each server gets the same share of the requests. `contradicted`
    are those of `cells` that get all blocks because the first ones contradict the prediction; None until then.
    """

    blocks: int
    cells: tuple[CellLevels, ...]
    capacity_per_s: float
    rates_by_type: dict[str, float] = Field(default_factory=dict, exclude_if=lambda rates: not rates)
    even_shares: bool = Field(default=False, exclude_if=lambda even: not even)
    unloaded_s: float = 0.0
    contradicted: tuple[CellLevels, ...] | None = None


class CalibrationResult(Part):
    """Result of the site's last calibration."""

    site: str = ""
    passed: bool
    text: str
    measured_at: str
    study: str


class Run(Part):
    """One call of the command: its start, duration and number of trials; `moved` are hosts with changed addresses."""

    started_at: str
    duration_s: float
    measured: int = 0
    moved: tuple[str, ...] = ()


class Rented(Part):
    """Type and price of a host, if the inventory has them."""

    instance_type: str | None = None
    usd_per_hour: float | None = None


class StudyRecord(Part, Caching):
    """The content of study.json, frozen: `model_copy(update=...)` returns a changed copy."""

    name: str
    created_at: str
    configuration: Configuration
    plan: tuple[str, ...] = ()  # folders of the trials below trials/, in their order
    seed: int = 0  # from the grid, or drawn at the study's start
    server_order: tuple[tuple[str, ...], ...] = ()  # by block; in each a topology of m servers has the first m
    predicted_idle: PredictedIdle | None = None
    kind: str = "lab"
    environment: Maybe[Environment] = None
    time_scaling: TimeScaling | None = None
    shares: dict[str, float] | None = None  # of this machine's cores, if its servers are not paced
    ceiling: Ceiling | None = None
    digests: dict[str, str] = Field(default_factory=dict)  # of a trial's files
    stopping: Stopping | None = None
    calibration: CalibrationResult | None = None
    # Of the valid trials; left out until there is one, as in studies of earlier versions.
    evidence_grade: EvidenceGrade | None = Field(default=None, exclude_if=lambda grade: grade is None)
    rented: dict[str, Rented] = Field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    format: int = FORMAT

    @property
    def factor(self) -> float:
        """Factor of time scaling; 1 in real time."""
        return self.time_scaling.factor if self.time_scaling else 1.0

    def servers(self, block: int, level: ServersLevel) -> tuple[str, ...] | None:
        """The servers of a topology in a block, from 1 (0 for probes); None for the first ones of the inventory.

        Empty for a block without an order, which only a damaged record has.
        """
        if not self.server_order:
            return None
        orders = self.server_order[max(block, 1) - 1 :]
        return server_types.members(level, orders[0], self.nominal_grid.server_types) if orders else ()

    @property
    def where(self) -> Environment:
        """The environment; an empty one before the first trial."""
        return self.environment or Environment()

    @cached_property
    def nominal_grid(self) -> Grid:
        """The grid as written; keys of a later version are ignored."""
        return Grid.model_validate(self.configuration.grid, extra="ignore")

    @cached_property
    def scaled_grid(self) -> Grid:
        """The grid as the study runs it: all durations multiplied by `factor`."""
        return self.nominal_grid.scaled(self.factor)

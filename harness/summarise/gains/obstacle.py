"""Reasons why a ratio between two cells is no statement. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from harness.grid.server_types import ServersLevel
from harness.language import tr
from harness.records.trial import Component
from harness.summarise.cells.cell import CellSummary


class ObstacleKind(Enum):
    """What keeps a ratio from being a statement."""

    REJECTIONS = auto()  # a side rejected too many requests to show its capacity
    UNUSABLE = auto()  # a side has no usable trial
    UNKNOWN_BOTTLENECK = auto()
    GENERATOR = auto()  # the load generator was the bottleneck of a side
    UNSTEADY_LATENCY = auto()  # the latency of a side was not steady
    LOAD_LIMITED = auto()  # both sides, or one of a gain, were load-limited
    OTHER_BOTTLENECK = auto()  # both sides, or one of a gain, had another bottleneck than servers
    SERVER_FAILURE = auto()  # servers are stopped in the middle of each trial
    ONLY_LARGER = auto()  # only the larger topology served the load
    HIDDEN = auto()  # a bound whose interval lies on the wrong side of 1
    NO_COMMON_BLOCK = auto()
    OTHER_WORK = auto()  # the mix of requests of both sides differs (rule E25)


@dataclass(frozen=True)
class Obstacle:
    """What keeps a ratio from being a statement; `text` is a clause with the side's name."""

    kind: ObstacleKind
    text: str


@dataclass(frozen=True)
class GainObstacle(Obstacle):
    """What keeps a gain from being a statement, or makes it a bound.

    `servers` are the topologies that cause it, by their levels of `servers`; empty where neither does alone.
    `component` is the bottleneck that hides the servers of these topologies, None where none does.
    """

    servers: tuple[ServersLevel, ...] = ()
    component: Component | None = None

    def is_same(self, other: GainObstacle | None) -> bool:
        """Whether another gain at the same load has the same obstacle."""
        return other is not None and (self.kind, self.servers) == (other.kind, other.servers)


def no_common_block() -> Obstacle:
    """The obstacle of two cells that share no block."""
    return Obstacle(ObstacleKind.NO_COMMON_BLOCK, tr("no block has a usable trial of both"))


def unusable(cell: CellSummary, name: str) -> Obstacle | None:
    """The obstacle of a side without usable trials; `name` starts the clause. None where it has some."""
    if cell.usable:
        return None
    return Obstacle(ObstacleKind.UNUSABLE, f"{name}: {tr(cell.outcome)} ({cell.cause})")


def generator(cell: CellSummary, name: str) -> Obstacle | None:
    """The obstacle of a side that the load generator limited; None for another one."""
    if cell.bottleneck != Component.GENERATOR:
        return None
    return Obstacle(ObstacleKind.GENERATOR, tr("the bottleneck of {name} was the generator", name=name))

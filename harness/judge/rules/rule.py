"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.grid.load import RATE
from harness.grid.thresholds import Thresholds, of_rule
from harness.judge.observation import Observation
from harness.records.findings import Finding

Apply = Callable[[Observation, Thresholds], Iterator[Finding]]


def less_load(seen: Observation) -> str:
    """What would ask less of everything, in words."""
    return "fewer users" if seen.rate_per_s is None else "a lower rate"


@dataclass(frozen=True)
class Rule:
    """One rule of docs/explanation/evidence.md over a trial.

    Its thresholds are those that name it in harness/grid/thresholds.py.

    `asks` is what must hold, `where_free` the same where the balancer need not give every server the same. `figure` is
    where in trial.json the figure stands that comes nearest to the threshold (section.name), and its name in words.
    `load` is the load factor that it is about; empty where it is about any.
    """

    id: str
    asks: str
    apply: tuple[Apply, ...]
    figure: tuple[str, str] | None = None
    where_free: str = ""
    load: str = ""

    @property
    def thresholds(self) -> list[str]:
        """Names of the thresholds it has."""
        return of_rule(self.id, rates_only=self.load == RATE)

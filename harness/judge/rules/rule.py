"""The type of an evidence rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.grid.load import RATE
from harness.grid.thresholds import Thresholds, of_rule
from harness.judge.observation import Observation
from harness.language import Sentence, messages, sentence
from harness.records.findings import Finding

Apply = Callable[[Observation, Thresholds], Iterator[Finding]]
QUEUED = messages("requests queue before they reach the balancer; check its connection limits and the generator's CPU")


def less_load(seen: Observation) -> Sentence:
    """Return the way to a smaller load, in words."""
    return sentence("fewer users" if seen.rate_per_s is None else "a lower rate")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of docs/explanation/evidence.md over a trial.

    Its thresholds name it in harness/grid/thresholds.py.

    `requirement` is the valid state in words, `where_free` the same for a balancer without equal shares. `figure` is
    the compared figure in trial.json (section.name) and its name in words. `load` is the load factor that the rule
    applies to; empty for any.
    """

    id: str
    requirement: str
    apply: tuple[Apply, ...]
    figure: tuple[str, str] | None = None
    where_free: str = ""
    load: str = ""

    @property
    def thresholds(self) -> list[str]:
        """Names of the rule's thresholds."""
        return of_rule(self.id, rates_only=self.load == RATE)

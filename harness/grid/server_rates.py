"""The known rates of paced servers, and the rate that a topology of them can serve. Frozen types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.grid import server_types
from harness.grid.server_types import ServersLevel


@dataclass(frozen=True)
class ServerRates:
    """Requests per second: `one` is the rate of a server, of the slowest type where there are types (`by_type`).

    `even`: the balancer gives each server the same share of the requests, at any speed.
    """

    one: float
    by_type: Mapping[str, float] = field(default_factory=dict)
    even: bool = False

    def of(self, level: ServersLevel) -> float:
        """Return the rate that the servers of a topology can serve together.

        With equal shares, faster servers get no more requests than the slowest one can serve: m · min µ, else Σ µ.
        """
        if not isinstance(level, str):
            return level * self.one
        numbers = server_types.counts(level)
        if self.even:
            return sum(numbers.values()) * min(self.by_type[name] for name in numbers)
        return self.sum_of(level)

    def sum_of(self, level: ServersLevel) -> float:
        """Return the sum of the rates of a topology's servers, whatever their shares of the requests."""
        if not isinstance(level, str):
            return level * self.one
        return sum(number * self.by_type[name] for name, number in server_types.counts(level).items())

    def divided(self, factor: float) -> ServerRates:
        """Return the rates in a time that is scaled by a factor."""
        by_type = {name: rate / factor for name, rate in self.by_type.items()}
        return replace(self, one=self.one / factor, by_type=by_type)

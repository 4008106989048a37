"""The cheapest topology that sustains a rate. Pure. Money is USD, rates are requests per second at full speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.grid.server_types import count
from harness.grid.types import Levels
from harness.summarise.sustainable_rate import SustainableRate


class Fit(StrEnum):
    """Whether a topology sustains a rate."""

    YES = "yes"  # the whole interval does
    UNCERTAIN = "uncertain"  # the estimate does
    NO = "no"
    NOT_SHOWN = "not shown"  # no measurement shows it, nor its capacity


@dataclass(frozen=True, kw_only=True)
class TopologyCost:
    """A topology: `usd_per_hour` is None where a price is missing, `rate` where nothing usable was measured.

    `at_target` is None for a grid without a target.
    """

    topology: Levels
    usd_per_hour: float | None
    rate: SustainableRate | None
    at_target: Fit | None = None

    @property
    def servers(self) -> int:
        return count(self.topology["servers"])

    @property
    def usd_per_million(self) -> float | None:
        """USD per million requests at its sustainable rate; None without a price, or below an upper bound."""
        if self.rate is None or self.rate.upper_bound:
            return None
        return usd_per_million(self.usd_per_hour, self.rate.value)


def usd_per_million(usd_per_hour: float | None, per_s: float) -> float | None:
    """USD per million requests at `per_s` requests per second; None without a price or a rate."""
    return None if usd_per_hour is None or not per_s else usd_per_hour / (per_s * 3600) * 1e6


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The cheapest topology for a rate: `best` with its `fit`, and cheaper ones whose fit is uncertain.

    By prices where every topology has one (`priced`), else by the number of servers. `best` is None where no measured
    topology is enough; then `largest` is the one that sustains most, None where nothing was measured.
    """

    per_s: float
    best: TopologyCost | None
    fit: Fit
    uncertain: tuple[TopologyCost, ...]
    largest: TopologyCost | None
    priced: bool

    @property
    def usd_per_million(self) -> float | None:
        """USD per million requests of the best topology at this rate."""
        return usd_per_million(self.best.usd_per_hour, self.per_s) if self.best else None


def with_n_minus_1(found: Sequence[TopologyCost]) -> list[TopologyCost]:
    """Each topology at its own price with the rate of the one with one server fewer (N−1 capacity).

    Topologies without such a one are left out.
    """
    is_plain = (each for each in found if isinstance(each.topology["servers"], int))  # of types it depends on which
    alike = [each for each in is_plain if not each.topology.get("fail_servers")]  # without cells of a server failure
    known = {tuple(each.topology.items()): each.rate for each in alike}
    fewer = [(each, tuple({**each.topology, "servers": each.servers - 1}.items())) for each in alike]
    return [replace(each, rate=known[key]) for each, key in fewer if key in known]


def fit(each: TopologyCost, per_s: float) -> Fit:
    """Whether a topology sustains `per_s` requests per second."""
    rate = each.rate
    if rate is None:
        return Fit.NOT_SHOWN
    if rate.missed_at is not None and per_s >= rate.missed_at:
        return Fit.NO
    if rate.upper_bound:
        return Fit.NOT_SHOWN
    if rate.low is not None and rate.low >= per_s:
        return Fit.YES
    if rate.value >= per_s:
        return Fit.UNCERTAIN
    return Fit.NOT_SHOWN if rate.lower_bound else Fit.NO


def _value(each: TopologyCost) -> float:
    """Its sustainable rate as far as it is known; 0 below an upper bound."""
    return each.rate.value if each.rate and not each.rate.upper_bound else 0.0


def choose(found: Sequence[TopologyCost], per_s: float) -> Choice:
    """Return the cheapest topology for `per_s` requests per second."""
    priced = bool(found) and all(each.usd_per_hour is not None for each in found)

    def cost(each: TopologyCost) -> tuple[float, int, float]:
        return (each.usd_per_hour or 0.0) if priced else each.servers, each.servers, -_value(each)

    ordered = sorted(found, key=cost)
    certain = [each for each in ordered if fit(each, per_s) == Fit.YES]
    uncertain = [each for each in ordered if fit(each, per_s) == Fit.UNCERTAIN]
    if certain:
        cheaper = tuple(each for each in uncertain if cost(each)[0] < cost(certain[0])[0])
        return Choice(per_s=per_s, best=certain[0], fit=Fit.YES, uncertain=cheaper, largest=None, priced=priced)
    if uncertain:
        best, found_fit = uncertain[0], Fit.UNCERTAIN
        return Choice(per_s=per_s, best=best, fit=found_fit, uncertain=(), largest=None, priced=priced)
    known = [each for each in ordered if each.rate is not None]
    # Among upper bounds alone the highest is the most informative.
    largest = max(known, key=lambda each: (_value(each), each.rate.value if each.rate else 0.0), default=None)
    none = Fit.NO if known and all(fit(each, per_s) == Fit.NO for each in ordered) else Fit.NOT_SHOWN
    return Choice(per_s=per_s, best=None, fit=none, uncertain=(), largest=largest, priced=priced)

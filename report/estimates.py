"""Capacities, throughputs of topologies and objectives as text. Pure."""

from __future__ import annotations

from harness.grid.load import RATE
from harness.grid.objectives import OTHERS
from harness.grid.schema import Grid
from harness.language import tr
from harness.summarise.capacity.capacity import Capacity, CapacityGain
from harness.summarise.capacity.crossing import Bound
from harness.summarise.gains.gain import GainKind
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from harness.summarise.sustainable_rate import SustainableRate
from harness.summarise.topology_choice import TopologyCost
from harness.words import load_name
from report import format as text
from report import phrases


def has_capacities(summary: Summary) -> bool:
    """Whether any capacity was measured."""
    return any(one.requests for one in summary.capacities)


def objectives(grid: Grid) -> str:
    """The objectives: "p95 below 500 ms and at most 0.1 % errors", in nominal time."""
    wanted, parts = grid.objectives, []
    by_name = {} if wanted.p95_s is None else {"": wanted.p95_s}
    for name, p95_s in {**by_name, **wanted.p95_by_name}.items():
        limit = text.milliseconds(p95_s * 1000 / grid.time_factor).removesuffix(".0")
        of_name = tr(" of all other requests") if name == OTHERS else tr(" of {name}", name=name) if name else ""
        parts.append(tr("p95{of_name} below {limit} ms", of_name=of_name, limit=limit))
    if wanted.error_rate is not None:
        parts.append(tr("at most {error_rate:.10g} % errors", error_rate=100 * wanted.error_rate))
    return phrases.joined(parts)


def load(value: float, factor: str, spread: float | None = None) -> str:
    """A load with its unit: 96/s or 960 users; with a decimal where `spread` is small."""
    if factor == RATE:
        return f"{_digits(value, factor, spread)}/s"
    return tr("{rate} user" if round(value) == 1 else "{rate} users", rate=text.rate(value))


def interval(capacity: Capacity) -> str:
    """The 95 % interval of a capacity: [93, 99]; empty where there is none."""
    low, high = capacity.low, capacity.high
    if capacity.bound != Bound.EXACT or low is None or high is None:
        return ""
    spread = (high - low) / 2
    return f"[{_digits(low, capacity.factor, spread)}, {_digits(high, capacity.factor, spread)}]"


def amount(capacity: Capacity) -> str:
    """A capacity: 96/s, "at least 96/s", "less than 20/s" or "96/s to 150/s"; a dash where it is unknown."""
    value, low, high, factor = capacity.value, capacity.low, capacity.high, capacity.factor
    if capacity.bound == Bound.EXACT and value is not None:
        return load(value, factor, None if low is None or high is None else (high - low) / 2)
    if capacity.bound == Bound.AT_LEAST and low is not None:
        return (
            tr("at least {low}", low=load(low, factor))
            if high is None
            else tr("{low} to {high}", low=load(low, factor), high=load(high, factor))
        )
    if capacity.bound == Bound.BELOW and high is not None:
        return tr("less than {high}", high=load(high, factor))
    return text.NOTHING


def with_interval(capacity: Capacity) -> str:
    """A capacity with its interval: 96/s [93, 99]."""
    return f"{amount(capacity)} {interval(capacity)}".rstrip()


def efficiency(gain: CapacityGain) -> str:
    """The efficiency of a capacity gain; "≥ 69 %" where the gain is a lower bound."""
    return f"{'≥ ' if gain.kind == GainKind.LOWER_BOUND else ''}{text.percent(gain.efficiency)}"


def required(rate: float) -> str:
    """A required rate: 300/s."""
    return f"{rate:.2g}/s" if rate < 10 else f"{text.rate(rate)}/s"


def topology(option: TopologyCost) -> str:
    """The name of a topology: "3 servers" or "3 servers with nginx_lb_method least_conn"."""
    rest = {name: level for name, level in option.topology.items() if name != "servers"}
    levels = load_name(rest)
    return phrases.topology(option.topology) + (tr(" with {levels}", levels=levels) if levels else "")


def throughput(found: SustainableRate | None, least: str = "") -> str:
    """The throughput of a topology: "745 [738, 752]", or with a lower bound alone "at least 990 [980, 1000]"."""
    if found is None:
        return text.NOTHING
    if found.upper_bound:
        return tr("less than {rate}", rate=text.rate(found.value))
    if found.missed_at is not None:
        return tr("{rate} to {missed_at}", rate=text.rate(found.value), missed_at=text.rate(found.missed_at))
    return ((least or tr("at least ")) if found.lower_bound else "") + text.rate_interval(
        Interval(found.value, found.low, found.high)
    )


def _digits(value: float, factor: str, spread: float | None) -> str:
    if factor != RATE:
        return text.rate(value)
    return f"{value:.2g}" if value < 10 and spread is None else text.rate(value, spread)

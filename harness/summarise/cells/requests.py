"""The requests of one name in a cell, over its trials. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.grid.thresholds import Thresholds
from harness.judge import latency_stats, request_stats
from harness.records.requests import Histograms, RequestStats
from harness.records.trial import TrialRecord
from harness.summarise.statistics import intervals
from harness.summarise.statistics.intervals import Interval

ByRequest = Mapping[str | None, Histograms]  # name of the request, None for transactions → its histograms in a trial


@dataclass(frozen=True, kw_only=True)
class CellRequests:
    """The requests of one name, or the transactions, in the usable trials of a cell.

    `share` is that of all requests, None of transactions. `latency_ms` is over the successes of all trials. The p95 to
    compare with an objective, `objective_p95_ms`, has failures at the timeout or more, and no trial whose generator was
    late. `p95_by_block` is the same of each trial.
    """

    name: str
    requests: int
    failed: int
    share: float | None
    tps: Interval | None
    error_rate: float | None
    latency_ms: dict[str, float | None]
    objective_p95_ms: float | None
    p95_by_block: dict[int, float | None]


def of_trials(
    usable: Sequence[TrialRecord], histograms: Sequence[ByRequest], limits: Thresholds
) -> tuple[CellRequests, ...]:
    """Every name in these trials, whose histograms are in the same order; empty for one plain request."""
    names = dict.fromkeys(name for record in usable for name in record.requests)
    return tuple(_of_name(name, usable, histograms, limits) for name in names)


def transactions(
    usable: Sequence[TrialRecord], histograms: Sequence[ByRequest], limits: Thresholds
) -> CellRequests | None:
    """The transactions in these trials; None without steps."""
    return _of_name(None, usable, histograms, limits) if any(record.transactions for record in usable) else None


def in_order(found: Sequence[CellRequests], names: Sequence[str]) -> tuple[CellRequests, ...]:
    """The requests in the order of these names, and others at the end."""
    place = {name: at for at, name in enumerate(names)}
    return tuple(sorted(found, key=lambda each: place.get(each.name, len(place))))


def mix(usable: Sequence[TrialRecord]) -> dict[str, int]:
    """Name → requests in the windows of these trials."""
    names = dict.fromkeys(name for record in usable for name in record.requests)
    return {name: sum(stats.requests for _, stats in _stats(name, usable)) for name in names}


def _stats(name: str | None, usable: Sequence[TrialRecord]) -> list[tuple[TrialRecord, RequestStats]]:
    found = [(record, record.requests.get(name) if name is not None else record.transactions) for record in usable]
    return [(record, stats) for record, stats in found if stats is not None]


def _of_name(
    name: str | None, usable: Sequence[TrialRecord], histograms: Sequence[ByRequest], limits: Thresholds
) -> CellRequests:
    counted = _stats(name, usable)
    requests, failed = (sum(getattr(stats, key) for _, stats in counted) for key in ("requests", "failed"))
    everything = sum(mix(usable).values())
    rates = [stats.tps for _, stats in counted if stats.tps is not None]
    own = [by.get(name, Histograms()) for by in histograms]
    needed = limits.percentile_p99_samples
    punctual = [each for each, record in zip(own, usable, strict=False) if not record.generator_late]
    waited = latency_stats.latencies_ms(
        [each.latencies for each in punctual], [each.failures for each in punctual], needed
    )[1]
    return CellRequests(
        name="transactions" if name is None else name,
        requests=requests,
        failed=failed,
        share=requests / everything if name is not None and everything else None,
        tps=intervals.mean_interval(rates) if rates else None,
        error_rate=failed / requests if requests else None,
        latency_ms=request_stats.percentiles_ms(latency_stats.merged(each.latencies for each in own), needed),
        objective_p95_ms=waited["p95"],
        p95_by_block={record.repeat: stats.latency_with_failures_ms.get("p95") for record, stats in counted},
    )

"""What a server failure in mid-trial cost, and how fast throughput and response times recovered. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.load import level_of
from harness.grid.objectives import Objectives
from harness.language import tr
from harness.summarise.cells.failover import CellFailover, Spread
from harness.words import load_name
from report import format as text
from report import phrases
from report.spreads import mean_count, mean_seconds, mean_share

MOST = 3  # cells with a sentence each
SAME = 0.005  # a share nearer to 1 than this is printed as all of it


def sentences(failovers: Sequence[CellFailover], objectives: Objectives) -> list[str]:
    """A sentence for each cell with failed servers, from the largest load and topology on; at most three of them."""
    measured = [one for one in failovers if one.trials]
    ordered = sorted(measured, key=lambda one: (-level_of(one.cell), -one.servers, -one.failed_servers))
    found = [sentence(one, objectives) for one in ordered[:MOST]]
    if len(ordered) > MOST:
        found.append(tr("The failover table has {ordered}.", ordered=phrases.count(len(ordered) - MOST, "more cell")))
    return found


def sentence(one: CellFailover, objectives: Objectives) -> str:
    """The failover of one cell: failed requests, recovery of throughput and response times, what was left."""
    clauses = [_failed(one), _throughput(one)]
    if objectives.p95 is None or one.over_p95 is None:
        clauses.append(_response_time(one))
    if objectives.p95 is not None:
        clauses.append(_objective(one, objectives.p95_s))
    trials = tr("one trial") if one.trials == 1 else tr("means of {trials} trials", trials=one.trials)
    load = load_name(one.others) + ("," if len(one.others) > 1 else "")
    return tr(
        "At {load} {subject} under load: {listed} ({trials}).",
        load=load,
        subject=_subject(one),
        listed="; ".join(filter(None, clauses)),
        trials=trials,
    )


def _subject(one: CellFailover) -> str:
    failed = str(one.failed_servers) if one.failed_servers > 1 else tr("one")
    return tr("{failed} of {servers} servers failed", failed=failed, servers=one.servers)


def _failed(one: CellFailover) -> str:
    if one.failed is None or not one.failed.most:
        return tr("no request failed")
    requests = tr("{failed} requests failed", failed=mean_count(one.failed))
    if one.to_the_end == one.trials and one.still_failing:
        return tr(
            "{requests}, and {still_failing} of them still failed at the end of the load",
            requests=requests,
            still_failing=mean_share(one.still_failing),
        )
    removed = tr("removed it") if one.failed_servers == 1 else tr("removed them")
    until = tr(
        "{requests} within {failing_s}, until the balancer {removed}",
        requests=requests,
        failing_s=mean_seconds(one.failing_s),
        removed=removed,
    )
    return until + (
        tr(", but in {to_the_end} of {trials} trials to the end", to_the_end=one.to_the_end, trials=one.trials)
        if one.to_the_end
        else ""
    )


def _throughput(one: CellFailover) -> str:
    if one.left is None:
        return ""
    left = tr("{left} of its previous value", left=mean_share(one.left))
    if not one.recovered:
        return tr("throughput did not recover and stayed at {left}{expected}", left=left, expected=_expected(one))
    some = _in_some(one.recovered, one.trials)
    if _never_gone(one.recovery_s):
        return tr("throughput stayed at {left}{some}{expected}", left=left, some=some, expected=_expected(one))
    return tr(
        "throughput recovered{some} within {recovery_s}, to {left}{expected}",
        some=some,
        recovery_s=mean_seconds(one.recovery_s),
        left=left,
        expected=_expected(one),
    )


def _never_gone(recovery_s: Spread | None) -> bool:
    """Whether a value never changed, by whole seconds."""
    return recovery_s is None or recovery_s.most == 0


def _in_some(count: int, trials: int) -> str:
    """The number of trials, where it is not all of them."""
    return "" if count == trials else tr(" in {count} of {trials} trials", count=count, trials=trials)


def _expected(one: CellFailover) -> str:
    """The share that the remaining servers can deliver, where that is less than all."""
    if one.expected is None or one.expected > 1 - SAME:
        return ""
    return tr(" ({expected} is expected of the remaining servers)", expected=text.percent(one.expected))


def _response_time(one: CellFailover) -> str:
    if one.before_ms is None or one.after_ms is None:
        return ""
    change = tr(
        "from {mean} to {mean_2} ms",
        mean=text.milliseconds(one.before_ms.mean),
        mean_2=text.milliseconds(one.after_ms.mean),
    )
    if not one.latency_recovered:
        return tr("the mean response time rose {change} and did not recover", change=change)
    some = _in_some(one.latency_recovered, one.trials)
    if _never_gone(one.latency_recovery_s):
        return tr("the mean response time stayed near its previous value{some} ({change})", some=some, change=change)
    return tr(
        "the mean response time recovered{some} within {latency_recovery_s} ({change})",
        some=some,
        latency_recovery_s=mean_seconds(one.latency_recovery_s),
        change=change,
    )


def _objective(one: CellFailover, p95_s: float | None) -> str:
    """When p95 met its objective again, by the seconds; without these whether the whole window met it.

    `p95_s` is None with objectives by the name of the request.
    """
    objective = (
        tr("objectives of the requests") if p95_s is None else tr("objective of {p95_s:,.0f} ms", p95_s=p95_s * 1000)
    )
    if one.over_p95 is not None:
        return _recovered(one, objective, one.over_p95)
    if one.p95_ms is None or p95_s is None:
        return ""
    met = tr("meets") if one.p95_ms <= p95_s * 1000 else tr("misses")
    return tr(
        "p95 over the whole window, failures included, is {p95_ms} ms and {met} the {objective}",
        p95_ms=text.milliseconds(one.p95_ms),
        met=met,
        objective=objective,
    )


def _recovered(one: CellFailover, objective: str, after: Spread) -> str:
    late = tr("{after} of the later requests took longer or failed", after=mean_share(after))
    if not one.in_p95:
        return tr("p95 missed the {objective} before the failure already, and {late}", objective=objective, late=late)
    if not one.p95_recovered:
        return tr("p95 did not meet the {objective} again: {late}", objective=objective, late=late)
    some = _in_some(one.p95_recovered, one.in_p95)
    if _never_gone(one.p95_recovery_s):
        return tr("p95 met the {objective} throughout{some}", objective=objective, some=some)
    return tr(
        "p95 met the {objective} again{some} after {p95_recovery_s}",
        objective=objective,
        some=some,
        p95_recovery_s=mean_seconds(one.p95_recovery_s),
    )

"""What a server failure in mid-trial cost, and how fast throughput and response times recovered. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.load import level_of
from harness.grid.objectives import Objectives
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
        found.append(f"The failover table has {phrases.count(len(ordered) - MOST, 'more cell')}.")
    return found


def sentence(one: CellFailover, objectives: Objectives) -> str:
    """The failover of one cell: failed requests, recovery of throughput and response times, what was left."""
    clauses = [_failed(one), _throughput(one)]
    if objectives.p95 is None or one.over_p95 is None:
        clauses.append(_response_time(one))
    if objectives.p95 is not None:
        clauses.append(_objective(one, objectives.p95_s))
    trials = "one trial" if one.trials == 1 else f"means of {one.trials} trials"
    load = load_name(one.others) + ("," if len(one.others) > 1 else "")
    return f"At {load} {_subject(one)} under load: {'; '.join(filter(None, clauses))} ({trials})."


def _subject(one: CellFailover) -> str:
    failed = str(one.failed_servers) if one.failed_servers > 1 else "one"
    return f"{failed} of {one.servers} servers failed"


def _failed(one: CellFailover) -> str:
    if one.failed is None or not one.failed.most:
        return "no request failed"
    requests = f"{mean_count(one.failed)} requests failed"
    if one.to_the_end == one.trials and one.still_failing:
        return f"{requests}, and {mean_share(one.still_failing)} of them still failed at the end of the load"
    removed = "removed it" if one.failed_servers == 1 else "removed them"
    until = f"{requests} within {mean_seconds(one.failing_s)}, until the balancer {removed}"
    return until + (f", but in {one.to_the_end} of {one.trials} trials to the end" if one.to_the_end else "")


def _throughput(one: CellFailover) -> str:
    if one.left is None:
        return ""
    left = f"{mean_share(one.left)} of its previous value"
    if not one.recovered:
        return f"throughput did not recover and stayed at {left}{_expected(one)}"
    some = _in_some(one.recovered, one.trials)
    if _never_gone(one.recovery_s):
        return f"throughput stayed at {left}{some}{_expected(one)}"
    return f"throughput recovered{some} within {mean_seconds(one.recovery_s)}, to {left}{_expected(one)}"


def _never_gone(recovery_s: Spread | None) -> bool:
    """Whether a value never changed, by whole seconds."""
    return recovery_s is None or recovery_s.most == 0


def _in_some(count: int, trials: int) -> str:
    """The number of trials, where it is not all of them."""
    return "" if count == trials else f" in {count} of {trials} trials"


def _expected(one: CellFailover) -> str:
    """The share that the remaining servers can deliver, where that is less than all."""
    if one.expected is None or one.expected > 1 - SAME:
        return ""
    return f" ({text.percent(one.expected)} is expected of the remaining servers)"


def _response_time(one: CellFailover) -> str:
    if one.before_ms is None or one.after_ms is None:
        return ""
    change = f"from {text.milliseconds(one.before_ms.mean)} to {text.milliseconds(one.after_ms.mean)} ms"
    if not one.latency_recovered:
        return f"the mean response time rose {change} and did not recover"
    some = _in_some(one.latency_recovered, one.trials)
    if _never_gone(one.latency_recovery_s):
        return f"the mean response time stayed near its previous value{some} ({change})"
    return f"the mean response time recovered{some} within {mean_seconds(one.latency_recovery_s)} ({change})"


def _objective(one: CellFailover, p95_s: float | None) -> str:
    """When p95 met its objective again, by the seconds; without these whether the whole window met it.

    `p95_s` is None with objectives by the name of the request.
    """
    objective = "objectives of the requests" if p95_s is None else f"objective of {p95_s * 1000:.0f} ms"
    if one.over_p95 is not None:
        return _recovered(one, objective, one.over_p95)
    if one.p95_ms is None or p95_s is None:
        return ""
    met = "meets" if one.p95_ms <= p95_s * 1000 else "misses"
    return (
        f"p95 over the whole window, failures included, is {text.milliseconds(one.p95_ms)} ms and {met} the {objective}"
    )


def _recovered(one: CellFailover, objective: str, after: Spread) -> str:
    late = f"{mean_share(after)} of the later requests took longer or failed"
    if not one.in_p95:
        return f"p95 missed the {objective} before the failure already, and {late}"
    if not one.p95_recovered:
        return f"p95 did not meet the {objective} again: {late}"
    some = _in_some(one.p95_recovered, one.in_p95)
    if _never_gone(one.p95_recovery_s):
        return f"p95 met the {objective} throughout{some}"
    return f"p95 met the {objective} again{some} after {mean_seconds(one.p95_recovery_s)}"

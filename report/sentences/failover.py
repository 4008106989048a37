"""What the loss of servers cost, in sentences and as a table; made of facts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grid.load import level_of
from harness.grid.schema import Objectives
from harness.grid.thresholds import Thresholds
from harness.summarise.cells.failover import CellFailover, Spread
from harness.words import load_name
from report import format as text
from report.elements import Table, link

MOST = 3  # told one by one
SAME = 0.005  # a spread below this share is none that is worth telling


def sentences(losses: Sequence[CellFailover], wanted: Objectives) -> list[str]:
    """One for each cell that lost servers, those of the largest loads and topologies first; of many only some."""
    told = sorted(
        (one for one in losses if one.trials), key=lambda one: (-level_of(one.cell), -one.servers, -one.failed_servers)
    )
    found = [sentence(one, wanted) for one in told[:MOST]]
    if len(told) > MOST:
        found.append(f"The table holds {text.count(len(told) - MOST, 'more cell')} that lost servers.")
    return found


def sentence(one: CellFailover, wanted: Objectives) -> str:
    """A cell's loss: what failed, when throughput and answer times were back, what was left, and whether that does."""
    clauses = [_failed(one), _throughput(one)]
    if wanted.p95 is None or one.over_p95 is None:
        clauses.append(_latency(one))
    clauses += [_held(one, wanted.p95)] if wanted.p95 is not None else []
    said = "; ".join(clause for clause in clauses if clause)
    trials = "one trial" if one.trials == 1 else f"means over {one.trials} trials"
    load = load_name(one.others) + ("," if len(one.others) > 1 else "")
    return f"At {load} {_who(one)} stopped under the load: {said} ({trials})."


def _who(one: CellFailover) -> str:
    return (
        f"{one.failed_servers} of {one.servers} servers were"
        if one.failed_servers > 1
        else f"one of {one.servers} servers was"
    )


def _failed(one: CellFailover) -> str:
    if one.failed is None or not one.failed.most:
        return "no request failed"
    many = f"{_count(one.failed)} requests failed"
    if one.to_the_end == one.trials and one.still_failing:
        return f"{many}, on to the end of the load, when {_share(one.still_failing)} of them did"
    until = f"{many} within {_seconds(one.failing_s)} until the balancer left {_gone(one)} alone"
    return until + (f", but in {one.to_the_end} of {one.trials} on to the end" if one.to_the_end else "")


def _gone(one: CellFailover) -> str:
    return "it" if one.failed_servers == 1 else "them"


def _throughput(one: CellFailover) -> str:
    if one.left is None:
        return ""
    left = f"{_share(one.left)} of what it was before"
    if not one.recovered:
        return f"throughput did not come back, {left} was left{_part(one)}"
    some = _in_some(one.recovered, one.trials)
    if _stayed(one.recovery_s):
        return f"throughput stayed at {left}{some}{_part(one)}"
    return f"throughput was back{some} within {_seconds(one.recovery_s)}, at {left}{_part(one)}"


def _stayed(recovery_s: Spread | None) -> bool:
    """Whether what came back was never gone, by whole seconds."""
    return recovery_s is None or recovery_s.most == 0


def _in_some(count: int, trials: int) -> str:
    """In how many of the trials, where not in all."""
    return "" if count == trials else f" in {count} of {trials} trials"


def _part(one: CellFailover) -> str:
    """Why less than before may be all that can be had."""
    if one.expected is None or one.expected > 1 - SAME:
        return ""
    return f", where {text.percent(one.expected)} is the part of who was left"


def _latency(one: CellFailover) -> str:
    if one.before_ms is None or one.after_ms is None:
        return ""
    change = f"from {text.milliseconds(one.before_ms.mean)} to {text.milliseconds(one.after_ms.mean)} ms"
    if not one.latency_recovered:
        return f"the mean answer time went {change} and did not come back"
    some = _in_some(one.latency_recovered, one.trials)
    if _stayed(one.latency_recovery_s):
        return f"the mean answer time stayed near what it was{some} ({change})"
    return f"the mean answer time was back{some} within {_seconds(one.latency_recovery_s)} ({change})"


def _held(one: CellFailover, p95_s: float) -> str:
    """When p95 was back within what the grid wants, by the seconds; else whether the whole window meets that.

    The whole window has the loss in it, and failures at the timeout.
    """
    if one.over_p95 is not None:
        return _back_within(one, f"{p95_s * 1000:.0f} ms", one.over_p95)
    if one.p95_ms is None:
        return ""
    within = "within" if one.p95_ms <= p95_s * 1000 else "beyond"
    shown = f"p95 over the whole window, failures in it, is {text.milliseconds(one.p95_ms)} ms"
    return f"{shown}, {within} the {p95_s * 1000:.0f} ms that are wanted"


def _back_within(one: CellFailover, wanted: str, after: Spread) -> str:
    over = f"{_share(after)} of what followed took longer or failed"
    if not one.in_p95:
        return f"p95 was beyond the {wanted} that are wanted before it already, and {over}"
    if not one.p95_recovered:
        return f"p95 did not come back within the {wanted} that are wanted: {over}"
    some = _in_some(one.p95_recovered, one.in_p95)
    if _stayed(one.p95_recovery_s):
        return f"p95 stayed within the {wanted} that are wanted{some}"
    return f"p95 was back within the {wanted} that are wanted{some} after {_seconds(one.p95_recovery_s)}"


def _count(spread: Spread) -> str:
    return _with_ends(f"{spread.mean:.0f}", f"{spread.least:.0f}", f"{spread.most:.0f}")


def _share(spread: Spread) -> str:
    return _with_ends(*(text.percent(value) for value in (spread.mean, spread.least, spread.most)))


def _seconds(spread: Spread | None) -> str:
    if spread is None:
        return text.NOTHING
    shown = _with_ends(*(f"{value:.1f}" for value in (spread.mean, spread.least, spread.most)))
    return f"{shown} s"


def _with_ends(mean: str, least: str, most: str) -> str:
    """A mean, and the least and the most where these are not printed alike."""
    return mean if least == most == mean else f"{mean} [{least.removesuffix(' %')}, {most.removesuffix(' %')}]"


COLUMNS = [
    "cell",
    "lost",
    "trials",
    "failed",
    "by the balancer",
    "failing for",
    "throughput back after",
    "of before",
    "failing after",
    "answers before → after",
    "answers back after",
    "p95 back after",
    "p95 ms",
]


def table(losses: Sequence[CellFailover], limits: Thresholds) -> Table | None:
    """One row for each cell that loses servers; None where there is none."""
    if not losses:
        return None
    rows = [
        [
            f"{text.count(one.servers, 'server')}, {load_name(one.others)}",
            str(one.failed_servers),
            str(one.trials),
            _count(one.failed) if one.failed else text.NOTHING,
            _count(one.failed_at_balancer) if one.failed_at_balancer else text.NOTHING,
            _of(_seconds(one.failing_s), one.failing, one.trials),
            _of(_seconds(one.recovery_s), one.recovered, one.trials),
            _share(one.left) if one.left else text.NOTHING,
            _share(one.still_failing) if one.still_failing else text.NOTHING,
            f"{_ms(one.before_ms)} → {_ms(one.after_ms)} ms",
            _of(_seconds(one.latency_recovery_s), one.latency_recovered, one.trials),
            _of(_seconds(one.p95_recovery_s), one.p95_recovered, one.in_p95),
            text.milliseconds(one.p95_ms),
        ]
        for one in losses
    ]
    note = (
        "Means over trials, in brackets the least and the most. Seconds count from when the engine ended the servers, "
        "and are whole ones by the generator, so each is up to one too long. Throughput is back when it stays at "
        f"{text.percent(limits.recovered_throughput)} of what was to be expected: what it was where users asked for no "
        f"more, else the part of who is left; answers are when their mean stays within {limits.recovered_latency:g} "
        "times what it was, and p95 when of the requests from then on at most 5 % fail or take longer than its "
        "objective. p95 in ms is over the whole window, with failures at the timeout."
    )
    return Table(COLUMNS, rows, tuple(range(1, len(COLUMNS))), links=tuple(link(one.cell) for one in losses), note=note)


def _ms(spread: Spread | None) -> str:
    return text.milliseconds(spread.mean if spread else None)


def _of(shown: str, some: int, trials: int) -> str:
    """A figure of some of the trials, with how many these are."""
    if not some:
        return "never" if trials else text.NOTHING
    return shown if some == trials else f"{shown} in {some}"

"""The capacity of each topology under the objectives, and what more servers add to it. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from harness.grid.thresholds import Thresholds
from harness.language import tr
from harness.summarise.capacity.capacity import Capacity, CapacityGain
from harness.summarise.capacity.crossing import Bound
from harness.summarise.gains.gain import GainKind
from harness.summarise.gains.obstacle import ObstacleKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary
from harness.words import load_name, servers
from report import estimates, phrases
from report import format as text

MOST_TOPOLOGIES = 4  # of a sentence
MOST_SENTENCES = 3


def sentences(summary: Summary) -> list[str]:
    """A sentence for each group of topologies that differ in their servers alone; empty without capacities."""
    if not estimates.has_capacities(summary):
        return []
    alike = groups(summary.capacities)
    found = [_sentence(group, summary) for group in alike[:MOST_SENTENCES]]
    if len(alike) > MOST_SENTENCES:
        found.append(tr("The table of capacities has the other topologies."))
    if summary.short_window is not None and any(one.bound != Bound.NONE for one in summary.capacities):
        found.append(f"{phrases.capitalised(summary.short_window.sentence)}.")
    return found


def groups(capacities: Sequence[Capacity]) -> list[list[Capacity]]:
    """Topologies that differ in their number of servers alone, from the fewest servers on."""
    alike: dict[tuple[tuple[str, object], ...], list[Capacity]] = {}
    for one in capacities:
        alike.setdefault(tuple(one.others.items()), []).append(one)
    return [sorted(group, key=lambda one: one.servers) for group in alike.values()]


def _sentence(group: Sequence[Capacity], summary: Summary) -> str:
    limits = summary.grid.evidence
    shown = list(group) if len(group) <= MOST_TOPOLOGIES else [group[0], group[-1]]
    known = [*summary.capacity_gains, *summary.whole_range_capacity_gains]
    gains = {(tuple(gain.others.items()), gain.from_servers, gain.to_servers): gain for gain in known}
    steps = [gains[tuple(a.others.items()), a.servers, b.servers] for a, b in itertools.pairwise(shown)]
    clauses = [f"{_subject(shown[0])} {_amount(shown[0])}{_reason(shown[0])}"]
    for number, (one, step) in enumerate(zip(shown[1:], steps, strict=True)):
        before = shown[number]
        repeated = one.reason == before.reason and one.bound == before.bound
        reason = "" if repeated else _reason(one)
        added = _added(step)
        size = tr("{servers} {amount}", servers=phrases.cardinal(one.servers), amount=f"{_amount(one)}{reason}")
        clauses.append(size + (f": {added}" if added else ""))
    levels = load_name(group[0].others)
    begin = tr("With {grid}", grid=estimates.objectives(summary.grid)) + (
        tr(" and {levels}", levels=levels) if levels else ""
    )
    more = tr("; the table of capacities has the sizes in between") if len(shown) < len(group) else ""
    return f"{begin} {'; '.join([', '.join(clauses[:2]), *clauses[2:]])}{_note(shown, limits)}{more}."


def _note(shown: Sequence[Capacity], limits: Thresholds) -> str:
    few = min((one.blocks for one in shown if one.bound != Bound.NONE), default=limits.statement_repeats)
    return phrases.indicative(few, "block", limits.statement_repeats)


def _subject(one: Capacity) -> str:
    return tr(
        "the capacity of {servers} server is" if one.servers == 1 else "the capacity of {servers} servers is",
        servers=phrases.cardinal(one.servers),
    )


def _amount(one: Capacity) -> str:
    shown = estimates.with_interval(one)
    return tr("unknown ({reason})", reason=one.reason) if shown == text.NOTHING else shown


def _reason(one: Capacity) -> str:
    """Why a capacity is only a bound, or that of some objectives alone."""
    explained = one.bound in (Bound.AT_LEAST, Bound.BELOW) or one.undecided
    return f" ({one.reason})" if explained and one.bound != Bound.NONE and one.reason else ""


def _added(gain: CapacityGain) -> str:
    """What a step adds; empty where bounds on both sides leave nothing to state."""
    if gain.ratio is None or (gain.kind == GainKind.LOWER_BOUND and gain.ratio.value <= 1):
        return _limit(gain)
    ratio = text.ratio_with_interval(gain.ratio)
    because = f", {_limit(gain)}" if gain.limit else ""
    if gain.kind == GainKind.LOWER_BOUND:
        return tr("at least {ratio}{because}", ratio=text.ratio(gain.ratio.value), because=because)
    low, high = gain.ratio.low, gain.ratio.high
    if high is not None and high < 1:
        return tr("less, {ratio}{because}", ratio=ratio, because=because)
    if low is not None and low <= 1:
        return tr("no measurable difference ({ratio}){because}", ratio=ratio, because=because)
    above = tr(" (super-linear)") if gain.conclusion is Conclusion.SUPER_LINEAR else ""
    return tr(
        "{ratio}, efficiency {efficiency}{above}{because}",
        ratio=ratio,
        efficiency=estimates.efficiency(gain),
        above=above,
        because=because,
    )


def _limit(gain: CapacityGain) -> str:
    """The bottleneck of a step that is not its servers, as a clause; empty where it is the servers."""
    limit = gain.limit
    if limit is None:
        return ""
    names = phrases.joined([servers(level) for level in limit.servers])
    unknown = limit.kind is ObstacleKind.UNKNOWN_BOTTLENECK
    return tr("the bottleneck of {names} ", names=names) + (
        tr("is unknown") if unknown else tr("was the {component}", component=limit.component)
    )

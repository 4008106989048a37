"""What each topology carries under the objectives and what more servers add, in sentences and as a table. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from harness.grid.load import RATE
from harness.grid.schema import Grid
from harness.summarise.capacity.capacity import Capacity, CapacityGain
from harness.summarise.capacity.crossing import Bound
from harness.summarise.gains.gain import GainKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary
from harness.words import load_name
from report import format as text
from report.elements import Table

MOST_TOPOLOGIES = 4  # told one by one
MOST_SENTENCES = 3
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SHARING = "as requests that share more slots wait less by chance"
NAMES = {"p95": "p95", "error_rate": "errors"}
COLUMNS = [
    "topology",
    "carries",
    "95 % interval",
    "missed first",
    "gain",
    "95 % interval",
    "of ideal",
    "blocks",
    "requests",
    "by formula",
    "with one lost",
    "what may be said",
]


def known(summary: Summary) -> bool:
    """Whether anything that was measured tells of capacities."""
    return any(one.requests for one in summary.capacities)


def sentences(summary: Summary) -> list[str]:
    """One for each group of topologies that differ in their servers alone; empty without capacities."""
    if not known(summary):
        return []
    groups = _groups(summary.capacities)
    told = [_sentence(group, summary) for group in groups[:MOST_SENTENCES]]
    if len(groups) > MOST_SENTENCES:
        told.append("The table of capacities holds the others.")
    if summary.short_window is None or not any(one.bound == Bound.EXACT for one in summary.capacities):
        return told
    short = summary.short_window.sentence
    return [*told, f"{short[:1].upper()}{short[1:]}."]


def _groups(capacities: Sequence[Capacity]) -> list[list[Capacity]]:
    """Those that differ in nothing but their servers, the fewest first."""
    alike: dict[tuple[tuple[str, object], ...], list[Capacity]] = {}
    for one in capacities:
        alike.setdefault(tuple(one.others.items()), []).append(one)
    return [sorted(group, key=lambda one: one.servers) for group in alike.values()]


def _sentence(group: Sequence[Capacity], summary: Summary) -> str:
    limits = summary.grid.evidence
    shown = list(group) if len(group) <= MOST_TOPOLOGIES else [group[0], group[-1]]
    known = [*summary.capacity_gains, *summary.whole_range_capacity_gains]
    steps = {(tuple(gain.others.items()), gain.from_servers, gain.to_servers): gain for gain in known}
    gains = [steps[tuple(a.others.items()), a.servers, b.servers] for a, b in itertools.pairwise(shown)]
    clauses = [f"{_who(shown[0], first=True)} {_carries(shown[0])}"]
    for number, (one, gain) in enumerate(zip(shown[1:], gains, strict=True)):
        added = _added(gain, first=not number)
        if any(SHARING in clause for clause in clauses):
            added = added.replace(SHARING, "for the same reason")
        # Two that are bounds for one reason share it.
        reason = "" if one.reason == shown[number].reason and one.bound == shown[number].bound else _reason(one)
        clauses.append(f"{_who(one)} {_amount(one)}{reason}" + (f": {added}" if added else ""))
    rest = load_name(group[0].others)
    begin = f"With {_objectives(summary.grid)}" + (f" and {rest}" if rest else "")
    few = min((one.blocks for one in shown if one.bound != Bound.NONE), default=limits.statement_repeats)
    note = f" (indicative: {text.count(few, 'block')} only)" if few < limits.statement_repeats else ""
    more = "; the table holds the sizes in between" if len(shown) < len(group) else ""
    return f"{begin} {', '.join(clauses[:2])}{''.join(f'; {clause}' for clause in clauses[2:])}{note}{more}."


def _objectives(grid: Grid) -> str:
    """As in "p95 below 500 ms and at most 0.1 % errors", in the time that was written, as rates are."""
    wanted, said = grid.objectives, []
    if wanted.p95 is not None:
        said.append(f"p95 below {text.milliseconds(wanted.p95 * 1000 / grid.time_factor).removesuffix('.0')} ms")
    if wanted.error_rate is not None:
        said.append(f"at most {100 * wanted.error_rate:.10g} % errors")
    return text.joined(said)


def _who(one: Capacity, *, first: bool = False) -> str:
    number = NUMBERS[one.servers - 1] if one.servers <= len(NUMBERS) else str(one.servers)
    if not first:
        return number
    return f"{number} server{'' if one.servers == 1 else 's'}"


def _carries(one: Capacity) -> str:
    verb = "carries" if one.servers == 1 else "carry"
    return f"{verb} {_amount(one)}{_reason(one)}"


def _reason(one: Capacity) -> str:
    """Why a bound is one; what could not be told has its reason with it."""
    return f" ({one.reason})" if one.bound in (Bound.AT_LEAST, Bound.BELOW) and one.reason else ""


def load(value: float, factor: str, spread: float | None = None) -> str:
    """A load with its unit, as in 96/s or 960 users; a digit behind the point where `spread` or a small rate asks."""
    if factor == RATE:
        return f"{_digits(value, factor, spread)}/s"
    return f"{text.rate(value)} user{'' if round(value) == 1 else 's'}"


def _digits(value: float, factor: str, spread: float | None) -> str:
    if factor != RATE:
        return text.rate(value)
    return f"{value:.2g}" if value < 10 and spread is None else text.rate(value, spread)


def interval(one: Capacity) -> str:
    """The 95 % interval, as in [93, 99]; empty where there is none."""
    if one.bound != Bound.EXACT or one.low is None or one.high is None:
        return ""
    spread = (one.high - one.low) / 2
    return f"[{_digits(one.low, one.factor, spread)}, {_digits(one.high, one.factor, spread)}]"


def amount(one: Capacity) -> str:
    """As in 96/s, "at least 96/s", "less than 20/s" or "96/s to 150/s"; a dash where nothing can be said."""
    if one.bound == Bound.EXACT and one.value is not None:
        spread = None if one.low is None or one.high is None else (one.high - one.low) / 2
        return load(one.value, one.factor, spread)
    if one.bound == Bound.AT_LEAST and one.low is not None:
        if one.high is not None:
            return f"{load(one.low, one.factor)} to {load(one.high, one.factor)}"
        return f"at least {load(one.low, one.factor)}"
    if one.bound == Bound.BELOW and one.high is not None:
        return f"less than {load(one.high, one.factor)}"
    return text.NOTHING


def _amount(one: Capacity) -> str:
    """The same in a sentence."""
    said = amount(one)
    if said == text.NOTHING:
        return f"a load that cannot be told ({one.reason})"
    return f"{said} {interval(one)}".rstrip()


def _added(gain: CapacityGain, *, first: bool) -> str:
    """What a step adds; empty where bounds on both sides leave nothing to say."""
    if gain.ratio is None or (gain.kind == GainKind.LOWER_BOUND and gain.ratio.value <= 1):
        return ""
    ratio = text.ratio_with_interval(gain.ratio)
    if gain.kind == GainKind.LOWER_BOUND:
        return f"at least {text.ratio(gain.ratio.value)}"
    low, high = gain.ratio.low, gain.ratio.high
    if high is not None and high < 1:
        return f"less, {ratio}"
    if low is not None and low <= 1:
        return f"no difference that could be told ({ratio})"
    ideal = "ideal" if first and gain.step_ideal == gain.to_servers else f"the ideal {gain.step_ideal:.4g}×"
    above = f", more than {_ideal(gain)}, {SHARING}" if gain.conclusion is Conclusion.SUPER_LINEAR else ""
    return f"{ratio}, {efficiency(gain)} of {ideal}{above}"


def _ideal(gain: CapacityGain) -> str:
    return "twice" if gain.step_ideal == 2 else f"{gain.step_ideal:.4g} times"


def efficiency(gain: CapacityGain) -> str:
    """Ratio over ideal, with a ≥ before that of a floor."""
    return f"{'≥ ' if gain.kind == GainKind.LOWER_BOUND else ''}{text.percent(gain.efficiency)}"


def table(summary: Summary) -> Table | None:
    """A row for each topology, its gain over the next smaller one; None without capacities."""
    if not known(summary):
        return None
    steps = {(tuple(gain.others.items()), gain.to_servers): gain for gain in summary.capacity_gains}
    rows = []
    for one in summary.capacities:
        rows.append(_row(one, steps.get((tuple(one.others.items()), one.servers))))
    return Table(COLUMNS, rows, tuple(range(1, 11)), note=_note(summary))


def _row(one: Capacity, gain: CapacityGain | None) -> list[str]:
    reference, left = one.reference, one.n_minus_1
    ratio = gain.ratio if gain else None
    floor = gain is not None and gain.kind == GainKind.LOWER_BOUND
    said = [gain.conclusion_text + (f": {gain.reason}" if gain.reason else "")] if gain else []
    said += [one.reason] if one.reason and not (gain and one.reason in gain.reason) else []
    return [
        one.name.replace(" ", "\u00a0", 1),
        amount(one),
        interval(one) or text.NOTHING,
        NAMES.get(one.first_missed, one.first_missed) or text.NOTHING,
        f"≥ {text.ratio(ratio.value)}" if floor and ratio else text.ratio(ratio),
        text.NOTHING if floor else text.ratio_interval(ratio),
        efficiency(gain) if gain and ratio else text.NOTHING,
        str(one.blocks),
        text.rate(one.requests),
        text.NOTHING if reference is None else load(reference, one.factor),
        "nothing" if one.servers == 1 else f"{amount(left)} {interval(left)}".rstrip() if left else text.NOTHING,
        "; ".join(said) or text.NOTHING,
    ]


def _note(summary: Summary) -> str:
    said = [
        f"The largest load with {_objectives(summary.grid)}, in "
        f"{'requests per second that are offered' if summary.grid.is_open else 'users'}; a failed request is late. "
        "Nothing is told beyond the loads that were measured. The gain is over the next smaller topology. With one "
        "lost is what the topology with one server fewer carries, once the balancer leaves the lost one alone; what is "
        "lost with it is measured by a grid with fail_servers."
    ]
    exact = [
        f"{_who(one, first=True)} {load(one.reference, one.factor)}"
        for one in summary.capacities
        if one.reference is not None
    ]
    if exact:
        said.append(f"Servers of known speed carry by formula (M/D/c): {', '.join(exact)}.")
    if any(gain.conclusion is Conclusion.SUPER_LINEAR for gain in summary.capacity_gains):
        said.append(f"Super-linear is no fault here: capacity grows by more than servers do, {SHARING}.")
    return " ".join(said)

"""The sentences of page 1: one for each load, of at most 25 words, as parts that are set in different sizes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.grid.load import level_of
from harness.grid.server_types import count
from harness.language import around, messages, tr
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.cells.failover import CellFailover
from harness.summarise.comparison.factors import FactorEffect
from harness.summarise.comparison.gate import GateResult
from harness.summarise.gains.gain import Gain, GainCategory, GainKind
from harness.summarise.gains.scale_up import ScaleUp
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary
from harness.summarise.topology_choice import Choice, Fit
from harness.words import load_name
from harness.words import servers as servers_of
from report import estimates, phrases
from report import format as text
from report.sentences import answer, capacity, gate, rejections, scale_up
from report.spreads import mean_count, mean_share

MOST_WORDS = 25
MOST_LOADS, MOST_OTHERS = 3, 3  # sentences on loads, and on everything else
MOST_STEPS, MOST_TOPOLOGIES = 3, 4  # of a sentence


class Size(StrEnum):
    """How a part of a sentence is set."""

    WORDS = "words"
    FIGURE = "figure"
    INTERVAL = "interval"


@dataclass(frozen=True)
class Piece:
    """A part of a sentence, of one size."""

    text: str
    size: Size = Size.WORDS


Clause = tuple[Piece, ...]


@dataclass(frozen=True)
class Headline:
    """A sentence of page 1."""

    parts: Clause

    @property
    def text(self) -> str:
        """The whole sentence."""
        return "".join(part.text for part in self.parts)


def headlines(summary: Summary) -> list[Headline]:
    """Capacities, then a sentence for each load from the largest on, then effects of other factors and failovers.

    Of more than three loads the largest and the smallest have a sentence of their own. A gate has its conclusion only,
    and of a quick study the first sentence reports that it is indicative.
    """
    first = [_plain(tr(answer.INDICATIVE))] if summary.grid.quick else []
    return first + (_all(summary) if summary.gate is None else [_gate(summary.gate)])


def _gate(found: GateResult) -> Headline:
    before, after = gate.around_the_ratio(found)
    figure = _figure(found.ratio) if found.ratio is not None else ()
    return Headline((Piece(before), *figure, Piece(f"{after}.")))


def _all(summary: Summary) -> list[Headline]:
    found = [*_capacities(summary), *(each for one in summary.scale_ups[:MOST_LOADS] for each in _scale_up(one))]
    usable = any(cell.usable for cell in summary.cells)
    loads = answer.loads(summary) if usable else []
    if summary.scale_ups:
        loads = [steps for steps in loads if all(steps[0].others != each.others for each in summary.scale_ups)]
    if len(loads) <= MOST_LOADS:
        found += [_load(steps, summary) for steps in loads]
    else:
        found += [_load(loads[0], summary), _plain(answer.in_between(loads[1:-1])), _load(loads[-1], summary)]
    others = [*_rejections(summary), *_effects(summary), *_failovers(summary.failovers), *_target(summary)]
    return [*found, *others[:MOST_OTHERS]] or [_plain(answer.without_gains(summary.cells))]


def _scale_up(found: ScaleUp) -> list[Headline]:
    """What each alternative to one server of the slowest type delivers, then topologies of several types."""
    known = [_gains_of(steps) for steps in (found.options, found.mixed)]
    if not any(known):
        unknown = tr(
            "At {load} {base} and its alternatives have no known ratio.",
            load=load_name(found.others),
            base=scale_up.name(found.base),
        )
        return [_plain(unknown)]
    begin = Piece(tr("At {load} ", load=load_name(found.others)))
    sentences = [(begin, *_alternatives(steps, scale_up.name(found.base))) for steps in known if steps]
    return [Headline((*parts, Piece("."))) for parts in sentences]


def _gains_of(steps: Sequence[Gain]) -> list[Gain]:
    return [step for step in steps if step.kind is GainKind.GAIN and step.ratio is not None][:MOST_STEPS]


def _alternatives(steps: Sequence[Gain], base: str) -> Clause:
    parts: list[Piece] = []
    for place, step in enumerate(steps):
        facts = {"servers": scale_up.name(step.to_servers), "base": "" if place else scale_up.relative_to(base)}
        parts += [Piece("; ")] if place else []
        parts += _around(scale_up.delivers(step.to_servers), _figure(step.ratio), **facts)
        if step.linear and step is steps[-1] and " + " in str(step.to_servers):
            parts.append(Piece(tr(", efficiency {efficiency}", efficiency=text.percent(step.efficiency))))
    return tuple(parts)


def _plain(sentence: str) -> Headline:
    return Headline((Piece(sentence),))


def _first_that_fits(candidates: Sequence[Clause]) -> Headline:
    """The first sentence of at most 25 words; the last one where none is that short."""
    found = [Headline(parts) for parts in candidates]
    return next((each for each in found if len(each.text.split()) <= MOST_WORDS), found[-1])


def _around(message: str, figure: Clause, **facts: object) -> Clause:
    """The parts of a sentence with `{figure}`."""
    before, after = around(message, **facts)
    parts = (*((Piece(before),) if before else ()), *figure)
    return (*parts, Piece(after)) if after else parts


def _figure(ratio: Interval | None, *, with_interval: bool = True) -> Clause:
    interval = text.ratio_interval(ratio)
    if not with_interval or interval == text.NOTHING:
        return (Piece(text.ratio(ratio), Size.FIGURE),)
    return Piece(text.ratio(ratio), Size.FIGURE), Piece(f" {interval}", Size.INTERVAL)


def _load(steps: Sequence[Gain], summary: Summary) -> Headline:
    """The sentence of one load; the more steps it has, the less it gives of each."""
    least = summary.grid.evidence.statement_repeats
    few = min((step.k for step in steps if step.is_statement), default=least)
    begin, end = (
        Piece(tr("At {load} ", load=load_name(steps[0].others))),
        Piece(f"{phrases.indicative(few, 'repeat', least)}."),
    )
    rest = (Piece(tr("the table of gains has {steps}", steps=phrases.count(len(steps), "step"))),)
    candidates = [_range(steps[0], summary)]
    if len(steps) <= MOST_STEPS:
        candidates = [_steps(steps, with_interval=True), _steps(steps, with_interval=False), *candidates]
    return _first_that_fits([(begin, *clauses, end) for clauses in [*filter(None, candidates), rest]])


def _steps(steps: Sequence[Gain], *, with_interval: bool) -> Clause:
    """A clause for each step; a gain after a gain needs no verb, and other steps that are alike share a clause."""
    parts: list[Piece] = []
    alike: list[list[Gain]] = []
    for step in steps:
        if alike and step.category is alike[-1][0].category and _is_shared(step.category):
            alike[-1].append(step)
        else:
            alike.append([step])
    before: GainCategory | None = None
    for group in alike:
        category = group[0].category
        if before is GainCategory.GAIN is category:
            parts += [Piece(f", {_subject(group[0]).removesuffix(' server')} ")]
            parts += _figure(group[0].ratio, with_interval=with_interval)
        else:
            parts += [Piece("; ")] if parts else []
            parts += _clause(group, with_interval=with_interval)
        before = category
    return tuple(parts)


def _is_shared(category: GainCategory) -> bool:
    return category in (GainCategory.IDLE, GainCategory.NOT_MEASURABLE, GainCategory.NONE)


def _subject(step: Gain) -> str:
    few, many = step.from_servers, step.to_servers
    if isinstance(many, int) and _is_next(step):
        return tr("the {to_servers} server", to_servers=phrases.ordinal(many))
    return tr("going from {from_servers} to {to_servers} servers", from_servers=few, to_servers=many)


def _is_next(step: Gain) -> bool:
    """Whether the step adds one server."""
    few, many = step.from_servers, step.to_servers
    return isinstance(few, int) and isinstance(many, int) and many == few + 1


WITH_FIGURE = messages(
    {
        GainCategory.GAIN: "{subject} gave {figure} the throughput",
        GainCategory.BASELINE_SUSPECT: "{subject} gave {figure}, which is super-linear",
        GainCategory.LOWER: "{subject} lowered throughput to {figure}",
        GainCategory.INDISTINCT: "{subject} made no measurable difference, {figure}",
    }
)


def _clause(group: Sequence[Gain], *, with_interval: bool) -> Clause:
    """What one step shows, or what several that are alike do."""
    step, several = group[0], len(group) > 1
    subject = (
        tr("servers beyond {from_servers}", from_servers=phrases.cardinal(step.from_servers))
        if several
        else _subject(step)
    )
    figure = _figure(step.ratio, with_interval=with_interval)
    jumps = not several and not _is_next(step)
    ratio = step.ratio
    least = ratio and Interval(ratio.low if ratio.low is not None else ratio.value, None, None)
    plain = messages(
        {
            GainCategory.IDLE: "{subject} added idle servers"
            if jumps
            else "{subject} were idle"
            if several
            else "{subject} was idle",
            GainCategory.NOT_MEASURABLE: "{subject} have no measurable gain"
            if several
            else "{subject} has no measurable gain",
            GainCategory.NONE: "{subject} have no known gain" if several else "{subject} has no known gain",
        }
    )
    if step.category is GainCategory.ONLY_LARGER:
        return (Piece(tr("only {servers} served the load", servers=servers_of(step.to_servers))),)
    if step.category in plain:
        return (Piece(tr(plain[step.category], subject=subject)),)
    if step.category is GainCategory.LOWER_BOUND:
        return _around("{subject} gave at least {figure}", _figure(least), subject=subject)
    return _around(WITH_FIGURE[step.category], figure, subject=subject)


def _range(step: Gain, summary: Summary) -> Clause:
    """Throughput from the smallest to the largest topology of the step's load, and the servers that added nothing."""
    whole = next((gain for gain in summary.whole_range_gains if gain.others == step.others), None)
    if whole is None or whole.ratio is None or not whole.is_statement:
        return ()
    low, high = servers_of(whole.from_servers), whole.to_servers
    parts = [*_around("throughput grew {figure} from {low} to {high}", _figure(whole.ratio), low=low, high=high)]
    last = [run for run in summary.gain_runs if run.others == step.others][-1:]
    for run in last:
        if run.category in (GainCategory.IDLE, GainCategory.INDISTINCT):
            rest = messages(
                "; servers beyond {servers} were idle"
                if run.category is GainCategory.IDLE
                else "; servers beyond {servers} made no measurable difference"
            )
            parts.append(Piece(tr(rest, servers=phrases.cardinal(run.from_servers))))
    return tuple(parts)


def _capacities(summary: Summary) -> list[Headline]:
    """The capacities of topologies that differ in their servers alone, a sentence for each group."""
    if not estimates.has_capacities(summary):
        return []
    return [_capacity(group) for group in capacity.groups(summary.capacities)[:MOST_LOADS]]


def _capacity(group: Sequence[Capacity]) -> Headline:
    levels = load_name(group[0].others)
    begin = Piece(tr("Within the objectives ") + (tr("and with {levels} ", levels=levels) if levels else ""))
    ends = [group[0], group[-1]] if len(group) > 1 else [group[0]]
    shown = [group if len(group) <= MOST_TOPOLOGIES else ends, ends, ends[-1:]]
    return _first_that_fits([(begin, *_amounts(each), Piece(".")) for each in shown])


def _amounts(group: Sequence[Capacity]) -> Clause:
    parts: list[Piece] = []
    for number, one in enumerate(group):
        servers = phrases.cardinal(one.servers)
        named = tr("{servers} server sustains " if one.servers == 1 else "{servers} servers sustain ", servers=servers)
        amount, interval = estimates.amount(one), estimates.interval(one)
        parts.append(Piece(tr(", {servers} ", servers=servers) if number else named))
        parts.append(Piece(tr("an unknown load") if amount == text.NOTHING else amount, Size.FIGURE))
        parts += [Piece(f" {interval}", Size.INTERVAL)] if interval else []
    return tuple(parts)


def _rejections(summary: Summary) -> list[Headline]:
    """The cell with the largest share of rejected or failed requests, where that hides its capacity."""
    worst = rejections.worst(summary)
    return [] if worst is None else [_plain(f"{worst[0].words} ({worst[1]}).")]


def _effects(summary: Summary) -> list[Headline]:
    """The effect of each level of each other factor, in the largest topology at the largest load."""
    largest: dict[tuple[str, str], FactorEffect] = {}
    for effect in summary.factor_effects:
        key = (effect.factor, str(effect.level))
        if key not in largest or _size(effect) > _size(largest[key]):
            largest[key] = effect
    return [_effect(effect) for effect in largest.values()]


def _size(effect: FactorEffect) -> tuple[int, float]:
    return count(effect.rest["servers"]), level_of(effect.rest)


def _effect(effect: FactorEffect) -> Headline:
    begin = tr("At {load}", load=load_name({name: level for name, level in effect.rest.items() if name != "servers"}))
    what = tr(
        "{begin} {factor} {level} instead of {base}",
        begin=begin,
        factor=effect.factor,
        level=effect.level,
        base=effect.base,
    )
    servers = tr("with {rest}", rest=phrases.topology(effect.rest))
    if effect.ratio is None or effect.obstacle or effect.conclusion is Conclusion.NOT_MEASURABLE:
        return _plain(tr("{what} has no measurable effect {servers}.", what=what, servers=servers))
    if effect.conclusion is Conclusion.INDISTINCT:
        same = messages("{what} made no measurable difference {servers}, {figure}.")
        return Headline(_around(same, _figure(effect.ratio), what=what, servers=servers))
    bound = f"{tr(effect.bound)} " if effect.bound else ""
    gave = messages("{what} gave {bound}{figure} the throughput {servers}.")
    return Headline(_around(gave, _figure(effect.ratio), what=what, bound=bound, servers=servers))


def _failovers(failovers: Sequence[CellFailover]) -> list[Headline]:
    """The server failure in the largest topology at the largest load."""
    measured = [one for one in failovers if one.trials]
    if not measured:
        return []
    one = max(measured, key=lambda each: (level_of(each.cell), each.servers, each.failed_servers))
    load = load_name({name: level for name, level in one.others.items() if name != "fail_servers"})
    facts = {"load": load, "number": one.failed_servers, "servers": phrases.count(one.servers, "server")}
    if one.failed is not None and one.failed.most:
        failed = (Piece(mean_count(one.failed), Size.FIGURE),)
        parts = _around("At {load} {number} of {servers} failed: {figure} requests failed", failed, **facts)
    else:
        parts = (Piece(tr("At {load} {number} of {servers} failed: no request failed", **facts)),)
    if one.left is not None:
        parts += _around(", and {figure} of the throughput remained", (Piece(mean_share(one.left), Size.FIGURE),))
    return [Headline((*parts, Piece(".")))]


def _target(summary: Summary) -> list[Headline]:
    """The topology for the grid's target."""
    found = summary.costs and summary.costs.target
    if not found:
        return []
    choice = found.choice
    per_s = estimates.required(choice.per_s)
    if choice.best is None:
        none = messages(
            "For {per_s} no measured topology is sufficient."
            if choice.fit is Fit.NO
            else "For {per_s} no topology was shown to be sufficient."
        )
        return [_plain(tr(none, per_s=per_s))]
    usd = ""
    if choice.priced:
        usd = tr(": {usd_per_hour} USD per hour", usd_per_hour=text.usd(choice.best.usd_per_hour))
    best = (Piece(estimates.topology(choice.best), Size.FIGURE),)
    return [Headline(_around(_suffices(choice, choice.best.servers), best, per_s=per_s, usd=usd))]


def _suffices(choice: Choice, servers: int) -> str:
    """The message about the best topology, which has this number of servers."""
    if choice.fit is not Fit.YES:
        return messages("For {per_s} {figure} may be sufficient{usd}.")
    if choice.priced:
        return messages(
            "For {per_s} {figure} is the cheapest sufficient topology{usd}."
            if servers == 1
            else "For {per_s} {figure} are the cheapest sufficient topology{usd}."
        )
    return messages(
        "For {per_s} {figure} is sufficient{usd}." if servers == 1 else "For {per_s} {figure} are sufficient{usd}."
    )

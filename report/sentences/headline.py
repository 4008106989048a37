"""The sentences of page 1: one for each load, of at most 25 words, as parts that are set in different sizes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.grid.load import level_of
from harness.grid.server_types import ServersLevel, count
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
    first = [_plain(answer.INDICATIVE)] if summary.grid.quick else []
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
        text_ = f"At {load_name(found.others)} {scale_up.name(found.base)} and its alternatives have no known ratio."
        return [_plain(text_)]
    begin = Piece(f"At {load_name(found.others)} ")
    sentences = [(begin, *_alternatives(steps, scale_up.name(found.base))) for steps in known if steps]
    return [Headline((*parts, Piece("."))) for parts in sentences]


def _gains_of(steps: Sequence[Gain]) -> list[Gain]:
    return [step for step in steps if step.kind is GainKind.GAIN and step.ratio is not None][:MOST_STEPS]


def _alternatives(steps: Sequence[Gain], base: str) -> Clause:
    parts: list[Piece] = []
    for place, step in enumerate(steps):
        subject = f"{scale_up.name(step.to_servers)} {scale_up.verb(step.to_servers)} "
        parts += [Piece("; " + subject if place else subject), *_figure(step.ratio)]
        parts += [] if place else [Piece(f" {base}")]
        if step.linear and step is steps[-1] and " + " in str(step.to_servers):
            parts.append(Piece(f", efficiency {text.percent(step.efficiency)}"))
    return tuple(parts)


def _plain(sentence: str) -> Headline:
    return Headline((Piece(sentence),))


def _first_that_fits(candidates: Sequence[Clause]) -> Headline:
    """The first sentence of at most 25 words; the last one where none is that short."""
    found = [Headline(parts) for parts in candidates]
    return next((each for each in found if len(each.text.split()) <= MOST_WORDS), found[-1])


def _figure(ratio: Interval | None, *, with_interval: bool = True) -> Clause:
    interval = text.ratio_interval(ratio)
    if not with_interval or interval == text.NOTHING:
        return (Piece(text.ratio(ratio), Size.FIGURE),)
    return Piece(text.ratio(ratio), Size.FIGURE), Piece(f" {interval}", Size.INTERVAL)


def _load(steps: Sequence[Gain], summary: Summary) -> Headline:
    """The sentence of one load; the more steps it has, the less it gives of each."""
    least = summary.grid.evidence.statement_repeats
    few = min((step.k for step in steps if step.is_statement), default=least)
    begin, end = Piece(f"At {load_name(steps[0].others)} "), Piece(f"{phrases.indicative(few, 'repeat', least)}.")
    rest = (Piece(f"the table of gains has {phrases.count(len(steps), 'step')}"),)
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
    if isinstance(few, int) and isinstance(many, int) and many == few + 1:
        return f"the {phrases.ordinal(many)} server"
    return f"going from {few} to {many} servers"


def _beyond(level: ServersLevel) -> str:
    return phrases.cardinal(level) if isinstance(level, int) else level


def _clause(group: Sequence[Gain], *, with_interval: bool) -> Clause:
    """What one step shows, or what several that are alike do."""
    step, several = group[0], len(group) > 1
    subject = f"servers beyond {_beyond(step.from_servers)}" if several else _subject(step)
    figure = _figure(step.ratio, with_interval=with_interval)
    idle = "added idle servers" if subject.startswith("going") else f"{'were' if several else 'was'} idle"
    unknown = "have" if several else "has"
    ratio = step.ratio
    least = ratio and Interval(ratio.low if ratio.low is not None else ratio.value, None, None)
    clauses: dict[GainCategory, Clause] = {
        GainCategory.GAIN: (Piece(f"{subject} gave "), *figure, Piece(" the throughput")),
        GainCategory.BASELINE_SUSPECT: (Piece(f"{subject} gave "), *figure, Piece(", which is super-linear")),
        GainCategory.LOWER_BOUND: (Piece(f"{subject} gave at least "), *_figure(least)),
        GainCategory.LOWER: (Piece(f"{subject} lowered throughput to "), *figure),
        GainCategory.INDISTINCT: (Piece(f"{subject} made no measurable difference, "), *figure),
        GainCategory.IDLE: (Piece(f"{subject} {idle}"),),
        GainCategory.NOT_MEASURABLE: (Piece(f"{subject} {unknown} no measurable gain"),),
        GainCategory.NONE: (Piece(f"{subject} {unknown} no known gain"),),
        GainCategory.ONLY_LARGER: (Piece(f"only {servers_of(step.to_servers)} served the load"),),
    }
    return clauses[step.category]


def _range(step: Gain, summary: Summary) -> Clause:
    """Throughput from the smallest to the largest topology of the step's load, and the servers that added nothing."""
    whole = next((gain for gain in summary.whole_range_gains if gain.others == step.others), None)
    if whole is None or whole.ratio is None or not whole.is_statement:
        return ()
    low, high = servers_of(whole.from_servers), whole.to_servers
    parts = [Piece("throughput grew "), *_figure(whole.ratio), Piece(f" from {low} to {high}")]
    last = [run for run in summary.gain_runs if run.others == step.others][-1:]
    for run in last:
        if run.category in (GainCategory.IDLE, GainCategory.INDISTINCT):
            added = "were idle" if run.category is GainCategory.IDLE else "made no measurable difference"
            parts.append(Piece(f"; servers beyond {_beyond(run.from_servers)} {added}"))
    return tuple(parts)


def _capacities(summary: Summary) -> list[Headline]:
    """The capacities of topologies that differ in their servers alone, a sentence for each group."""
    if not estimates.has_capacities(summary):
        return []
    return [_capacity(group) for group in capacity.groups(summary.capacities)[:MOST_LOADS]]


def _capacity(group: Sequence[Capacity]) -> Headline:
    levels = load_name(group[0].others)
    begin = Piece("Within the objectives " + (f"and with {levels} " if levels else ""))
    ends = [group[0], group[-1]] if len(group) > 1 else [group[0]]
    shown = [group if len(group) <= MOST_TOPOLOGIES else ends, ends, ends[-1:]]
    return _first_that_fits([(begin, *_amounts(each), Piece(".")) for each in shown])


def _amounts(group: Sequence[Capacity]) -> Clause:
    parts: list[Piece] = []
    for number, one in enumerate(group):
        servers = phrases.cardinal(one.servers)
        verb = "sustains" if one.servers == 1 else "sustain"
        named = f"{phrases.count(one.servers, 'server').replace(str(one.servers), servers, 1)} {verb} "
        amount, interval = estimates.amount(one), estimates.interval(one)
        parts.append(Piece(f", {servers} " if number else named))
        parts.append(Piece("an unknown load" if amount == text.NOTHING else amount, Size.FIGURE))
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
    begin = f"At {load_name({name: level for name, level in effect.rest.items() if name != 'servers'})}"
    what = f"{begin} {effect.factor} {effect.level} instead of {effect.base}"
    servers = f"with {phrases.topology(effect.rest)}"
    if effect.ratio is None or effect.obstacle or effect.conclusion is Conclusion.NOT_MEASURABLE:
        return _plain(f"{what} has no measurable effect {servers}.")
    if effect.conclusion is Conclusion.INDISTINCT:
        return Headline(
            (Piece(f"{what} made no measurable difference {servers}, "), *_figure(effect.ratio), Piece("."))
        )
    bound = f"{effect.bound} " if effect.bound else ""
    return Headline((Piece(f"{what} gave {bound}"), *_figure(effect.ratio), Piece(f" the throughput {servers}.")))


def _failovers(failovers: Sequence[CellFailover]) -> list[Headline]:
    """The server failure in the largest topology at the largest load."""
    measured = [one for one in failovers if one.trials]
    if not measured:
        return []
    one = max(measured, key=lambda each: (level_of(each.cell), each.servers, each.failed_servers))
    load = load_name({name: level for name, level in one.others.items() if name != "fail_servers"})
    parts = [Piece(f"At {load} {one.failed_servers} of {phrases.count(one.servers, 'server')} failed: ")]
    failed = mean_count(one.failed) if one.failed is not None and one.failed.most else "no"
    parts += [Piece(failed, Size.FIGURE), Piece(" requests failed")]
    if one.left is not None:
        parts += [Piece(", and "), Piece(mean_share(one.left), Size.FIGURE), Piece(" of the throughput remained")]
    return [Headline((*parts, Piece(".")))]


def _target(summary: Summary) -> list[Headline]:
    """The topology for the grid's target."""
    found = summary.costs and summary.costs.target
    if not found:
        return []
    choice = found.choice
    begin = Piece(f"For {estimates.required(choice.per_s)} ")
    if choice.best is None:
        state = (
            "no measured topology is sufficient" if choice.fit is Fit.NO else "no topology was shown to be sufficient"
        )
        return [Headline((begin, Piece(f"{state}.")))]
    return [Headline((begin, Piece(estimates.topology(choice.best), Size.FIGURE), Piece(_suffices(choice))))]


def _suffices(choice: Choice) -> str:
    best = choice.best
    usd = f": {text.usd(best.usd_per_hour)} USD per hour" if best and choice.priced else ""
    if choice.fit is not Fit.YES:
        return f" may be sufficient{usd}."
    verb = "is" if best and best.servers == 1 else "are"
    return f" {verb} {'the cheapest sufficient topology' if choice.priced else 'sufficient'}{usd}."

"""The tables of gains: another server at the same load, and other levels of other factors. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.language import messages, tr
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison.capacity_effects import CapacityEffect
from harness.summarise.comparison.factors import FactorEffect
from harness.summarise.gains.gain import Gain, GainKind
from harness.words import load_name
from report import format as text
from report import phrases
from report.elements import MOST_LISTED, Table, listed
from report.tables import reason_phrases

COLUMNS = messages(
    [
        "load",
        "servers",
        "gain",
        "95 % interval",
        "linear",
        "efficiency",
        "peak gain",
        "k",
        "bottleneck",
        "conclusion",
    ]
)
EFFECT_COLUMNS = messages(
    [
        "factor",
        "levels",
        "cell",
        "throughput",
        "95 % interval",
        "median",
        "p95",
        "k",
        "conclusion",
        "reason",
    ]
)


def gain_table(gains: Sequence[Gain], cells: Sequence[CellSummary]) -> Table | None:
    """A row for each step at each load, in the order of `gains`; simultaneous intervals below; None without any."""
    if not gains:
        return None
    bottlenecks = {(c.topology, load_name(c.others)): c.bottleneck for c in cells if c.usable}
    rows = []
    for gain in gains:
        load = load_name(gain.others)
        sides = [tr(bottlenecks.get((n, load), text.NOTHING)) for n in (gain.from_servers, gain.to_servers)]
        efficiency = text.share_with_interval(gain.efficiency, gain.efficiency_interval)
        rows.append(
            [
                load,
                gain.step,
                text.ratio(gain.ratio),
                text.ratio_interval(gain.ratio),
                text.ratio(gain.step_ideal),
                f"≥ {efficiency}" if gain.kind == GainKind.LOWER_BOUND and gain.efficiency is not None else efficiency,
                text.ratio(gain.peak_ratio),
                str(gain.k),
                tr("dependency") if gain.shared else " → ".join(sides),
                ": ".join(filter(None, (gain.conclusion_text, reason_phrases.of_gain(gain)))),
            ]
        )
    note = " ".join(sentence for sentence in (_simultaneous(gains), _paired(gains)) if sentence)
    return Table(columns=COLUMNS, rows=rows, right=(2, 3, 4, 5, 6, 7), note=note)


def _simultaneous(gains: Sequence[Gain]) -> str:
    """The simultaneous intervals; empty with a single interval, which needs none."""
    found = [gain for gain in gains if gain.simultaneous is not None]
    if len(found) < 2:
        return ""
    intervals = listed([(gain, text.ratio_interval(gain.simultaneous)) for gain in found])
    where = f": {intervals}" if len(found) <= MOST_LISTED else tr(" are in gains.csv")
    return tr(
        "Each interval covers 95 % on its own. Simultaneous 95 % intervals of all {found} gains (Bonferroni){where}.",
        found=len(found),
        where=where,
    )


def _paired(gains: Sequence[Gain]) -> str:
    """With few blocks, the intervals of the pairs alone."""
    moderated = [(gain, text.ratio_interval(gain.paired)) for gain in gains if gain.ratio != gain.paired]
    if not moderated:
        return ""
    if len(moderated) > MOST_LISTED:
        return tr("The intervals also use the noise of the other cells.")
    return tr("Intervals of a paired t on these pairs alone: {listed}.", listed=listed(moderated))


def effect_table(effects: Sequence[FactorEffect], of_capacities: Sequence[CapacityEffect] = ()) -> Table | None:
    """A row for each level of each other factor, compared with the first level; None without any."""
    if not effects and not of_capacities:
        return None
    times = [effect.response_times for effect in effects if effect.response_times.ratios]
    not_comparable = {change.obstacle.text: None for change in times if change.obstacle}
    note = tr(
        "Median and p95: ratios of response times, failures included at the timeout or more, with their intervals."
    )
    note += tr(" They are not comparable where {listed}.", listed="; ".join(not_comparable)) if not_comparable else ""
    rows = [*map(_capacity_effect_row, of_capacities), *map(_effect_row, effects)]
    columns = [
        messages("throughput or capacity") if of_capacities and name == "throughput" else name
        for name in EFFECT_COLUMNS
    ]
    return Table(columns=columns, rows=rows, right=(3, 4, 5, 6, 7), note=note)


def _effect_row(effect: FactorEffect) -> list[str]:
    others = {name: level for name, level in effect.rest.items() if name != "servers"}
    return [
        effect.factor,
        f"{effect.base} → {effect.level}",
        tr("{rest} at {load}", rest=phrases.topology(effect.rest), load=load_name(others)),
        text.ratio(effect.ratio),
        text.ratio_interval(effect.ratio),
        text.ratio_with_interval(effect.response_times.ratios.get("p50")),
        text.ratio_with_interval(effect.response_times.ratios.get("p95")),
        str(effect.k),
        tr("{conclusion}, {bound}", conclusion=effect.conclusion, bound=effect.bound)
        if effect.bound and not effect.obstacle
        else tr(effect.conclusion),
        effect.obstacle.text if effect.obstacle else text.NOTHING,
    ]


def _capacity_effect_row(effect: CapacityEffect) -> list[str]:
    """The effect on the capacity of a topology, which has no response times of its own."""
    others = load_name({name: level for name, level in effect.rest.items() if name != "servers"})
    topology = phrases.topology(effect.rest) + (tr(" at {others}", others=others) if others else "")
    return [
        effect.factor,
        f"{effect.base} → {effect.level}",
        tr("capacity of {topology}", topology=topology),
        text.ratio(effect.ratio),
        text.ratio_interval(effect.ratio),
        text.NOTHING,
        text.NOTHING,
        str(effect.k),
        tr("{conclusion}, {bound}", conclusion=effect.conclusion, bound=effect.bound)
        if effect.bound and not effect.obstacle
        else tr(effect.conclusion),
        effect.obstacle.text if effect.obstacle else text.NOTHING,
    ]

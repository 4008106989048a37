"""The comparison of studies: a row for each cell, remarks on their comparability, and an HTML page."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.language import ENGLISH, Language, messages, tr, use
from harness.study.compare import Comparison
from harness.summarise.comparison.attribution import RatioBound
from harness.summarise.comparison.capacities import CapacityRatio
from harness.summarise.comparison.studies import StudyRatio
from harness.words import load_name
from report import estimates, phrases
from report import format as text
from report.elements import Table
from report.output.html import TEMPLATES, stylesheet, unbroken

COLUMNS = messages(
    [
        "cell",
        "before",
        "after",
        "ratio",
        "95 % interval",
        "simultaneous",
        "machine speed removed",
        "k",
        "bottleneck",
        "conclusion",
        "reason",
    ]
)
SHORT = (
    "cell",
    "before",
    "after",
    "ratio",
    "simultaneous",
    "k",
    "bottleneck",
)  # on a terminal, with `conclusions` below

CAPACITIES = messages(["capacity of", "before", "after", "ratio", "simultaneous", "blocks", "conclusion", "reason"])


def cell_name(ratio: StudyRatio) -> str:
    """The name of the cell, as in the report."""
    others = {name: level for name, level in ratio.cell.items() if name != "servers"}
    return f"{phrases.topology(ratio.cell)}, {load_name(others)}"


def short_rows(one: Comparison) -> list[list[str]]:
    """A row for each cell without the intervals of the single studies and without the conclusion."""
    return [
        [
            cell_name(ratio),
            text.rate(ratio.before.tps.value if ratio.before.tps else None),
            text.rate(ratio.after.tps.value if ratio.after.tps else None),
            text.ratio(ratio.ratio),
            text.ratio_interval(ratio.simultaneous),
            f"{ratio.before.usable}, {ratio.after.usable}",
            f"{ratio.before.bottleneck} → {ratio.after.bottleneck}",
        ]
        for ratio in one.ratios
    ]


def capacity_rows(one: Comparison) -> list[list[str]]:
    """A row for the capacity of each topology that both studies have."""
    return [
        [
            ratio.before.name,
            estimates.with_interval(ratio.before),
            estimates.with_interval(ratio.after),
            _ratio(ratio),
            text.ratio_interval(ratio.simultaneous),
            f"{len(ratio.before.by_block)}, {len(ratio.after.by_block)}",
            ratio.conclusion_text,
            ratio.obstacle.text if ratio.obstacle else text.NOTHING,
        ]
        for ratio in one.capacities
    ]


def _ratio(ratio: CapacityRatio) -> str:
    """The ratio of two capacities; of a bound "≥ 1.20×" or "≤ 0.80×"."""
    if ratio.simultaneous is None and ratio.bound is not None and ratio.ratio is not None:
        return f"{'≥' if ratio.bound is RatioBound.AT_LEAST else '≤'} {text.ratio(ratio.ratio.value)}"
    return text.ratio(ratio.ratio)


def capacity_table(one: Comparison) -> Table:
    """The same as a table."""
    return Table(columns=CAPACITIES, rows=capacity_rows(one))


def conclusions(one: Comparison) -> list[str]:
    """The conclusion for each cell; cells with the same conclusion share a line."""
    found: dict[str, list[str]] = {}
    for ratio in one.ratios:
        conclusion = ratio.conclusion_text + (f": {ratio.obstacle.text}" if ratio.obstacle else "")
        found.setdefault(conclusion, []).append(cell_name(ratio))
    return [f"{'; '.join(cells)}: {conclusion}" for conclusion, cells in found.items()]


def table(one: Comparison) -> Table:
    """A row for each cell that both studies have."""
    rows = [
        [
            cell_name(ratio),
            text.rate_interval(ratio.before.tps),
            text.rate_interval(ratio.after.tps),
            text.ratio(ratio.ratio),
            text.ratio_interval(ratio.ratio),
            text.ratio_interval(ratio.simultaneous),
            text.ratio_interval(ratio.corrected),
            f"{ratio.before.usable}, {ratio.after.usable}",
            f"{tr(ratio.before.bottleneck)} → {tr(ratio.after.bottleneck)}",
            ratio.conclusion_text,
            ratio.obstacle.text if ratio.obstacle else text.NOTHING,
        ]
        for ratio in one.ratios
    ]
    return Table(columns=COLUMNS, rows=rows)


def remarks(one: Comparison) -> list[str]:
    """The remarks before the figures: comparability, differences, and the machines' own speed."""
    found = [f"{one.before} → {one.after}"]
    if one.reasons:
        found += ["these studies are not comparable:", *(f"  {reason}" for reason in one.reasons)]
    found += [f"differs: {difference}" for difference in one.differences]
    found += [f"unknown: {unknown}" for unknown in one.unknown]
    return [*found, *one.only_one, one.machine_speed_text, one.recommendation]


def html(found: list[Comparison], language: Language = ENGLISH) -> str:
    """One page that needs no network, of comparisons whose texts are in the same language."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, finalize=unbroken
    )
    environment.globals.update(tr=tr)
    page = environment.get_template("comparison.html.j2")
    with use(language):
        sections = [{"one": one, "table": table(one), "capacities": capacity_table(one)} for one in found]
        whole = page.render(sections=sections, style=stylesheet(), language=language.code)
        if language is ENGLISH:
            return whole
        from report.output import hangul  # its library is large

        return page.render(sections=sections, style=hangul.faces(whole) + stylesheet(), language=language.code)

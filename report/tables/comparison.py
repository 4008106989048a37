"""A comparison of studies as lines, rows and one HTML page. Pure."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.study.compare import Comparison
from harness.summarise.comparison.studies import StudyRatio
from harness.words import load_name, servers
from report import format as text
from report.output.html import TEMPLATES, stylesheet, unbroken

COLUMNS = (
    "cell",
    "before",
    "after",
    "ratio",
    "95 % interval",
    "jointly",
    "machines’ change taken out",
    "k",
    "limited by",
    "what may be said",
)
SHORT = ("cell", "before", "after", "ratio", "jointly", "k", "limited by")  # for a terminal, with `sentences` below


def cell_name(ratio: StudyRatio) -> str:
    """The cell, as the report names it."""
    others = {name: level for name, level in ratio.cell.items() if name != "servers"}
    return f"{servers(int(ratio.cell['servers']))}, {load_name(others)}"


def word(ratio: StudyRatio) -> str:
    """What may be said of a cell, and why no more."""
    return ratio.conclusion_text + (f": {ratio.obstacle.text}" if ratio.obstacle else "")


def short_rows(one: Comparison) -> list[list[str]]:
    """The same without the intervals of single studies and without words."""
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


def sentences(one: Comparison) -> list[str]:
    """What may be said of each cell; cells of which the same is said stand together."""
    told: dict[str, list[str]] = {}
    for ratio in one.ratios:
        told.setdefault(word(ratio), []).append(cell_name(ratio))
    return [f"{'; '.join(cells)}: {said}" for said, cells in told.items()]


def rows(one: Comparison) -> list[list[str]]:
    """One row a cell that both have."""
    found = []
    for ratio in one.ratios:
        found.append(
            [
                cell_name(ratio),
                text.rate_interval(ratio.before.tps),
                text.rate_interval(ratio.after.tps),
                text.ratio(ratio.ratio),
                text.ratio_interval(ratio.ratio),
                text.ratio_interval(ratio.simultaneous),
                text.ratio_interval(ratio.corrected),
                f"{ratio.before.usable}, {ratio.after.usable}",
                f"{ratio.before.bottleneck} → {ratio.after.bottleneck}",
                word(ratio),
            ]
        )
    return found


def lines(one: Comparison) -> list[str]:
    """What is to be known before any figure."""
    told = [f"{one.before} → {one.after}"]
    if one.reasons:
        told += ["these should not be compared:", *(f"  {reason}" for reason in one.reasons)]
    told += [f"differs: {difference}" for difference in one.differences]
    told += [f"not known: {unknown}" for unknown in one.unknown]
    return [*told, *one.only_one, one.machine_speed_text, one.recommendation]


def html(found: list[Comparison]) -> str:
    """One offline page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, finalize=unbroken
    )
    page = environment.get_template("comparison.html.j2")
    sections = [{"one": one, "columns": COLUMNS, "rows": rows(one)} for one in found]
    return page.render(sections=sections, style=stylesheet())

"""A comparison of studies as lines, rows and one HTML page. Pure."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.study.compare import Comparison
from harness.words import load_name, servers
from report import format as text
from report.render import TEMPLATES, stylesheet

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


def rows(one: Comparison) -> list[list[str]]:
    """One row a cell that both have."""
    found = []
    for ratio in one.ratios:
        others = {name: level for name, level in ratio.cell.items() if name != "servers"}
        found.append(
            [
                f"{servers(int(ratio.cell['servers']))}, {load_name(others)}",
                text.rate_interval(ratio.before.tps),
                text.rate_interval(ratio.after.tps),
                text.ratio(ratio.ratio),
                text.ratio_interval(ratio.ratio),
                text.ratio_interval(ratio.jointly),
                text.ratio_interval(ratio.steady),
                f"{ratio.before.usable}, {ratio.after.usable}",
                f"{ratio.before.verdict} → {ratio.after.verdict}",
                ratio.word + (f": {ratio.why}" if ratio.why else ""),
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
    return [*told, *one.only_one, one.machines_said, one.properly]


def html(found: list[Comparison]) -> str:
    """One offline page."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    page = environment.get_template("comparison.html.j2")
    sections = [{"one": one, "columns": COLUMNS, "rows": rows(one)} for one in found]
    return page.render(sections=sections, style=stylesheet())

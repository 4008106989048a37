"""Data of the chart of capacities by number of servers. Pure."""

from __future__ import annotations

from harness.grid.load import RATE
from harness.language import messages, tr
from harness.summarise.capacity.capacity import Capacity
from harness.summarise.capacity.crossing import Bound
from harness.summarise.summary import Summary
from harness.words import load_name
from report import estimates
from report.charts.labels import Rows, spread
from report.elements import Chart

LABEL_HEIGHT = 0.1  # of the chart's height
TITLES = messages({"vusers": "users", "rate": "requests per second offered"})
ONLY = messages("capacity")  # the name of a single line


def chart(summary: Summary, *, paired: bool = False) -> Chart | None:
    """Capacities with intervals, linear speedup and values by formula; None below two estimates of one line.

    `paired`: the gains are drawn on its right.
    """
    exact = [(one, one.reference) for one in summary.capacities if _drawn(one)]
    lines = [line for line in dict.fromkeys(map(_line, (one for one, _ in exact))) if _several(line, exact)]
    rows: Rows = [
        {
            "line": _line(one),
            "servers": one.servers,
            "load": one.value,
            "low": one.low,
            "high": one.high,
            "shown": estimates.with_interval(one),
            "blocks": one.blocks,
        }
        for one, _ in exact
        if _line(one) in lines
    ]
    if not rows:
        return None
    known: Rows = [
        {"line": _line(one), "servers": one.servers, "load": reference}
        for one, reference in exact
        if reference is not None and _line(one) in lines
    ]
    ideals = [point for line in lines for point in _ideal([row for row in rows if row["line"] == line])]
    ends = [max((r for r in rows if r["line"] == line), key=lambda r: r["servers"]) for line in lines]
    labels = [
        {"servers": end["servers"], "load": end["load"], "line": end["line"], "label": end["line"]} for end in ends
    ]
    labels.append({**ideals[-1], "label": tr("linear"), "line": "ideal"})
    top = max(max(row["high"] or row["load"] for row in rows), *(point["load"] for point in ideals))
    heights = spread([label["load"] for label in labels], LABEL_HEIGHT * top)
    factor = exact[0][0].factor
    return Chart(
        "capacity_by_servers",
        {
            "rows": rows,
            "ideals": ideals,
            "known": known,
            "labels": [{**label, "at": at} for label, at in zip(labels, heights, strict=True)],
            "title": tr(TITLES[factor]),
            "paired": paired,
        },
        tr("Capacity by number of servers: ") + "; ".join(_text(one, ref) for one, ref in exact if _line(one) in lines),
        tr(
            "The largest rate with {grid}. Bars are 95 % intervals over blocks. Thin: linear speedup "
            "from the smallest topology."
            if factor == RATE
            else (
                "The largest number of users with {grid}. Bars are 95 % intervals over blocks. Thin: linear "
                "speedup from the smallest topology."
            ),
            grid=estimates.objectives(summary.grid),
        )
        + (tr(" Hollow: by formula, for paced servers.") if known else ""),
    )


def _drawn(one: Capacity) -> bool:
    return one.bound == Bound.EXACT and one.value is not None


def _line(one: Capacity) -> str:
    """The name of a line: the levels of the other factors."""
    return load_name(one.others) or tr(ONLY)


def _several(line: str, exact: list[tuple[Capacity, float | None]]) -> bool:
    return sum(_line(one) == line for one, _ in exact) > 1


def _ideal(rows: Rows) -> Rows:
    """Linear speedup from a line's smallest topology to its largest."""
    least, most = (edge(rows, key=lambda row: row["servers"]) for edge in (min, max))
    each = least["load"] / least["servers"]
    return [{"line": least["line"], "servers": row["servers"], "load": each * row["servers"]} for row in (least, most)]


def _text(one: Capacity, reference: float | None) -> str:
    known = "" if reference is None else tr(", by formula {reference}", reference=estimates.load(reference, one.factor))
    return f"{one.name} {estimates.with_interval(one)}{known}"

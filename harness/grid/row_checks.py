"""Check rows against the traffic that uses them: values of headers, and the number of rows that `once` needs. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness import words
from harness.grid import http, templates
from harness.grid.amount import Search
from harness.grid.load import RATE, VUSERS
from harness.grid.load_generators import BY_NAME
from harness.grid.schema import Grid
from harness.grid.templates import ROW, Path_
from harness.grid.traffic import SESSIONS
from harness.grid.traffic_checks import Sent

SHORTEST_WAIT = 0.5  # of a think time, as a share of its mean
SIGMAS = 5  # of a Poisson number of arrivals
_PICK: Path_ = ("traffic", "data", "pick")


@dataclass(frozen=True)
class Needed:
    """Rows that `pick: once` uses in the trial with the largest load: at least, and at most (may be infinite)."""

    least: int
    most: float
    load: str  # the largest load, as in "400 users"


def problems(grid: Grid, every: Iterable[Sent]) -> Iterator[tuple[Path_, str]]:
    """Yield (place, message) for rows that cannot be sent in a header, and for too few rows; nothing without rows."""
    if grid.dataset is None or not grid.dataset.rows:
        return
    for each in every:
        for name, text in each.request.headers.items():
            where = (*each.at, "headers", name)
            if words := _in_header(grid, text):
                yield where, f"{'.'.join(map(str, where))}: {words}"
    yield from _too_few(grid)


def needed(grid: Grid) -> Needed | None:
    """Return the rows that `pick: once` needs; None for another choice of rows."""
    data = grid.traffic.data if grid.traffic is not None else None
    if data is None or data.kind != "once":
        return None
    largest = _largest(grid)
    if not grid.is_open:
        users, shown = int(largest), f"{largest:,.0f} users"
        return Needed(users, users if data.per == "user" else users * _transactions(grid), shown)
    shown = f"{words.grouped(largest)} arrivals per second"
    if data.per == "user" and grid.login is not None:
        sessions = grid.login.sessions or SESSIONS
        return Needed(sessions, sessions, shown)
    arrivals = grid.scaled_per_s(largest) * (grid.load.duration - grid.load.ramp_up / 2)
    margin = SIGMAS * math.sqrt(arrivals) if grid.load.process == "poisson" else 1
    return Needed(math.floor(max(0.0, arrivals - margin)), math.ceil(arrivals + margin), shown)


def sentences(grid: Grid) -> list[str]:
    """Return the forecast of `pick: once`: whether the rows suffice; empty for another choice."""
    found, dataset = needed(grid), grid.dataset
    if found is None or dataset is None:
        return []
    rows, uses = len(dataset.rows), f"pick: once uses {_count(found.most)} rows in a trial of {found.load}"
    if found.most <= rows:
        return [f"{uses}, and there are {rows:,}"]
    return [f"{uses}, and there are {rows:,}: if they run out, the trial is invalid"]


def _count(most: float) -> str:
    return f"at most {most:,.0f}" if math.isfinite(most) else "any number of"


def _largest(grid: Grid) -> float:
    """The largest load of a trial: users, or requests per second; of a search the largest one that it may use."""
    factor = RATE if grid.is_open else VUSERS
    levels = grid.factors[factor]
    if isinstance(levels, Search):
        return float(levels.most)
    return max(float(level) for level in (*levels, *(cell[factor] for cell in grid.include if factor in cell)))


def _transactions(grid: Grid) -> float:
    """The most transactions of one user: it waits half of all mean waits at least, and its responses take no time."""
    shortest_s = SHORTEST_WAIT * grid.cycle_think_s
    return math.floor(grid.load.duration / shortest_s) + 1 if shortest_s else math.inf


def _too_few(grid: Grid) -> Iterator[tuple[Path_, str]]:
    found, dataset = needed(grid), grid.dataset
    rows = len(dataset.rows) if dataset else 0
    if found is None:
        return
    if found.least > rows:
        words = f"once: got {rows:,} rows for {found.load}, which use at least {found.least:,}"
    elif found.most > rows and not BY_NAME[grid.load_generator].counts_kinds:
        shown = BY_NAME[grid.load_generator].shown
        words = (
            f"once: got {rows:,} rows for {found.load}, which use {_count(found.most)}. {shown} does not report rows "
            "that run out"
        )
    else:
        return
    yield _PICK, f"traffic.data.pick: {words}. Fix: use more rows, a shorter duration, or cycle"


def _in_header(grid: Grid, text: str) -> str:
    """Return which row cannot be in a header, without its value; empty if all of them can."""
    used = [name for name in dict.fromkeys(templates.names(text)) if name.startswith(ROW)]
    dataset = grid.dataset
    if not used or dataset is None or any(name.removeprefix(ROW) not in dataset.columns for name in used):
        return ""
    wrong = [number for number, row in enumerate(dataset.rows) if _is_wrong(text, row)]
    if not wrong:
        return ""
    columns = ", ".join(f"${{{name}}}" for name in used)
    more = f", as in {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
    return (
        f"{dataset.place(wrong[0])}: the row's {columns} cannot be sent in a header{more}. Allowed: one line of "
        "Latin-1 characters without blanks at its ends. Fix: change the row, or send it in params or a body"
    )


def _is_wrong(text: str, row: Mapping[str, Any]) -> bool:
    values = dict.fromkeys(templates.names(text), "x")
    values |= {f"{ROW}{column}": _plain(value) for column, value in row.items()}
    return bool(http.wrong_value(templates.with_values(text, values)))


def _plain(value: Any) -> str:
    """A value as the load generator writes it into a text."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

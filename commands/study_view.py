"""Draw a running study for a terminal of any size: a table of its cells, the running trial, and the time left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from commands.running_study import CellProgress, RunningStudy, RunningTrial, outcomes
from harness.records.trial import TrialRecord
from harness.records.trial_path import TrialPath
from harness.words import visible

BARS = "▁▂▃▄▅▆▇█"
# Colours with a contrast of at least 3.9 on black and on white.
GOOD, CAVEAT, BAD = "color(28)", "color(130)", "color(160)"
STYLE = {"ok": GOOD, "warning": CAVEAT, "invalid": BAD, "server_down": BAD, "failed": BAD}
SYMBOL = {"ok": "●", "warning": "!", "invalid": "✗", "server_down": "✗", "failed": "✗"}
PLANNED, RUNNING = "·", "▸"
MOST_SYMBOLS = 10  # trials of a cell that are shown one by one
LEAST_NAME = 20  # columns for a cell's name; further columns are left out before it gets narrower
AROUND = 6  # lines of the screen that are no row of the table
GAP = 2


def sparkline(values: Sequence[float]) -> str:
    """Draw values as a row of bars from 0 to the maximum."""
    top = max(values, default=0) or 1
    return "".join(BARS[min(len(BARS) - 1, int(v / top * (len(BARS) - 1) + 0.5))] for v in values)


def duration(seconds: float) -> str:
    """Format a duration in minutes and seconds."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def time_left(study: RunningStudy) -> str:
    """Format the time left, as in "about 7 min left"; "at least" where results may add trials."""
    seconds = study.left_s
    shown = f"{seconds / 60:.0f} min" if seconds >= 120 else f"{max(10, round(seconds / 10) * 10)} s"
    return f"{'at least' if study.may_grow else 'about'} {shown} left"


def one_line(text: str) -> str:
    """Return a text without line breaks, whose control characters are visible."""
    return visible(" ".join(text.split()))


def shortened(text: str, width: int) -> str:
    """Return a text of at most `width` columns, whose middle is left out if it is longer."""
    shown = one_line(text)
    if cell_len(shown) <= width:
        return shown
    head = max(0, width - 1) // 2
    tail = max(0, width - 1 - head)
    end = shown
    while cell_len(end) > tail:
        end = end[1:]
    return f"{set_cell_size(shown, head).rstrip()}…{end}" if width > 0 else ""


def view(study: RunningStudy, width: int, height: int, note: str = "") -> RenderableType:
    """Draw a study in at most `width` columns and `height` lines; `note` is a last line."""
    rows = max(1, height - AROUND)
    shown = rows_of(study, rows)
    parts: list[RenderableType] = [_head(study, width), _table(study, shown, width)]
    if len(shown) < len(study.cells):
        parts.append(_rest(study, len(shown), width))
    if study.trial is not None:
        parts.append(_load(study.trial, width))
    elif study.activity:
        parts.append(_line(f"{RUNNING} {study.activity}  {duration(study.activity_s)}", width))
    if note:
        parts.append(_line(note, width, CAVEAT))
    return Group(*parts)


def rows_of(study: RunningStudy, most: int) -> list[CellProgress]:
    """Return the cells of the table: all if they fit, else the running one, the last measured ones, then the next."""
    cells = study.cells
    if len(cells) <= most:
        return list(cells.values())
    running = [TrialPath.parse(study.trial.path).cell] if study.trial else []
    last = [name for name in reversed(study.recent) if name not in running]
    following = (name for name, cell in cells.items() if name not in study.recent and name not in running)
    names = [*running, *islice(last, max(0, most - len(running)))]
    names += islice(following, max(0, most - len(names)))
    chosen = set(names[:most])
    return [cell for name, cell in cells.items() if name in chosen]


def _head(study: RunningStudy, width: int) -> Text:
    number = f"{min(study.measured + (study.trial is not None), study.planned)}/{study.planned}"
    facts = f"  {number} trials measured" if study.is_over else f"  trial {number}  {time_left(study)}"
    name = shortened(study.name, max(8, width - cell_len(facts)))
    head = Text(no_wrap=True).append(name, style="bold").append(facts)
    head.truncate(width, overflow="ellipsis")
    return head


def _line(text: str, width: int, style: str = "") -> Text:
    line = Text(visible(text.replace("\n", " ").replace("\t", " ")), style=style, no_wrap=True)
    line.truncate(width, overflow="ellipsis")
    return line


def _table(study: RunningStudy, cells: Sequence[CellProgress], width: int) -> Table:
    columns = [("trials", _trials_width(study)), ("req/s", 9), ("bottleneck", 10), ("findings", 11)]
    while len(columns) > 1 and width - sum(size + GAP for _, size in columns) < LEAST_NAME:
        columns.pop()
    room = max(4, width - sum(size + GAP for _, size in columns))
    title, names = _names(cells, room)
    name_width = max(map(cell_len, (title, *names)))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    table.add_column(title, width=name_width, no_wrap=True)
    for name, size in columns:
        table.add_column(
            name, width=size, no_wrap=True, overflow="ellipsis", justify="right" if name == "req/s" else "left"
        )
    running = study.trial.path if study.trial else ""
    for name, cell in zip(names, cells, strict=True):
        rate = cell.throughput_per_s
        fields = {
            "trials": _trials(cell, running),
            "req/s": Text("" if rate is None else f"{rate:,.1f}"),
            "bottleneck": Text(cell.bottleneck),
            "findings": Text(" ".join(cell.rules), style=CAVEAT),
        }
        style = "bold" if running in cell.trials else ""
        table.add_row(Text(name, style=style), *(fields[column] for column, _ in columns))
    return table


def _names(cells: Sequence[CellProgress], width: int) -> tuple[str, list[str]]:
    """Return the title of the first column and the cells' names: with long names the levels alone, each shortened."""
    names = [one_line(cell.name) for cell in cells]
    if all(cell_len(name) <= width for name in names) or not all(cell.levels for cell in cells):
        return "cell", [shortened(name, width) for name in names]
    title = shortened(", ".join(cells[0].levels), width)
    return title, [levels_within([str(level) for level in cell.levels.values()], width) for cell in cells]


def levels_within(levels: Sequence[str], width: int) -> str:
    """Join levels in at most `width` columns: the long ones share the columns that the short ones leave."""
    shown = [one_line(level) for level in levels]
    left, sizes = width - 2 * (len(shown) - 1), {}
    for count, number in enumerate(sorted(range(len(shown)), key=lambda each: cell_len(shown[each]))):
        sizes[number] = min(cell_len(shown[number]), max(1, left // (len(shown) - count)))
        left -= sizes[number]
    return shortened(", ".join(shortened(level, sizes[number]) for number, level in enumerate(shown)), width)


def _trials_width(study: RunningStudy) -> int:
    most = max((len(cell.trials) for cell in study.cells.values()), default=0)
    return max(6, most if most <= MOST_SYMBOLS else 12)


def _trials(cell: CellProgress, running: str) -> Text:
    """The trials of a cell: a symbol for each, or numbers if there are many."""
    shown = Text()
    if len(cell.trials) <= MOST_SYMBOLS:
        for path, record in cell.trials.items():
            shown.append(RUNNING if path == running else _symbol(record), style=_style(record))
        return shown
    shown.append(f"{len(cell.measured)}/{len(cell.trials)}")
    for outcome, count in outcomes(cell.measured).items():
        if outcome != "ok":
            shown.append(f" {count}{SYMBOL[outcome]}", style=STYLE[outcome])
    return shown


def _symbol(record: TrialRecord | None) -> str:
    return PLANNED if record is None else SYMBOL.get(record.outcome, "✗")


def _style(record: TrialRecord | None) -> str:
    return "" if record is None else STYLE.get(record.outcome, BAD)


def _rest(study: RunningStudy, shown: int, width: int) -> Text:
    """Summarise the cells that have no row, and the trials of all cells."""
    measured = [record for cell in study.cells.values() for record in cell.measured]
    counts = [f"{count} {name.replace('_', ' ')}" for name, count in outcomes(measured).items()]
    complete = sum(len(cell.measured) == len(cell.trials) for cell in study.cells.values())
    text = f"{len(study.cells) - shown} more of {len(study.cells)} cells, {complete} complete"
    return _line(f"{text}; trials: {', '.join(counts) or 'none yet'}", width)


def _load(trial: RunningTrial, width: int) -> Text:
    """The running trial: its second, throughput, failures, and the throughput of each second as bars."""
    rate = f"{trial.completed[-1]:,.0f} req/s" if trial.completed else "starting"
    failed = f", {trial.failed:,} failed" if trial.failed else ""
    facts = f"  {len(trial.completed)}/{trial.duration_s:.0f} s  {rate}{failed}  "
    bars = min(len(trial.completed), max(8, width // 4))
    name = shortened(trial.path, max(8, width - cell_len(facts) - bars - len(RUNNING) - 1))
    line = _line(f"{RUNNING} {name}{facts}", width)
    left = width - line.cell_len
    return line.append(sparkline(trial.completed[-left:]) if left > 0 else "", style=GOOD)

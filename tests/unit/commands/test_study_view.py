"""The live view of a study, on terminals of any size."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from commands import run as command
from commands.console import Console as CommandConsole
from commands.running_study import RunningStudy
from commands.screen import ENDING, Screen
from commands.study_view import levels_within, shortened, sparkline, time_left, view
from harness.errors import Interrupted
from harness.grid.cell import Cell
from harness.plan.order import PlannedTrial
from harness.records.findings import Finding, Severity
from harness.records.trial import TrialRecord
from harness.study.events import SampleTaken, Step, StudyStarted, TrialEnded, TrialStarted
from harness.words import HIDDEN
from tests.builders import record, samples
from tests.study_stubs import FakeSite

HOSTILE = ["[red]x[/]", "\x1b[31mred\x07", "另一個很長的級別名稱" * 4, "a" * 150]


def study(servers: int, levels: Sequence[str] = (), repeats: int = 2, measured: int = 1) -> RunningStudy:
    """Return a study of cells with these levels of another factor, some of them measured, one running."""
    found = RunningStudy(clock=lambda: 0.0)
    cells = [
        Cell((("servers", n), ("vusers", 1000), *((("note", level),) if level else ())))
        for n in range(1, servers + 1)
        for level in levels or ("",)
    ]
    planned = [PlannedTrial(cell, repeat) for cell in cells for repeat in range(1, repeats + 1)]
    found.plan(planned, {}, may_grow=False)
    found.follow(StudyStarted(name="a study", directory="r", planned=len(planned), remaining=1, estimate_s=400.0))
    finding = Finding(rule="E8", severity=Severity.WARNING, cause="failed")
    for number, cell in enumerate(cells[:measured]):
        ok = record(cell.servers, 1000, 1, 140.0 * cell.servers).model_copy(update={"cell": cell.by_name})
        ok = ok.model_copy(update={"findings": (finding,)}) if number % 3 == 1 else ok
        found.follow(TrialEnded(PlannedTrial(cell, 1).path, ok, (), 400.0))
    running = PlannedTrial(cells[measured], 1).path
    found.follow(TrialStarted(trial=running, position=2, planned=len(planned), duration_s=18.0, window_from_s=7.0))
    for _ in range(11):
        found.follow(SampleTaken(samples(280, 1000)[0]))
    return found


def drawn(running: RunningStudy, width: int, height: int) -> list[str]:
    """Return the lines of a view as they are on a terminal."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, emoji=False)
    with console.capture() as captured:
        console.print(view(running, width, height, ENDING), soft_wrap=True)
    return [Text.from_ansi(line).plain for line in captured.get().splitlines()]


def test_the_table_has_every_cell_with_its_trials_throughput_bottleneck_and_findings() -> None:
    assert [line.rstrip() for line in drawn(study(4, measured=2), 80, 24)] == [
        "a study  trial 3/8  about 7 min left",
        "cell                   trials      req/s  bottleneck  findings",
        "servers-1_vusers-1000  ●·          140.0  server",
        "servers-2_vusers-1000  ●·          280.0  server      E8",
        "servers-3_vusers-1000  ▸·",
        "servers-4_vusers-1000  ··",
        "▸ servers-3_vusers-1000/r1  11/18 s  280 req/s  ███████████",
        ENDING,
    ]


@pytest.mark.parametrize(("width", "height"), [(20, 8), (40, 12), (80, 24), (140, 50), (300, 100)])
@pytest.mark.parametrize("levels", [(), *([each] for each in HOSTILE), HOSTILE])
def test_no_view_is_larger_than_its_terminal(width: int, height: int, levels: Sequence[str]) -> None:
    for cells, repeats in ((2, 5), (200, 2), (200, 12)):
        lines = drawn(study(cells, levels, repeats), width, height)
        assert len(lines) < height
        assert max(map(cell_len, lines)) <= width
        assert not HIDDEN.search("".join(lines))


def test_of_many_cells_the_running_one_the_last_ones_and_a_summary_are_shown() -> None:
    lines = drawn(study(200, measured=120), 80, 24)
    names = [line.split("_")[0] for line in lines if "_vusers-1000  " in line and not line.startswith("▸")]
    assert names == [f"servers-{n}" for n in range(104, 122)]
    assert "182 more of 200 cells, 0 complete; trials: 120 ok" in lines


def test_trials_are_counted_where_they_are_many() -> None:
    assert "1/30" in drawn(study(2, repeats=30), 80, 24)[2]


def test_long_names_differ_after_they_are_shortened() -> None:
    lines = drawn(study(4, ["a-very-long-value-of-a-very-long-factor" * 3]), 80, 24)[2:6]
    assert len({line[:40] for line in lines}) == 4
    assert levels_within(["2", "1000", "x" * 60], 30) == "2, 1000, xxxxxxxxxx…xxxxxxxxxx"


def test_a_text_is_shortened_in_its_middle_by_columns() -> None:
    assert shortened("servers-1_vusers-1000", 11) == "serve…-1000"
    assert cell_len(shortened("級別名稱" * 9, 11)) <= 11
    assert shortened("abc", 0) == ""


def test_a_study_whose_results_add_trials_has_a_least_time() -> None:
    running = study(2)
    assert time_left(running) == "about 7 min left"
    running.may_grow = True
    assert time_left(running) == "at least 7 min left"


def test_the_time_left_passes_between_two_trials() -> None:
    now = [0.0]
    running = RunningStudy(clock=lambda: now[0])
    running.follow(StudyStarted(name="s", directory="r", planned=1, remaining=1, estimate_s=400.0))
    now[0] = 340.0
    assert time_left(running) == "about 60 s left"


def test_a_sparkline_spans_from_zero_to_the_maximum() -> None:
    assert sparkline([0, 50, 100]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"


def terminal(width: int, height: int) -> tuple[Console, io.StringIO]:
    """Return a terminal in memory, and what is written to it."""
    written = io.StringIO()
    return Console(file=written, width=width, height=height, force_terminal=True, emoji=False), written


def test_lines_stay_above_the_view_and_are_printed_again_after_a_resize() -> None:
    console, written = terminal(80, 24)
    screen = Screen(console, study(3))
    screen.start()
    screen.print(Text("a finding"))
    assert written.getvalue().count("a finding") == 1
    before = len(written.getvalue())
    console.size = (60, 20)
    screen.refresh()
    after = written.getvalue()[before:]
    assert "\x1b[2J" in after
    assert "a finding" in after.split("\x1b[2J")[1]
    screen.follow(Step("starting server-1 again"))
    screen.stop()
    assert "1/6 trials measured" in written.getvalue()
    assert written.getvalue().endswith("\x1b[?25h")  # the cursor is shown again


class Announced(CommandConsole):
    """Console that keeps the announced plan."""

    def plan(self, planned: Iterable[PlannedTrial], records: Mapping[str, TrialRecord], may_grow: bool) -> None:
        self.study = RunningStudy(clock=lambda: 0.0)
        self.study.plan(planned, records, may_grow)


def test_a_resumed_study_shows_the_trials_that_are_measured_in_the_order_of_the_grid(tmp_path: Path) -> None:
    site = FakeSite(2)
    keys = {"factors": {"servers": [1, 2], "vusers": [400, 2000]}, "repeats": 2}
    site.happens(3, 5, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path, **keys).run()
    shown = Announced()
    command.announce(shown, site.config(tmp_path, **keys))
    assert list(shown.study.cells) == [f"servers-{n}_vusers-{users}" for n in (1, 2) for users in (400, 2000)]
    assert shown.study.measured == len(list(tmp_path.glob("*/trials/*/*/trial.json"))) > 0
    assert not shown.study.may_grow
    command.announce(shown, site.config(tmp_path, **{**keys, "repeats": {"min": 3, "max": 9, "until": "5%"}}))
    assert shown.study.may_grow

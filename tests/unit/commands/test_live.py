"""The page of a running study is rendered once. Updates are written when they disturb no measurement."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from commands.live import Live
from harness.records.directory import StudyDirectory
from harness.records.series import Sample
from harness.study.events import Event, SampleTaken, StudyStarted, TrialEnded, TrialStarted
from report.live import Writer
from report.output import live_data
from tests.builders import grid, record, study

RATES: dict[tuple[int, int], list[float | None]] = {(1, 100): [90.0, 91.0, 89.0], (2, 100): [170.0, 171.0, 169.0]}
WINDOW_S = 3.0


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 150  # below the time limit of a test, whose message would not name the condition
    while not true():
        assert time.monotonic() < deadline, f"not within 150 s: {what}"
        time.sleep(0.02)


def second(t_s: int) -> SampleTaken:
    return SampleTaken(
        Sample(
            t_s=t_s,
            completed=90,
            failed=0,
            users=100.0,
            in_flight=1.0,
            mean_ms=10.0,
            think_s=90.0,
            thinks=90,
            busiest_cpu_s=0.1,
            lag_ms=1.0,
        )
    )


def state(directory: Path) -> str:
    """Return the kernel's state of the process that writes the page: T is stopped, empty is ended."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"commands.live\0{directory}\0".encode() in (process / "cmdline").read_bytes():
                return (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:  # it has just ended
            continue
    return ""


@pytest.fixture
def half(tmp_path: Path) -> tuple[StudyDirectory, Callable[[], None]]:
    """Return a study with one unmeasured cell, and a function that adds its trials."""
    directory = study(StudyDirectory(tmp_path / "study-0123abcd"), RATES)
    last = directory.path / "trials" / "servers-2_vusers-100"
    shutil.move(last, tmp_path / "aside")

    def measure() -> None:
        shutil.move(tmp_path / "aside", last)

    return directory, measure


def config(directory: StudyDirectory) -> Any:
    return SimpleNamespace(
        directory=directory,
        grid=grid(factors={"servers": [1, 2], "vusers": [100]}),
        inventory=SimpleNamespace(kind="lab"),
    )


def test_the_writer_runs_during_the_ramp_up_and_is_stopped_otherwise(
    half: tuple[StudyDirectory, Callable[[], None]],
) -> None:
    directory, measure = half
    shown: list[Event] = []
    started = TrialStarted(
        trial="servers-2_vusers-100/r1", position=4, planned=6, duration_s=12.0, window_from_s=WINDOW_S
    )
    begun = StudyStarted(name="study", directory=str(directory.path), planned=6, remaining=3, estimate_s=60.0)
    ended = TrialEnded("servers-2_vusers-100/r1", record(2, 100, 1, 170.0), (), 0.0)
    path, news = directory.path, directory.path / live_data.FILE
    with Live(config(directory), cast("Any", shown.append)) as live:
        live(begun)
        until((path / "report.html").exists, "the page")
        page, first = (path / "report.html").read_bytes(), news.read_bytes()
        live(started)
        live(second(0))
        assert state(path) != "T"
        live(second(1))
        until(lambda: state(path) == "T", "held two seconds before the window")
        measure()
        live(ended)
        time.sleep(0.3)
        assert state(path) == "T"
        assert news.read_bytes() == first
        live(started)
        until(lambda: news.read_bytes() != first, "the news")
        assert (path / "report.html").read_bytes() == page
    assert state(path) == ""
    assert news.read_bytes() == b'live("over");\n'
    assert shown[0] == begun


def test_a_study_without_remaining_trials_writes_no_live_data(tmp_path: Path) -> None:
    with Live(config(StudyDirectory(tmp_path)), cast("Any", lambda _: None)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_page_costs_no_more_cpu_time_than_its_budget(
    half: tuple[StudyDirectory, Callable[[], None]],
) -> None:
    """An update that costs more than one trial's budget waits for several trials."""
    directory, _ = half
    budget_s, trials = 0.02, 20
    writer = Writer(directory, budget_s)
    writer.begin()
    file, written = directory.path / live_data.FILE, 0
    began, most = time.process_time(), 0.0
    for _ in range(trials):
        before, at = file.stat().st_ino, time.process_time()
        writer.trials_recorded(1)
        written += file.stat().st_ino != before
        most = max(most, time.process_time() - at)
    assert written > 0
    assert time.process_time() - began <= trials * budget_s + most + 0.1

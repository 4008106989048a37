"""`study.py` without a command: run a study."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import options
from harness import secrecy
from harness.errors import Interrupted
from harness.records.files import writing
from harness.words import visible

# Modules that import slowly are imported by the function that uses them, so that --help is fast.
if TYPE_CHECKING:
    from commands.console import Console
    from commands.interrupts import Interrupts
    from harness.study.config import StudyConfig

MAX_CHANGES = 12


def run(
    context: typer.Context,
    grid: options.Grid = options.GRID,
    other_inventory: options.Inventory = None,
    results: options.Results = options.RESULTS,
    as_json: options.JsonEvents = False,
    quick: options.Quick = False,
    language: options.Language = options.LanguageCode.EN,
) -> None:
    """Deploy a grid's topologies, measure every cell under load, and render the report.

    The same command resumes an interrupted study. Results are in `results/<name>-<hash>/`. A changed grid, role
    variable or image starts a new directory. With `--quick` a study is indicative: the first two topologies at the
    largest load, in three short blocks.

    Example: `study.py --grid grids/smoke.yaml`

    Exit codes: 0 success, 1 an objective is not met, 2 invalid input, 3 some cells could not be measured, 4 this
    machine cannot run the study, 70 unexpected error (its traceback is in a file), 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    from commands.console import Console
    from harness.study.config import resolve

    console = Console(as_json)
    config = resolve(options.ROOT, results, grid, other_inventory, console.warn, options.derived(quick))
    interrupted = carry_out(console, config, language)
    from commands.closing import print_summary  # imports numpy and scipy

    raise typer.Exit(print_summary(console, config, interrupted))


def carry_out(console: Console, config: StudyConfig, language: options.LanguageCode = options.LanguageCode.EN) -> bool:
    """Measure the remaining trials of a study and render its report; return whether the user interrupted it."""
    from commands.interrupts import Interrupts

    report_changes(console, config)
    if config.grid.quick:
        from report.sentences.answer import INDICATIVE  # imports numpy

        console.print(INDICATIVE)
    interrupts = Interrupts(console.on_interrupt)
    interrupted = False
    try:
        measured = measure(console, config, interrupts, language)
    except Interrupted:
        interrupted, measured = True, 1
    finally:
        console.finish()
    if measured or not (config.directory.path / "report.pdf").exists():
        render(console, config.directory.path, language)
    return interrupted


def measure(console: Console, config: StudyConfig, interrupts: Interrupts, language: options.LanguageCode) -> int:
    """Measure the remaining trials; return how many were measured."""
    if not config.remaining_trials():
        console.print(f"all {len(config.planned_trials())} trials are measured; nothing to do")
        return 0
    announce(console, config)
    from commands.first_gain import FirstGain
    from commands.live import Live
    from harness.deploy import host_locks, readiness
    from harness.study import runner

    with host_locks.held(config.inventory, f"the study {config.directory.path}", options.ROOT):
        readiness.prepare(options.ROOT, console.print)
        log_to(config.directory.path / "log" / "study.log")
        with Live(config, console, language) as live:
            listener = FirstGain(config, live, console.print)
            return runner.Study(options.ROOT, config, listener, lambda: interrupts.requested).run()


def announce(console: Console, config: StudyConfig) -> None:
    """Pass the planned trials to the console, in the order of the grid's cells, with the records of measured ones."""
    from harness.grid.cells import SearchedCells

    place = {cell: number for number, cell in enumerate(config.grid.cells.known)}
    planned = sorted(config.planned_trials(), key=lambda each: place.get(each.cell, len(place)))
    remaining = {each.path for each in config.remaining_trials()}
    records = {path: record for path, record in config.directory.trials().items() if path not in remaining}
    may_grow = not config.grid.repeats.fixed or isinstance(config.grid.cells, SearchedCells)
    console.plan(planned, records, may_grow)


def report_changes(console: Console, config: StudyConfig) -> None:
    """Print what changed when this configuration starts a new study."""
    from harness.study.config import what_changed

    found = what_changed(config)
    if found is None:
        return
    older, changes = found
    console.print(f"this is a new study: its configuration differs from {older}")
    for change in changes[:MAX_CHANGES]:
        console.print(f"  {change}")
    if len(changes) > MAX_CHANGES:
        console.print(f"  and {len(changes) - MAX_CHANGES} more")


class Plain(logging.Formatter):
    """Formatter that escapes invisible characters and removes known secrets, for a log that others may read."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        return visible(secrecy.scrub(super().format(record)))


def log_to(path: Path) -> None:
    """Write the study's log to a file."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(Plain("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("harness").addHandler(handler)
    logging.getLogger("harness").setLevel(logging.INFO)


def render(console: Console, directory: Path, language: options.LanguageCode) -> None:
    """Render the report in a separate process, which frees its memory at the end."""
    done = subprocess.run(
        [
            *(sys.executable, str(options.ROOT / "study.py"), "report", str(directory), "--quiet"),
            *("--language", language.value),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SCALE_OUT_ENTERED": "1"},
        start_new_session=True,  # signals of the terminal only reach the study
    )
    if done.returncode:
        console.warn(f"the report could not be rendered:\n{done.stderr.strip()[-2000:]}")
    elif notes := done.stderr.strip():
        console.relay(notes[-2000:])

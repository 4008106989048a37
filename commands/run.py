"""The study itself: deploy, load, measure and report every cell of a grid."""

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

# What takes a tenth of a second to load is loaded by the function that uses it: help does without.
if TYPE_CHECKING:
    from commands.console import Console
    from commands.interrupts import Interrupts
    from harness.study.config import Setting

SHOWN_CHANGES = 12


def run(
    context: typer.Context,
    grid: options.Grid = options.GRID,
    other_inventory: options.Inventory = None,
    results: options.Results = options.RESULTS,
    as_json: options.Json = False,
) -> None:
    """Deploy, load and measure every cell of a grid, and render the report.

    The same command goes on where an interrupted study was. Results lie in `results/<name>-<hash>/`;
    a changed grid, role variable or image starts a new directory.

    Exit codes: 0 done, 1 an objective is not met, 2 bad input, 3 done with cells that could not be
    measured, 4 cannot run here, 70 unexpected error (its traceback is in a file), 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    from commands.console import Console
    from commands.interrupts import Interrupts
    from harness.study.config import resolve

    console = Console(as_json)
    setting = resolve(options.ROOT, results, grid, other_inventory, console.warn)
    tell_change(console, setting)
    interrupts = Interrupts()
    interrupted = False
    try:
        measured = measure(console, setting, interrupts)
    except Interrupted:
        interrupted, measured = True, 1
    finally:
        console.finish()
    if measured or not (setting.directory.path / "report.pdf").exists():
        render(console, setting.directory.path)
    from commands.closing import closing  # numpy and scipy take long to load

    raise typer.Exit(closing(console, setting, interrupted))


def measure(console: Console, setting: Setting, interrupts: Interrupts) -> int:
    """Measure what is missing; returns the number of trials measured."""
    if not setting.left:
        console.say(f"all {len(setting.planned)} trials are measured; nothing to do")
        return 0
    from commands.live import Live
    from harness.deploy import host_locks, readiness
    from harness.study import runner

    with host_locks.held(setting.inventory, f"the study {setting.directory.path}", options.ROOT):
        readiness.prepare(options.ROOT, console.say)
        log_to(setting.directory.path / "log" / "study.log")
        with Live(setting, console) as live:
            return runner.Study(options.ROOT, setting, live, lambda: interrupts.asked).run()


def tell_change(console: Console, setting: Setting) -> None:
    """Say what changed when this configuration starts a new directory beside an older one."""
    from harness.study.config import what_changed

    found = what_changed(setting)
    if found is None:
        return
    older, changes = found
    console.say(f"the configuration differs from {older}, so this is a new study:")
    for change in changes[:SHOWN_CHANGES]:
        console.say(f"  {change}")
    if len(changes) > SHOWN_CHANGES:
        console.say(f"  and {len(changes) - SHOWN_CHANGES} more")


class Plain(logging.Formatter):
    """Lines of a log that others may read: nothing is hidden in a terminal, and no known secret is in them."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return visible(secrecy.scrub(super().format(record)))


def log_to(path: Path) -> None:
    """Keep the study's log in its directory."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(Plain("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("harness").addHandler(handler)
    logging.getLogger("harness").setLevel(logging.INFO)


def render(console: Console, directory: Path) -> None:
    """Render in a process of its own: drawing needs more memory than measuring should."""
    done = subprocess.run(
        [sys.executable, str(options.ROOT / "study.py"), "report", str(directory), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SCALE_OUT_ENTERED": "1"},
        start_new_session=True,  # a terminal that closes, and a second Ctrl-C, are the study's
    )
    if done.returncode:
        console.warn(f"the report could not be rendered:\n{done.stderr.strip()[-2000:]}")
    elif noted := done.stderr.strip():
        console.warn(noted.removeprefix("note: ")[-2000:])

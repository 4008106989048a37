#!/usr/bin/env python3
"""If I add servers behind my load balancer, how much more throughput do I really get?

`python study.py --grid grid.yaml` deploys, loads and measures every cell of the grid and renders
report.pdf and report.html. The first start installs what it needs.
"""

import sys
from pathlib import Path

from harness import bootstrap

ROOT = Path(__file__).resolve().parent
if __name__ == "__main__":
    bootstrap.enter(ROOT, Path(__file__).resolve())  # before anything that is not in a bare Python

import itertools  # noqa: E402 - as all below: the environment comes first
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from typing import TYPE_CHECKING, Annotated  # noqa: E402

import typer  # noqa: E402

from commands import directory, machine  # noqa: E402
from harness import errors  # noqa: E402
from harness.errors import Interrupted, StudyError  # noqa: E402

# What takes a tenth of a second to load is loaded by the command that uses it: help does without.
if TYPE_CHECKING:
    from harness.console import Console
    from harness.study.setup import Setting
    from harness.summarise.gains import Gain

SHOWN_CHANGES = 12
app = typer.Typer(
    add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
GridOption = Annotated[Path, typer.Option("--grid", help="The study's grid, a YAML file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
ResultsOption = Annotated[Path, typer.Option("--results", help="Where studies keep their directories.")]
InventoryOption = Annotated[
    str | None, typer.Option("--inventory", help="Another inventory than the grid's, e.g. inventory/lab.")
]


class Interrupts:
    """First Ctrl-C: end cleanly. Second: stop at once."""

    def __init__(self, console: "Console") -> None:
        self.asked = False
        self._console = console
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        if self.asked:
            os._exit(Interrupted.exit_code)
        self.asked = True
        self._console.warn("ending the running trial; press Ctrl-C again to stop at once")


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    grid: GridOption = Path("grid.yaml"),
    other_inventory: InventoryOption = None,
    results: ResultsOption = ROOT / "results",
    as_json: JsonOption = False,
) -> None:
    """Deploy, load and measure every cell of a grid, and render the report.

    The same command goes on where an interrupted study was. Results lie in `results/<name>-<hash>/`;
    a changed grid, role variable or image starts a new directory.

    Exit codes: 0 done, 1 an objective is not met, 2 bad input, 3 done with cells that could not be
    measured, 4 cannot run here, 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    from harness.console import Console
    from harness.study.setup import resolve

    console = Console(as_json)
    setting = resolve(ROOT, results, grid, other_inventory)
    tell_change(console, setting)
    interrupts = Interrupts(console)
    interrupted = False
    try:
        measured = measure(console, setting, interrupts)
    except Interrupted:
        interrupted, measured = True, 1
    finally:
        console.finish()
    if measured or not (setting.directory.path / "report.pdf").exists():
        render(console, setting.directory.path)
    raise typer.Exit(closing(console, setting, interrupted))


def measure(console: "Console", setting: "Setting", interrupts: Interrupts) -> int:
    """Measure what is missing; returns the number of trials measured."""
    if not setting.left:
        console.say(f"all {len(setting.planned)} trials are measured; nothing to do")
        return 0
    from commands.live import Live
    from harness.deploy import readiness
    from harness.study import runner

    readiness.prepare(ROOT, console.say)
    log_to(setting.directory.path / "log" / "study.log")
    with Live(setting, console) as live:
        return runner.Study(ROOT, setting, live, lambda: interrupts.asked).run()


def tell_change(console: "Console", setting: "Setting") -> None:
    """Say what changed when this configuration starts a new directory beside an older one."""
    from harness.study.setup import what_changed

    found = what_changed(setting)
    if found is None:
        return
    older, changes = found
    console.say(f"the configuration differs from {older}, so this is a new study:")
    for change in changes[:SHOWN_CHANGES]:
        console.say(f"  {change}")
    if len(changes) > SHOWN_CHANGES:
        console.say(f"  and {len(changes) - SHOWN_CHANGES} more")


def log_to(path: Path) -> None:
    """Keep the study's log in its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("harness").addHandler(handler)
    logging.getLogger("harness").setLevel(logging.INFO)


def render(console: "Console", directory: Path) -> None:
    """Render in a process of its own: drawing needs more memory than measuring should."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "study.py"), "report", str(directory), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SCALE_OUT_ENTERED": "1"},
    )
    if done.returncode:
        console.warn(f"the report could not be rendered:\n{done.stderr.strip()[-2000:]}")


def closing(console: "Console", setting: "Setting", interrupted: bool) -> int:
    """The closing summary; returns the exit code."""
    directory = setting.directory
    if not directory.trials():
        console.say("nothing was measured")
        return Interrupted.exit_code if interrupted else errors.EXIT_FAILED_CELLS
    from harness.summarise import objectives
    from harness.summarise import summary as cells

    summary = cells.from_directory(directory)
    console.outcomes(list(directory.trials().values()))
    console.gains(summary.gains)
    if setting.grid.instrument_check and not interrupted:
        tell_instrument(console, setting, summary.gains)
    missed = [judged for judged in objectives.judge(summary) if not judged.met]
    for judged in missed:
        console.warn(f"objective not met: {judged.text}")
    for name in ("report.pdf", "report.html"):
        if (directory.path / name).exists():
            console.say(f"{name}: {directory.path / name}")
    if interrupted:
        console.say("interrupted; the same command goes on from here")
        return Interrupted.exit_code
    if any(not cell.usable for cell in summary.cells):
        return errors.EXIT_FAILED_CELLS
    return errors.EXIT_OBJECTIVE_MISSED if missed else 0


def tell_instrument(console: "Console", setting: "Setting", gains: "Sequence[Gain]") -> None:
    """Judge a study whose truth is known, say so, and keep it for the site's other studies."""
    from harness.summarise import instrument

    study = setting.directory.read_json("study.json") or {}
    passed, text = instrument.judge(gains)
    site, name = instrument.site_of(study), setting.directory.path.name
    instrument.keep(setting.directory.path.parent, instrument.Check(site, passed, text, study["created_at"], name))
    console.say(f"instrument check: {instrument.with_verdict(text, passed)}")


@app.command("plan")
def plan_command(
    grid: GridOption = Path("grid.yaml"),
    other_inventory: InventoryOption = None,
    results: ResultsOption = ROOT / "results",
    as_json: JsonOption = False,
) -> None:
    """Show cells, order and estimated time; touch nothing."""
    from harness.console import Console, clock, trials
    from harness.grid.reading import expand
    from harness.study.setup import resolve

    console = Console(as_json)
    setting = resolve(ROOT, results, grid, other_inventory)
    grid_, left = setting.grid, {trial.path for trial in setting.left}
    takes_s = setting.takes_s(setting.left)
    cost = setting.cost_usd(takes_s)
    if as_json:
        console.json(
            {
                "directory": str(setting.directory.path),
                "cells": [cell.by_name for cell in expand(grid_)],
                "order": [{"trial": t.path, "measured": t.path not in left} for t in setting.planned],
                "estimate_s": round(takes_s),
                "estimate_usd": None if cost is None else round(cost, 2),
            }
        )
        return
    names = list(grid_.factors)
    console.table(names, [[str(cell.by_name[name]) for name in names] for cell in expand(grid_)])
    for repeat, members in itertools.groupby(setting.planned, key=lambda t: t.repeat):
        block = list(members)
        names_ = (
            f"{t.cell.slug}{' again' if t.sentinel else ''}{'' if t.path in left else ' (measured)'}" for t in block
        )
        console.say(f"block {repeat}: {', '.join(names_)}")
    for sentence in [*setting.prediction(), *setting.rule()]:
        console.say(sentence)
    priced = f", {cost:.2f} USD" if cost else ""
    console.say(f"{len(left)} of {trials(len(setting.planned))} to measure, about {clock(takes_s)}{priced}")
    console.say(f"results go to {setting.directory.path}")


app.command()(directory.report)
app.command()(directory.check)
app.command()(directory.compare)
app.command()(machine.doctor)
app.command()(machine.down)


def main() -> None:
    """Run a command; expected failures become one message and their exit code."""
    try:
        app()
    except StudyError as error:
        from harness.console import Console

        Console().error(str(error))
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()

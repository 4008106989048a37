"""`study.py gate`: decide in CI whether a new build is slower than the old one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import options
from harness import errors
from harness.errors import BadInput, Interrupted

if TYPE_CHECKING:
    from commands.console import Console
    from harness.grid.schema import Grid
    from harness.grid.types import Level
    from harness.study.config import StudyConfig

Load = Annotated[str, typer.Option("--load", help="Number of users, or a rate as in 150/s. Without it, the largest.")]
Servers = Annotated[int | None, typer.Option("--servers", help="Number of servers. Without it, the fewest.")]
Time = Annotated[str, typer.Option("--time", help="Longest time under load, of all trials together.")]


def gate(
    baseline: Annotated[str, typer.Option("--baseline", help="Image of the build to compare with.")],
    candidate: Annotated[str, typer.Option("--candidate", help="Image of the build to judge.")],
    grid: options.Grid = options.GRID,
    tolerance: Annotated[str, typer.Option("--tolerance", help="Slowdown that must be found.")] = "5%",
    time: Time = "10min",
    servers: Servers = None,
    load: Load = "",
    other_inventory: options.Inventory = None,
    results: options.Results = options.RESULTS,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="File for the result as a comment of a pull request.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="File for the result as JUnit XML.")] = None,
    as_json: options.JsonEvents = False,
    language: options.Language = options.LanguageCode.EN,
) -> None:
    """Compare two builds under the grid's load, and stop when it is decided whether the candidate is slower.

    Both builds are measured in the same blocks, in one topology at one load. The exit code is 0 when a slowdown by the
    tolerance is excluded, 1 when the candidate is slower, and 3 when it is undecided. The same command resumes.

    Example: `study.py gate --baseline registry.example/team/app:1.4 --candidate registry.example/team/app:1.5`
    """
    from commands.console import Console
    from commands.run import carry_out
    from harness.study.config import resolve

    check_images(baseline, candidate)
    check_files({"--markdown": markdown, "--junit": junit})

    def gated(written: Grid) -> Grid:
        return gate_grid(written, (baseline, candidate), tolerance=tolerance, time=time, servers=servers, load=load)

    console = Console(as_json)
    config = resolve(options.ROOT, results, grid, other_inventory, console.warn, gated)
    interrupted = carry_out(console, config, language)
    raise typer.Exit(finish(console, config, interrupted, {"markdown": markdown, "junit": junit}, language))


def check_files(paths: dict[str, Path | None]) -> None:
    """Raise BadInput for files, by option, that cannot be written at the end of a gate."""
    given = ((option, path) for option, path in paths.items() if path is not None)
    if wrong := [f"{option}: {path}: {words}" for option, path in given if (words := _unwritable(path))]:
        raise BadInput(*wrong)


def _unwritable(path: Path) -> str:
    """Return why a file cannot be written, without writing it; empty for one that probably can."""
    try:
        if path.is_dir():
            return "is a directory. Allowed: the name of a file"
        if path.exists() and not path.is_file():  # writing replaces it
            return "is a pipe or a device. Allowed: the name of a file"
        if not path.parent.is_dir():
            return "its folder does not exist. Fix: create it, or name another file"
    except OSError as error:
        return f"cannot be written: {error.strerror}. Fix: name another file"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return "its folder is not writable. Fix: give this user write permission there, or name another file"
    return ""


def check_images(baseline: str, candidate: str) -> None:
    """Raise BadInput for names that are no images, and for one image as both builds."""
    from harness.deploy.role_values import RoleValues
    from harness.grid.gate import IMAGE
    from harness.words import short

    values = RoleValues.read(options.ROOT)
    wrong = [
        f"{option}: got {short(image)}. {words}"
        for option, image in (("--baseline", baseline), ("--candidate", candidate))
        for _, words in values.wrong(IMAGE, image)
    ]
    if wrong:
        raise BadInput(*wrong)
    if baseline == candidate:
        raise BadInput(
            f"--candidate: is the baseline, too (got {short(candidate)}). Allowed: another image. "
            "Fix: to measure identical builds, give the image a second tag"
        )


def gate_grid(
    grid: Grid, builds: tuple[str, str], *, tolerance: str, time: str, servers: int | None, load: str
) -> Grid:
    """Return the grid of a gate by the options of the command; raises BadInput for one that cannot be used."""
    from harness.grid import derive, units
    from harness.grid import load as loads
    from harness.grid.gate import Gate

    option = "--tolerance"
    try:
        Gate.checked(units.share(tolerance))
        option = "--time"
        load_s = units.duration_s(time)
        option = "--load"
        level = _level(grid, load) if load else None
        option = "--servers"
        if servers is not None:
            loads.check_level("servers", servers)
            if grid.server_types:
                raise ValueError("only valid without server_types. Fix: leave it out for the smallest topology")
        option = "--time"
        rule = Gate.model_validate({"tolerance": tolerance, "order": "drawn"})
        return derive.gated(grid, builds, rule, load_s, servers, level)
    except ValueError as error:
        raise BadInput(f"{option}: {str(error).removeprefix(option[2:] + ': ')}") from None


def _level(grid: Grid, written: str) -> Level:
    """Return a level of the grid's load; raises ValueError for one that it cannot have."""
    from harness.grid import load as loads
    from harness.grid import units
    from harness.words import short

    if not grid.is_open and not written.isdecimal():
        raise ValueError(f"got {short(written)}. Allowed: a whole number of users, as in 2000")
    level: Level = units.rate_per_s(written) if grid.is_open else int(written)
    loads.check_level(grid.load_factor, level)
    return level


def finish(
    console: Console,
    config: StudyConfig,
    interrupted: bool,
    files: dict[str, Path | None],
    language: options.LanguageCode = options.LanguageCode.EN,
) -> int:
    """Print the result of a gate, write it to `files` by format in a language, and return the exit code."""
    from harness.records.files import replace
    from harness.summarise.comparison.gate import GateConclusion
    from report import build
    from report.output import ci_summary

    if not config.directory.trials():
        console.print("no trial was measured")
        return Interrupted.exit_code if interrupted else errors.EXIT_FAILED_CELLS
    report, summary = build.model_of(config.directory)
    console.outcomes(list(config.directory.trials().values()))
    console.gate(summary.gate, report.answer)
    for name, path in files.items():
        if path is not None:
            render = ci_summary.markdown if name == "markdown" else ci_summary.junit
            text = render(*build.model_of(config.directory, language=language.value))
            replace(path, text.encode())
            console.print(f"{name}: {path}")
    console.print(f"report.html: {config.directory.path / 'report.html'}")
    if interrupted:
        console.print("interrupted; run the same command to resume the study")
        return Interrupted.exit_code
    conclusion = summary.gate.conclusion if summary.gate else GateConclusion.UNDECIDED
    codes = {GateConclusion.PASS: 0, GateConclusion.REGRESSION: errors.EXIT_OBJECTIVE_MISSED}
    return codes.get(conclusion, errors.EXIT_FAILED_CELLS)

"""Studies beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from commands import options
from harness.errors import BadInput


def compare(
    directories: Annotated[list[Path], typer.Argument(help="Two studies or more; the first is the reference.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare even what should not be compared.")] = False,
    as_json: options.Json = False,
) -> None:
    """Put studies beside each other, cell by cell: what differs in how they were measured comes first.

    Writes comparison.html into the last study's directory. Exit code 2 when they cannot be compared.
    """
    from dataclasses import asdict

    from commands.console import Console
    from harness.records.directory import StudyDirectory
    from harness.records.files import replace
    from harness.study import compare as comparing
    from report.output import comparison

    if len(directories) < 2:
        raise BadInput("compare needs two directories or more, as in: study.py compare results/a results/b")
    console = Console(as_json)
    first, *others = [comparing.load(StudyDirectory(directory)) for directory in directories]
    found = [comparing.compare(first, other) for other in others]
    refused = [f"{one.before} and {one.after}: {reason}" for one in found for reason in one.reasons]
    if refused and not anyway:
        raise BadInput(
            "these studies cannot be compared:",
            *(f"  {reason}" for reason in refused),
            *dict.fromkeys(one.properly for one in found),
            "--anyway does it all the same",
        )
    page = directories[-1] / "comparison.html"
    replace(page, comparison.html(found).encode())
    if as_json:
        console.json([asdict(one) for one in found])
        return
    for one in found:
        for line in comparison.remarks(one):
            console.say(line)
        console.table(comparison.SHORT, comparison.short_rows(one))
        for sentence in comparison.conclusions(one):
            console.say(sentence)
    console.say(str(page))

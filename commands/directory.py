"""Commands on a study's directory; none touches a host."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import EXIT_OBJECTIVE_MISSED, BadInput

Directory = Annotated[Path, typer.Argument(help="A study's directory, results/<name>-<hash>.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]


class Format(enum.StrEnum):
    """What `report` makes."""

    ALL = "all"
    HTML = "html"
    PDF = "pdf"
    MARKDOWN = "markdown"
    JUNIT = "junit"


class Paper(enum.StrEnum):
    """Sizes of paper."""

    A4 = "A4"
    LETTER = "Letter"


def report(
    directory: Directory,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when all went well.")] = False,
    form: Annotated[
        Format, typer.Option("--format", help="html, pdf, or all; markdown and junit go to standard output.")
    ] = Format.ALL,
    pdf_only: Annotated[bool, typer.Option("--pdf-only", help="The same as --format pdf.")] = False,
    html_only: Annotated[bool, typer.Option("--html-only", help="The same as --format html.")] = False,
    paper: Annotated[Paper, typer.Option("--paper", help="Size of the PDF's pages.")] = Paper.A4,
) -> None:
    """Render report.pdf, report.html, the tables and results.parquet of a study again; touches no host."""
    from harness.console import Console
    from harness.records.directory import StudyDirectory
    from report import build

    console = Console()
    study = StudyDirectory(directory)
    if pdf_only and html_only:
        raise BadInput("--pdf-only and --html-only: give one of them; without either both are made")
    form = Format.PDF if pdf_only else Format.HTML if html_only else form
    if form in (Format.MARKDOWN, Format.JUNIT):
        from report import brief

        made = brief.markdown if form == Format.MARKDOWN else brief.junit
        console.plain(made(*build.model_of(study)))
        return
    kinds = {"html", "pdf", "data"} if form == Format.ALL else {form.value}
    for path in build.write(study, kinds, paper.value):
        if not quiet:
            console.say(str(path))


def check(directory: Directory, as_json: JsonOption = False) -> None:
    """Recompute every figure and rule of a study from its raw files; exit code 1 when one differs."""
    from dataclasses import asdict

    from harness.console import Console
    from harness.records.directory import StudyDirectory
    from harness.study import check as checking

    console = Console(as_json)
    lines = checking.check(StudyDirectory(directory))
    if as_json:
        console.json([asdict(line) for line in lines])
    else:
        rows = [["PASS" if line.ok else "FAIL", line.rule, line.text, line.file] for line in lines]
        console.table(("", "rule", "what was compared", "read from"), rows)
        failed = sum(not line.ok for line in lines)
        console.say(f"{failed} of {len(lines)} comparisons fail" if failed else f"all {len(lines)} comparisons pass")
    raise typer.Exit(0 if all(line.ok for line in lines) else EXIT_OBJECTIVE_MISSED)


def compare(
    directories: Annotated[list[Path], typer.Argument(help="Two studies or more; the first is the reference.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare even what should not be compared.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put studies beside each other, cell by cell: what differs in how they were measured comes first.

    Writes comparison.html into the last study's directory. Exit code 2 when they cannot be compared.
    """
    from dataclasses import asdict

    from harness.console import Console
    from harness.records.directory import StudyDirectory
    from harness.records.files import replace
    from harness.study import compare as comparing
    from report import comparison

    if len(directories) < 2:
        raise BadInput("compare needs two directories or more, as in: study.py compare results/a results/b")
    console = Console(as_json)
    first, *others = [comparing.load(StudyDirectory(directory)) for directory in directories]
    found = [comparing.compare(first, other) for other in others]
    refused = [f"{one.before} and {one.after}: {reason}" for one in found for reason in one.reasons]
    if refused and not anyway:
        raise BadInput(
            "these studies cannot be compared:", *(f"  {reason}" for reason in refused), "--anyway does it all the same"
        )
    page = directories[-1] / "comparison.html"
    replace(page, comparison.html(found).encode())
    if as_json:
        console.json([asdict(one) for one in found])
        return
    for one in found:
        for line in comparison.lines(one):
            console.say(line)
        console.table(comparison.COLUMNS, comparison.rows(one))
    console.say(str(page))

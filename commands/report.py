"""A study's pages and tables, rendered again."""

import enum
from typing import Annotated

import typer

from commands import options
from harness.errors import BadInput


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
    directory: options.Directory,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when all went well.")] = False,
    form: Annotated[
        Format, typer.Option("--format", help="html, pdf, or all; markdown and junit go to standard output.")
    ] = Format.ALL,
    pdf_only: Annotated[bool, typer.Option("--pdf-only", help="The same as --format pdf.")] = False,
    html_only: Annotated[bool, typer.Option("--html-only", help="The same as --format html.")] = False,
    paper: Annotated[Paper, typer.Option("--paper", help="Size of the PDF's pages.")] = Paper.A4,
) -> None:
    """Render report.pdf, report.html, the tables and results.parquet of a study again; touches no host."""
    from commands.console import Console
    from harness.records.directory import StudyDirectory
    from report import build

    console = Console()
    study = StudyDirectory(directory)
    if pdf_only and html_only:
        raise BadInput("--pdf-only and --html-only: give one of them; without either both are made")
    form = Format.PDF if pdf_only else Format.HTML if html_only else form
    if form in (Format.MARKDOWN, Format.JUNIT):
        from report.output import ci_summary

        made = ci_summary.markdown if form == Format.MARKDOWN else ci_summary.junit
        console.plain(made(*build.model_of(study)))
        return
    kinds = {"html", "pdf", "data"} if form == Format.ALL else {form.value}
    for path in build.write(study, kinds, paper.value, console.warn):
        if not quiet:
            console.say(str(path))

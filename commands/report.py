"""`study.py report`: render a study's report and tables."""

import enum
from typing import Annotated

import typer

from commands import altered, options
from harness.errors import BadInput


class Format(enum.StrEnum):
    """Formats of a report."""

    HTML = "html"
    PDF = "pdf"
    MARKDOWN = "markdown"
    JUNIT = "junit"


TEXT_FORMATS = {Format.MARKDOWN, Format.JUNIT}  # printed; all others are written to the study's directory


class Paper(enum.StrEnum):
    """Paper sizes."""

    A4 = "A4"
    LETTER = "Letter"


def report(
    directory: options.Directory,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no file names.")] = False,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            help="Format; repeat for several. markdown and junit are printed. If unset: html, pdf, results.parquet.",
        ),
    ] = None,
    paper: Annotated[Paper, typer.Option("--paper", help="Paper size of the PDF.")] = Paper.A4,
    language: options.Language = options.LanguageCode.EN,
) -> None:
    """Render the report and the tables of a study. No host is touched.

    Example: `study.py report results/NAME-HASH --format pdf --paper Letter`
    """
    from commands.console import Console
    from harness.records.directory import StudyDirectory
    from report import build

    console = Console()
    study = StudyDirectory(directory)
    chosen = set(formats or ())
    printed, written = chosen & TEXT_FORMATS, {form.value for form in chosen - TEXT_FORMATS}
    if len(printed) > 1:
        raise BadInput(
            "--format: markdown and junit are both printed to standard output. Fix: run the command once for each."
        )
    with altered.named(study):
        if written or not chosen:
            kinds = written or {"html", "pdf", "data"}
            for path in build.write(study, kinds, paper.value, console.warn, language.value):
                if not quiet and not printed:
                    console.print(str(path))
        if printed:
            from report.output import ci_summary

            render = ci_summary.markdown if Format.MARKDOWN in printed else ci_summary.junit
            console.raw(render(*build.model_of(study, language=language.value)))

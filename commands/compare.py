"""`study.py compare`: compare studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import altered, completion, options
from harness.errors import BadInput

if TYPE_CHECKING:
    from harness.records.directory import StudyDirectory
    from harness.study import compare as comparing


def compare(
    directories: Annotated[
        list[Path],
        typer.Argument(help="Two or more studies; the first is the reference.", autocompletion=completion.studies),
    ],
    anyway: Annotated[bool, typer.Option("--anyway", help="Compare studies that are not comparable.")] = False,
    as_json: options.Json = False,
    language: options.Language = options.LanguageCode.EN,
) -> None:
    """Compare studies cell by cell, and list first what differs in how they were measured.

    The command writes comparison.html to the last study's directory, in the language of `--language`. The exit code is
    2 when the studies are not comparable.

    Example: `study.py compare results/NAME-HASH results/OTHER-HASH`
    """
    from dataclasses import asdict

    from commands.console import Console
    from harness.records.directory import StudyDirectory
    from harness.records.files import replace
    from harness.study import compare as comparing
    from report.output import comparison

    if len(directories) < 2:
        count = f"{len(directories)} director{'y' if len(directories) == 1 else 'ies'}"
        raise BadInput(f"compare: got {count}. Allowed: two or more, e.g. study.py compare results/a results/b")
    console = Console(as_json)
    names = comparing.names(directories)
    studies = [StudyDirectory(path) for path in directories]
    with altered.named(*studies):
        first, *others = [comparing.load(study, name) for study, name in zip(studies, names, strict=True)]
        found = [comparing.compare(first, other) for other in others]
    reasons = [f"{one.before} and {one.after}: {reason}" for one in found for reason in one.reasons]
    if reasons and not anyway:
        raise BadInput(
            "these studies are not comparable:",
            *(f"  {reason}" for reason in reasons),
            *dict.fromkeys(one.recommendation for one in found),
            "Use --anyway to compare them nevertheless.",
        )
    page = directories[-1] / "comparison.html"
    replace(page, _page(studies, names, found, language.value).encode())
    if as_json:
        console.json([asdict(one) for one in found])
        return
    for one in found:
        for line in comparison.remarks(one):
            console.print(line)
        if one.capacities:
            console.table(comparison.CAPACITIES, comparison.capacity_rows(one))
        if one.ratios:
            console.table(comparison.SHORT, comparison.short_rows(one))
        for sentence in comparison.conclusions(one):
            console.print(sentence)
    console.print(str(page))


def _page(
    studies: Sequence[StudyDirectory], names: Sequence[str], found: list[comparing.Comparison], language: str
) -> str:
    """The page in a language: the texts are made again, as those of the console are English."""
    from harness.language import ENGLISH, use
    from harness.study import compare as comparing
    from report import language as languages
    from report.output import comparison

    if (shown := languages.of(language)) is ENGLISH:
        return comparison.html(found)
    with use(shown):
        first, *others = [comparing.load(study, name) for study, name in zip(studies, names, strict=True)]
        return comparison.html([comparing.compare(first, other) for other in others], shown)

"""`study.py check`: recompute a study's figures from its raw files."""

import typer

from commands import altered, options
from harness.errors import EXIT_OBJECTIVE_MISSED


def check(directory: options.Directory, as_json: options.Json = False) -> None:
    """Recompute every figure and rule of a study from its raw files. The exit code is 1 when one differs.

    Example: `study.py check results/NAME-HASH`
    """
    from dataclasses import asdict

    from commands.console import Console
    from harness.records.directory import StudyDirectory
    from harness.study import check as checking

    console = Console(as_json)
    study = StudyDirectory(directory)
    with altered.named(study):
        results = checking.check(study)
    failed = sum(not result.ok for result in results)
    if as_json:
        console.json([asdict(result) for result in results])
    else:
        rows = [["PASS" if result.ok else "FAIL", result.rule, result.text, result.file] for result in results]
        console.table(("", "rule", "result", "file"), rows)
        count = len(results)
        console.print(f"{failed} of {count} comparisons failed" if failed else f"all {count} comparisons passed")
    raise typer.Exit(EXIT_OBJECTIVE_MISSED if failed else 0)

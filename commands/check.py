"""A study's figures, computed again from its raw files."""

import typer

from commands import options
from harness.errors import EXIT_OBJECTIVE_MISSED


def check(directory: options.Directory, as_json: options.Json = False) -> None:
    """Recompute every figure and rule of a study from its raw files; exit code 1 when one differs."""
    from dataclasses import asdict

    from commands.console import Console
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

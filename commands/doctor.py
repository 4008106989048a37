"""`study.py doctor`: check that this machine can run a study."""

from dataclasses import asdict

import typer

from commands import options
from harness.errors import CannotRun


def doctor(as_json: options.Json = False) -> None:
    """Check this machine's requirements, and print the command that fixes each missing one.

    The exit code is 4 when a requirement is missing.

    Example: `study.py doctor --json`
    """
    from commands.console import Console
    from harness.deploy import readiness

    console = Console(as_json)
    checks = readiness.check_all()
    missing = [check for check in checks if not check.ok]
    if as_json:
        console.json([asdict(check) for check in checks])
    else:
        rows = [["ok" if check.ok else "missing", check.name, check.found] for check in checks]
        console.table(("", "requirement", "found"), rows)
        for check in missing:
            console.print(f"{check.name}: Fix: {check.fix}")
        if missing and readiness.may_install() and not any(check.by_hand for check in missing):
            console.print("'python study.py --grid grid.yaml' installs the missing requirements")
    raise typer.Exit(CannotRun.exit_code if missing else 0)

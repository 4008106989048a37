"""Is this machine ready?"""

from dataclasses import asdict

import typer

from commands import options


def doctor(as_json: options.Json = False) -> None:
    """Is this machine ready, what is missing, and the command to mend it."""
    from commands.console import Console
    from harness.deploy import readiness

    console = Console(as_json)
    checks = readiness.check_all()
    if as_json:
        console.json([asdict(check) for check in checks])
    else:
        rows = [["ok" if check.ok else "missing", check.name, check.found] for check in checks]
        console.table(("", "needed", "found"), rows)
        for check in checks:
            if not check.ok:
                console.say(f"to mend it: {check.fix}")
        if not all(check.ok for check in checks) and readiness.may_install():
            console.say("'python study.py --grid grid.yaml' does this by itself")
    raise typer.Exit(0 if all(check.ok for check in checks) else 4)

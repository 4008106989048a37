"""The program `study.py`: one module a command."""

import typer

from commands.check import check
from commands.compare import compare
from commands.doctor import doctor
from commands.down import down
from commands.plan import plan
from commands.report import report
from commands.run import run
from harness.errors import StudyError

app = typer.Typer(
    add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
app.callback(invoke_without_command=True)(run)
for command in (plan, report, check, compare, doctor, down):
    app.command()(command)


def main() -> None:
    """Run a command; expected failures become one message and their exit code."""
    try:
        app()
    except StudyError as error:
        from commands.console import Console

        Console().error(str(error))
        raise SystemExit(error.exit_code) from None

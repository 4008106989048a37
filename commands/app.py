"""The program `study.py` and its commands."""

import contextlib
import sys
from typing import NoReturn

import typer

from commands import completion as completing
from commands import interrupts, last_resort, next_command
from commands.check import check
from commands.compare import compare
from commands.completion import completion
from commands.doctor import doctor
from commands.down import down
from commands.gate import gate
from commands.init import init
from commands.options import RESULTS
from commands.plan import plan
from commands.report import report
from commands.run import run
from harness.errors import EXIT_UNEXPECTED, CannotRun, StudyError

app = typer.Typer(
    add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
app.callback(invoke_without_command=True)(run)
for command in (init, plan, report, check, compare, gate, doctor, down, completion):
    app.command()(command)
PROGRAM = typer.main.get_command(app)


def main() -> None:
    """Run a command. An expected error becomes one message and its exit code, any other one line and code 70."""
    last_resort.log_threads()
    if completing.is_requested():
        complete()
    try:
        run_and_flush()
    except StudyError as error:
        fail(str(error), error.exit_code, next_command.after(error, sys.argv[1:], PROGRAM, RESULTS))
    except Exception as error:
        from harness.records import files  # slow to import, and --help does not need it

        if isinstance(error, OSError) and error.errno in files.NOT_OURS:
            interrupts.discard(sys.stdout)  # full or closed: write nothing more at the end of this process
            fail(files.cannot_write(error.filename or "standard output", error), CannotRun.exit_code)
        fail(last_resort.report(error), EXIT_UNEXPECTED)


def run_and_flush() -> None:
    """Run a command and write its whole output; raises SystemExit with its code, CannotRun's for a closed pipe.

    Otherwise Python would write the rest at the end of the process, and exit with 120 if that failed.
    """
    try:
        try:
            app()
        except SystemExit as ended:
            sys.stdout.flush()
            if isinstance(ended.__context__, BrokenPipeError):  # Typer exits with 1, an objective that is not met
                raise SystemExit(CannotRun.exit_code) from None
            raise
    except BrokenPipeError:  # as by `| head`: the reader needs no message
        interrupts.discard(sys.stdout)
        raise SystemExit(CannotRun.exit_code) from None


def complete() -> NoReturn:
    """Print completions for a shell; nothing on any error, as its output would be in the user's command line."""
    from typer import completion

    completion.get_completion_inspect_parameters()  # registers Typer's formats for shells
    with contextlib.suppress(Exception):
        app(complete_var=completing.VARIABLE, prog_name="study.py")
    raise SystemExit(1)


def fail(message: str, exit_code: int, next_line: str = "") -> NoReturn:
    """Print an error and the line that names the next command, and exit; with CannotRun's code if that fails."""
    from commands.console import Console

    try:
        Console().error(message, next_line)
        sys.stderr.flush()
    except OSError:  # full or closed: nobody can read the message
        interrupts.discard(sys.stderr)
        exit_code = CannotRun.exit_code
    raise SystemExit(exit_code) from None

"""`study.py init`: write a first grid from what the user has."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import init_options, options
from harness.errors import BadInput

if TYPE_CHECKING:
    from commands.console import Console
    from harness.draft.build import Draft
    from harness.draft.choices import Choices


def init(
    image: init_options.Image = "",
    url: init_options.ServiceUrl = "",
    openapi: init_options.OpenApiFile = "",
    operation: init_options.Operations = None,
    har: init_options.HarFile = "",
    host: init_options.HarHost = "",
    as_steps: init_options.AsSteps = None,
    locustfile: init_options.Locustfile = "",
    access_log: init_options.AccessLog = "",
    inventory: init_options.Hosts = "",
    port: init_options.Port = None,
    health: init_options.Health = "",
    env: init_options.Env = None,
    command: init_options.Command = "",
    vusers: init_options.Users = None,
    grid: init_options.NewGrid = "",
    force: init_options.Force = False,
    observe: init_options.Observe = True,
    interactive: init_options.Interactive = False,
) -> None:
    """Write a commented grid from what you have: an image, an OpenAPI document, a recording, a log, a script, hosts.

    Example: `study.py init --image registry.example/team/app:1.4 --openapi openapi.json --operation getItem`

    Credentials are replaced by references to environment variables. The command checks the grid as `plan` does.
    """
    from harness.draft.choices import Choices

    choices = Choices(
        image=image,
        url=url,
        port=port,
        health=health,
        env=tuple(env or ()),
        command=command,
        openapi=openapi,
        operations=tuple(operation or ()),
        har=har,
        host=host,
        as_steps=as_steps,
        locustfile=locustfile,
        access_log=access_log,
        inventory=inventory,
        vusers=tuple(vusers or ()),
        grid=grid,
        observe=observe,
    )
    draft_by(choices, force, interactive)


def draft_by(choices: Choices, force: bool, interactive: bool) -> None:
    """Build, write and check a grid by the user's choices, and print the next command."""
    from commands import init_questions
    from commands.console import Console
    from harness.draft import writing
    from harness.draft.build import Builder

    console = Console()
    if interactive:
        choices = init_questions.completed(choices, console.question)
    may_write = writing.check_folder if force else writing.check_free
    draft = Builder(options.ROOT, choices, console.print, may_write).build()
    write(draft, force)
    finish(console, draft, is_valid=check(console, draft))


def write(draft: Draft, force: bool) -> None:
    """Write the data files, then the grid."""
    from harness.draft import writing
    from harness.records import files

    for path, content in draft.files.items():
        with files.writing(path.parent):
            path.parent.mkdir(exist_ok=True)
        writing.write(path, content, force)
    writing.write(draft.path, draft.grid.text().encode(), force)


def check(console: Console, draft: Draft) -> bool:
    """Check the written grid as `plan` does, and print its problems; secrets that are not set are none."""
    from harness.study.config import resolve

    with _placeholders(draft.secrets):
        try:
            resolve(options.ROOT, options.RESULTS, draft.path, notify=console.warn)
        except BadInput as error:
            console.error(str(error))
            return False
    return True


@contextlib.contextmanager
def _placeholders(names: Sequence[str]) -> Iterator[None]:
    """Set environment variables that are not set, for the duration of a check."""
    missing = [name for name in names if not os.environ.get(name)]
    os.environ.update(dict.fromkeys(missing, "x"))
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]


def finish(console: Console, draft: Draft, is_valid: bool) -> None:
    """Print what was written and the next command; raises typer.Exit with code 2 for a grid that `plan` rejects."""
    traffic, observed = draft.grid.traffic, draft.grid.observed
    next_command = f"python study.py plan --grid {shlex.quote(str(draft.path))}"
    for path in draft.files:
        console.print(f"wrote {path}")
    if traffic.script:
        console.print(f"wrote {draft.path}: the load of {Path(traffic.script).name}")
    else:
        good = sum(each.ok for each in observed or ())
        seen = f", {good} of them observed with success" if observed is not None else ", not sent yet"
        console.print(f"wrote {draft.path}: {len(traffic.requests)} request{'s' * (len(traffic.requests) > 1)}{seen}")
        if observed is not None and not good:
            console.warn(f"no request succeeded. Fix the lines marked FIX in {draft.path} before a study")
    if draft.grid.needs_image:
        console.warn(f"no image is known. Fix: name the image of your service in {draft.path}, or add --image")
    if missing := [name for name in draft.secrets if not os.environ.get(name)]:
        console.print(f"first: export {' '.join(f'{name}=…' for name in missing)}")
    if not is_valid:
        console.print(f"next: fix these lines, then run: {next_command}")
        raise typer.Exit(BadInput.exit_code)
    console.print(f"next: {next_command}")

"""`study.py init`: write a first grid from what the user has."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import options
from harness.errors import BadInput

if TYPE_CHECKING:
    from commands.console import Console
    from harness.draft.build import Draft


def init(
    image: Annotated[
        str, typer.Option(help="Image of your service. It is started once, and each request is sent once.")
    ] = "",
    url: Annotated[
        str, typer.Option(help="Running service that receives each request once, instead of a started image.")
    ] = "",
    openapi: Annotated[str, typer.Option(help="OpenAPI document, version 3.0 or 3.1: a file or a URL.")] = "",
    operation: Annotated[
        list[str] | None,
        typer.Option(help="Its operationId, or 'POST /items'; repeat for several. Default: all that only read."),
    ] = None,
    har: Annotated[str, typer.Option(help="Recording of a browser, a HAR file.")] = "",
    host: Annotated[str, typer.Option(help="Host of the recording to use. Default: the most frequent one.")] = "",
    as_steps: Annotated[
        bool | None,
        typer.Option(
            "--steps/--mix", help="Recorded requests in order, or by frequency. Default: steps if one writes."
        ),
    ] = None,
    locustfile: Annotated[str, typer.Option(help="Your Locust script; it runs unmodified.")] = "",
    access_log: Annotated[
        str, typer.Option(help="Access log of nginx or Apache, or with JSON lines, plain or gzip: a mix by frequency.")
    ] = "",
    inventory: Annotated[str, typer.Option(help="Inventory of your hosts. Default: inventory/lab.")] = "",
    port: Annotated[int | None, typer.Option(help="Port of the image. Default: the one that it declares.")] = None,
    health: Annotated[str, typer.Option(help="Path of the image's health check. Default: found by trying.")] = "",
    env: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE for the image; NAME alone takes the value of the environment, for secrets."),
    ] = None,
    command: Annotated[str, typer.Option(help="Command of the image, instead of its own.")] = "",
    vusers: Annotated[
        list[int] | None, typer.Option(help="Number of users; repeat for several. Default: a search.")
    ] = None,
    grid: Annotated[str, typer.Option(help="File to write. Default: NAME.yaml, by the image or the source.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    observe: Annotated[bool, typer.Option(help="Whether to start the image and send the requests.")] = True,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Enter missing options as answers to questions.")
    ] = False,
) -> None:
    """Write a commented grid from what you have: an image, an OpenAPI document, a recording, a log, a script, hosts.

    Example: `python study.py init --image registry.example/team/app:1.4 --openapi openapi.json --operation getItem`

    Credentials are replaced by references to environment variables. The command checks the grid as `plan` does.
    """
    from commands import init_questions
    from commands.console import Console
    from harness.draft import writing
    from harness.draft.build import Builder
    from harness.draft.choices import Choices

    console = Console()
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
    if missing := [name for name in draft.secrets if not os.environ.get(name)]:
        console.print(f"first: export {' '.join(f'{name}=…' for name in missing)}")
    if not is_valid:
        console.print(f"next: fix these lines, then run: {next_command}")
        raise typer.Exit(BadInput.exit_code)
    console.print(f"next: {next_command}")

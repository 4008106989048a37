"""Questions of `study.py init --interactive`: only about options that are not set, each with a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import BadInput

if TYPE_CHECKING:
    from harness.draft.choices import Choices

Question = Callable[[str, str], str]  # (question, default) → answer
SOURCES = {"openapi": "openapi", "har": "har", "locustfile": "locustfile", "log": "access_log", "none": ""}


def completed(choices: Choices, question: Question) -> Choices:
    """Return choices with the answers; raises BadInput for an unusable answer."""
    if not choices.is_service:
        choices = replace(choices, image=question("Image of your service (empty: the bundled example)", ""))
    if choices.image and choices.port is None:
        port = question("Port on which it listens (empty: the one that it declares)", "")
        choices = replace(choices, port=_whole("port", port) if port else None)
    if choices.image and not choices.health:
        choices = replace(choices, health=question("Path of its health check (empty: try the usual ones)", ""))
    if not choices.source:
        choices = _with_source(choices, question)
    if choices.openapi and not choices.operations:
        names = question("Operations by operationId, separated by commas (empty: all that only read)", "")
        choices = replace(choices, operations=tuple(filter(None, (name.strip() for name in names.split(",")))))
    if not choices.inventory:
        choices = replace(choices, inventory=question("Inventory of the hosts", "inventory/lab"))
    if not choices.vusers:
        levels = question("Numbers of users, separated by commas (empty: search the saturation point)", "")
        choices = replace(choices, vusers=tuple(_whole("vusers", each) for each in levels.replace(",", " ").split()))
    if not choices.grid:
        choices = replace(choices, grid=question("File to write (empty: by the name of the service)", ""))
    return choices


def _with_source(choices: Choices, question: Question) -> Choices:
    kind = question(f"Where are typical requests: {', '.join(SOURCES)}", "none").strip().lower()
    if kind not in SOURCES:
        raise BadInput(f"got {kind!r}. Allowed: {', '.join(SOURCES)}")
    if not SOURCES[kind]:
        return choices
    file = question(f"File of the {kind}", "")
    return replace(choices, **{SOURCES[kind]: file})  # type: ignore[arg-type]  # all of these fields are text


def _whole(name: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise BadInput(f"--{name}: got {text!r}. Allowed: a whole number")
    return int(text)

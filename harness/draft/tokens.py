"""Values of earlier responses in later steps: a token that a login returns is read anew in each transaction. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.draft.found import FoundRequest
from harness.grid import templates

_DEEPEST = 10


def extracted(
    requests: Sequence[FoundRequest], responses: Sequence[Any], secrets: Mapping[str, str]
) -> list[FoundRequest]:
    """Return steps in which a secret that an earlier response contains is extracted instead of referenced.

    `responses` are the JSON bodies of the responses, None for others; `secrets` are variable → value.
    """
    found = list(requests)
    for variable, value in secrets.items():
        reference = f"${{secret.{variable}}}"
        uses = [at for at, each in enumerate(found) if reference in str(each.as_grid())]
        name = variable.lower().replace("authorization", "token")
        if not uses or name in templates.BUILT_IN:
            continue
        for at, response in enumerate(responses[: uses[0]]):
            if path := next((path for path, leaf in _leaves(response) if leaf == value), ""):
                found[at] = replace(found[at], extract={**found[at].extract, name: path})
                found = [_replaced(each, reference, f"${{{name}}}") for each in found]
                break
    return found


def _replaced(request: FoundRequest, old: str, new: str) -> FoundRequest:
    def change(text: str) -> str:
        return text.replace(old, new)

    return replace(
        request,
        path=change(request.path),
        params={
            name: tuple(templates.mapped(value, change))
            if isinstance(value, tuple)
            else templates.mapped(value, change)
            for name, value in request.params.items()
        },
        headers=templates.mapped(request.headers, change),
        body=templates.mapped(request.body, change),
    )


def _leaves(value: Any, path: str = "$", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (JSONPath, text) of each text in JSON."""
    if isinstance(value, str):
        yield path, value
    elif depth < _DEEPEST and isinstance(value, dict):
        for key, each in value.items():
            step = f".{key}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else f"[{json.dumps(key)}]"
            yield from _leaves(each, path + step, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for at, each in enumerate(value[:50]):
            yield from _leaves(each, f"{path}[{at}]", depth + 1)

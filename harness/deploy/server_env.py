"""Check environment variables of the servers in a grid: values that would arrive as another text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from harness.grid.schema import Grid

NAME = "ml_server_env"


def problems(grid: Grid, text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path in the grid, message) for each value of `ml_server_env` in `vars` that would not arrive as written.

    `text` is the grid file's text, in which a boolean is still written as `on`, for example.
    """
    values = grid.vars.get(NAME)
    written = _written(text) if isinstance(values, dict) else {}
    for name, value in values.items() if isinstance(values, dict) else ():
        as_written = written.get(str(name))
        if not isinstance(value, str) and as_written not in (None, arrives(value)):
            yield (
                ("vars", NAME, str(name)),
                f"vars: {NAME}.{name}: {as_written} would arrive at the server as {arrives(value)}. "
                f"Fix: write it in quotes, as in {name}: '{as_written}'",
            )


def arrives(value: object) -> str:
    """A value as it arrives in the container."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _written(text: str) -> dict[str, str]:
    """Variable → its plain scalar in the text; booleans in lower case."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in ("vars", NAME):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for name, value in pairs if name.value == key), None)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {
        str(name.value): value.value.lower() if value.value.lower() in ("true", "false") else value.value
        for name, value in pairs
        if isinstance(value, yaml.ScalarNode)
    }

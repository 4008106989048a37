"""The grid key `server_types` and the levels that follow from it, as they are read. Pure."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from harness.grid.server_types import NAME, text
from harness.grid.types import several
from harness.words import short


def checked(types: object) -> object:
    """Return the grid's `server_types`; raises ValidationError for a wrong name, an empty type or a shared server."""
    wrong: list[tuple[tuple[str | int, ...], str]] = []
    owner: dict[str, str] = {}
    for name, servers in types.items() if isinstance(types, dict) else ():
        shown = short(name, bare=True)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            words = f"got the type {short(name)}. Allowed: a letter, then letters, digits, dots, dashes, underscores"
            wrong.append(((name,), words))
        if isinstance(servers, dict):
            fix = f"write {shown}: [server-1], and set variables of a server in the inventory"
            wrong.append(((name,), f"{shown}: got a mapping. Allowed: a list of servers. Fix: {fix}"))
        elif not isinstance(servers, list | tuple):
            wrong.append(((name,), f"{shown}: got {short(servers)}. Allowed: a list of servers, as in [server-1]"))
        elif not servers:
            wrong.append(((name,), f"{shown}: no server. Fix: name at least one host of group ml_servers"))
        else:
            for place, server in enumerate(servers):
                if str(server) in owner:
                    twice = "twice" if owner[str(server)] == name else f"also in {owner[str(server)]}"
                    wrong.append(((name, place), f"{shown}: {short(server)} is {twice}. Fix: name it once"))
                owner.setdefault(str(server), shown)
    if wrong:
        raise several(wrong)
    return types


def as_text(data: object) -> object:
    """Return a grid's data with text for all levels of `servers` by type; raises ValidationError for wrong ones."""
    if not isinstance(data, dict):
        return data
    types = data.get("server_types")
    wrong: list[tuple[tuple[str | int, ...], str]] = []
    order = [str(name) for name in types] if isinstance(types, dict) else []

    def written(where: tuple[str | int, ...], level: object) -> object:
        # A stored grid has text, whose order is kept: its types are sorted by name.
        try:
            return text(level, order) if isinstance(level, dict) else level
        except ValueError as error:
            wrong.append((where, f"servers: {error}" if where[0] == "factors" else str(error)))
            return level

    found, factors = dict(data), data.get("factors")
    if isinstance(factors, dict) and isinstance(factors.get("servers"), list | tuple):
        levels = [written(("factors", "servers", place), each) for place, each in enumerate(factors["servers"])]
        found["factors"] = {**factors, "servers": levels}
    for section in ("exclude", "include"):
        if isinstance(data.get(section), list | tuple):
            found[section] = [
                {**cell, "servers": written((section, place, "servers"), cell["servers"])}
                if isinstance(cell, dict) and "servers" in cell
                else cell
                for place, cell in enumerate(data[section])
            ]
    if wrong:
        raise several(wrong)
    return found


ServerTypes = Annotated[dict[str, tuple[str, ...]], BeforeValidator(checked)]
SERVER_TYPES: Any = Field(
    default={},
    description="type → its unequal servers in the inventory; `servers` has numbers by type, as in `{small: 2}`",
    exclude_if=lambda value: not value,  # new keys change no stored grid
)

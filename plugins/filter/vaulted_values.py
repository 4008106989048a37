"""Filter `vaulted_values`: every text among variables that came out of a vault, for the study to mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible._internal._datatag._tags import Origin, VaultedValue

HEADER = b"$ANSIBLE_VAULT;"
# Ansible's own, and private ones of roles and playbooks.
PASSED_OVER = (
    "__",
    "ansible_",
    "hostvars",
    "groups",
    "group_names",
    "vars",
    "play_hosts",
    "inventory_",
    "omit",
    "role_",
)


@cache
def is_vault(path: str) -> bool:
    """Whether a whole file is encrypted."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False


def texts(value: Any) -> Iterator[str]:
    """Texts in a value that were encrypted, alone or with their whole file."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        origin = Origin.get_tag(value)
        if VaultedValue.is_tagged_on(value) or (origin and origin.path and is_vault(origin.path)):
            yield str(value)


def vaulted_values(variables: Mapping[str, Any]) -> list[str]:
    """Each of them once; a variable that cannot be resolved has none."""
    found: set[str] = set()
    for name in variables:
        if not str(name).startswith(PASSED_OVER):  # a name in an inventory may be a number
            try:
                found.update(texts(variables[name]))
            except Exception:  # noqa: S112 - whatever its template does, it is not this filter's matter
                continue
    return sorted(found)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Names of the filters."""
        return {"vaulted_values": vaulted_values}

"""Print the output of Ansible's inventory plugins as JSON: python -m harness.deploy.inventory.snapshot_process PATH.

It runs in a process of its own, because Ansible's modules change the process that loads them. `ansible-inventory` is
not used: it loses which texts are templates of the inventory's author and which came from elsewhere (a tag, for
example), and it adds the variables of files next to the inventory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from harness.deploy import confined_process


def plain(value: Any) -> Any:
    """A value for JSON. Texts with a brace that are no trusted template are marked as {"__unsafe": text}."""
    from ansible.template import is_trusted_as_template

    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return {"__unsafe": text} if "{" in text and not is_trusted_as_template(value) else text


def tree(group: Any) -> dict[str, Any]:
    """A group in the form of a YAML inventory."""
    found: dict[str, Any] = {
        "hosts": {host.name: plain(own_variables(host)) for host in group.hosts},
        "vars": plain(group.vars),
        "children": {
            child.name: below for child in group.child_groups if (below := tree(child)) or child.name != "ungrouped"
        },
    }
    return {name: inner for name, inner in found.items() if inner}


def own_variables(host: Any) -> dict[str, Any]:
    """A host's variables without those that Ansible sets for every host."""
    return {name: value for name, value in host.vars.items() if name not in ("inventory_file", "inventory_dir")}


def main() -> None:
    """Print the inventory. On failure, print Ansible's error to standard error and exit with 1."""
    confined_process.confine()
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()
    try:
        found = InventoryManager(loader=DataLoader(), sources=[sys.argv[1]])
    except AnsibleError as error:
        raise SystemExit(str(error)) from None
    sys.stdout.write(json.dumps({"all": tree(found.groups["all"])}))


if __name__ == "__main__":
    main()

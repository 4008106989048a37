"""Print what Ansible itself reads in an inventory, and the file and line of each host, group and variable.

`python -m harness.deploy.inventory.source_process ROOT PATH` prints one JSON object. It runs only when something is
wrong: for a valid inventory playbooks/describe-inventory.yml is enough.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.deploy import confined_process
from harness.deploy.inventory import files


def place(thing: Any) -> list[Any]:
    """[file, line] that Ansible recorded for a value it read; ["", 0] if it recorded none."""
    from ansible._internal._datatag._tags import Origin

    origin = thing if isinstance(thing, Origin) else Origin.get_tag(thing)
    return [origin.path or "", origin.line_num or 0] if origin else ["", 0]


def reasons(error: BaseException | None) -> list[dict[str, Any]]:
    """An error and its causes, outermost first, each with its place if that is known."""
    found = []
    while error is not None:
        path, line = place(getattr(error, "obj", None))
        line = line or line_of(error)
        exhausted = isinstance(error, MemoryError)
        words = "out of memory" if exhausted else str(getattr(error, "_original_message", "") or error)
        stderr = getattr(error, "_help_text", None) or ""
        found.append({"words": words, "help": stderr, "path": path, "line": line, "out_of_memory": exhausted})
        error = error.__cause__
    return found


def line_of(error: BaseException) -> int:
    """The line at which Ansible's parser of INI files failed, which its error lacks; 0 for other errors."""
    trace = error.__traceback__
    while trace is not None:
        known = trace.tb_frame.f_locals
        if trace.tb_frame.f_code.co_name == "_parse" and {"lines", "line"} <= known.keys():
            return [str(line).strip() for line in known["lines"]].index(str(known["line"]).strip()) + 1
        trace = trace.tb_next
    return 0


def read(root: Path, path: Path) -> dict[str, Any]:
    """Sources that could not be read, warnings, groups, and every host's variables, with their places."""
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.display import Display
    from ansible.vars.manager import VariableManager

    failed: list[dict[str, Any]] = []
    warnings: list[str] = []

    class Manager(InventoryManager):  # type: ignore[misc] # Ansible has no types
        """Records which source it reads, so that each error can be assigned to its source."""

        source = ""

        def _fetch_inventory_plugins(self) -> list[Any]:
            """The plugins that the file is written for, as Ansible reads almost any text as INI."""
            plugins = list(super()._fetch_inventory_plugins())
            if not Path(self.source).is_file():
                return plugins
            return [plugin for plugin in plugins if is_written_for(self.source, plugin)] or plugins

        def parse_source(self, source: str, cache: bool = False) -> bool:
            self.source = source
            before = len(failed)
            read = bool(super().parse_source(source, cache=cache))
            if not read and len(failed) == before:
                failed.append({"source": source, "plugin": "", "reasons": []})
            return read

    display: Any = Display()
    display.error_as_warning = lambda msg=None, exception=None, **_: failed.append(
        {"source": inventory.source, "plugin": str(msg).split("'")[1], "reasons": reasons(exception)}
    )
    display.warning = lambda msg, *_, **__: warnings.append(str(msg))
    display.deprecated = lambda *_, **__: None
    init_plugin_loader()
    loader = DataLoader()
    loader.set_basedir(str(root / "playbooks"))
    found: dict[str, Any] = {"failed": failed, "warnings": warnings, "groups": {}, "hosts": {}, "broken": []}
    inventory: Any = Manager(loader=loader, sources=None, parse=False)
    inventory._sources = [str(path)]
    try:
        inventory.parse_sources()
    except AnsibleError as error:
        found["broken"].append(reasons(error))
        return found
    found["groups"] = {
        name: {"hosts": [str(host) for host in group.get_hosts()], "place": place(name)}
        for name, group in inventory.groups.items()
    }
    read_variables(found, VariableManager(loader=loader, inventory=inventory), inventory, loader, root, path)
    return found


def read_variables(found: dict[str, Any], manager: Any, inventory: Any, loader: Any, root: Path, path: Path) -> None:
    """Add every host's variables to `found["hosts"]`, and what cannot be read to `found["broken"]`."""
    from ansible.errors import AnsibleError

    defaults = role_defaults(root, loader)
    for host in inventory.get_hosts():
        try:
            variables = {**defaults, **manager.get_vars(host=host)}
        except AnsibleError as error:
            if (why := reasons(error)) not in found["broken"]:
                found["broken"].append(why)
            continue
        found["hosts"][str(host)] = {"place": place(host.name), "variables": resolved(loader, variables, path)}


def is_written_for(source: str, plugin: Any) -> bool:
    """Whether a file is written for a plugin."""
    return str(plugin._load_name).rsplit(".", 1)[-1] == files.plugin_of(Path(source))


def role_defaults(root: Path, loader: Any) -> dict[str, Any]:
    """Defaults of all roles, on which an inventory's variables may be built."""
    found: dict[str, Any] = {}
    for file in sorted(root.glob("roles/*/defaults/main.yml")):
        found |= loader.load_from_file(str(file), cache="none", trusted_as_template=True) or {}
    return found


def resolved(loader: Any, variables: dict[str, Any], path: Path) -> dict[str, Any]:
    """Variables that the inventory sets, each with its place, its value and the reasons why it cannot be resolved."""
    from ansible.errors import AnsibleError
    from ansible.template import Templar

    templar: Any = Templar(loader=loader, variables=variables)
    found: dict[str, Any] = {}
    for name, value in variables.items():
        where = place(value) if place(value)[0] else place(name)
        if not Path(where[0] or "/").is_relative_to(path if path.is_dir() else path.parent):
            continue
        found[str(name)] = {"place": where, "why": [], "value": None}
        try:
            found[str(name)]["value"] = json.loads(json.dumps(templar.template(value), default=str))
        except AnsibleError as error:
            found[str(name)]["why"] = reasons(error)
    return found


def main() -> None:
    """Read the inventory at the second argument, for the project at the first one."""
    confined_process.confine()
    root, path = Path(sys.argv[1]), Path(sys.argv[2])
    sys.stdout.write(json.dumps(read(root, path), default=str) + "\n")


if __name__ == "__main__":
    main()

"""Inventories that ask somebody for their hosts, asked once: what they answered, as files of a static one.

A study switches its topology a hundred times and must not meet other machines halfway, nor ask a cloud each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from harness.deploy import confined_process, private, unsafe_yaml
from harness.deploy.inventory import positions
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput
from harness.records import files

VARIABLES = ("group_vars", "host_vars")


def ask(root: Path, path: Path) -> Path:
    """Ask an inventory for its hosts; returns a folder that answers the same for good. Raises BadInput.

    What is written beside the inventory for groups and hosts is copied, so that it counts for the folder's hash.
    """
    folder = root / ".state" / "inventory" / f"asked-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    said = _answer(root, path)
    private.make(private.make(folder.parent) / folder.name)
    for name in VARIABLES:
        shutil.rmtree(folder / name, ignore_errors=True)
        if (_beside(path) / name).is_dir():
            shutil.copytree(_beside(path) / name, folder / name)
    _write(folder / "hosts.yml", said)
    return folder


def keep(asked: Path, path: Path, folder: Path) -> Path:
    """Put an answer into a study's folder, with links to the variables written beside `path`."""
    private.make(folder)
    files.replace(folder / "hosts.yml", (asked / "hosts.yml").read_bytes(), mode=0o600)
    for name in VARIABLES:
        (folder / name).unlink(missing_ok=True)
        if (_beside(path) / name).is_dir():
            (folder / name).symlink_to((_beside(path) / name).resolve(), target_is_directory=True)
    return folder


def moved(inventory: Inventory, folder: Path) -> list[str]:
    """Which hosts have other addresses than when this was called last, one line each; remembers today's."""
    file = folder / ".addresses.json"  # hidden, or Ansible would take it for an inventory
    now = {
        host.name: [str(host.variables.get(name) or "") for name in ("private_ip", "ansible_host")]
        for host in inventory.hosts
    }
    try:
        before: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    file.write_text(json.dumps(now, indent=1), encoding="utf-8")
    return [
        f"{name}: {' / '.join(before[name])} → {' / '.join(found)}"
        for name, found in now.items()
        if name in before and before[name] != found
    ]


def _beside(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _answer(root: Path, path: Path) -> Any:
    """What Ansible makes of the inventory, in a process of its own; raises BadInput with its words."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "PYTHONPATH": str(root),
    }
    try:
        done = confined_process.run(
            "harness.deploy.inventory.snapshot_process", [str(path)], root, environment, positions.LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise BadInput(positions.too_slow(path)) from None
    if confined_process.out_of_memory(done):
        raise BadInput(positions.too_large(path))
    if done.returncode:
        words = " ".join(done.stderr.split())[-1500:]
        unread = positions.Places.read(root, path).unread()
        raise BadInput(*(unread or [f"{path}: the inventory cannot be asked for its hosts: {words}"]))
    return json.loads(done.stdout)


def _write(file: Path, said: Any) -> None:
    files.replace(file, unsafe_yaml.dump(_marked(said)).encode(), mode=0o600)


def _marked(said: Any) -> Any:
    """Mark the texts that snapshot_process wrote as {"__unsafe": ...}."""
    if isinstance(said, dict):
        return (
            unsafe_yaml.Unsafe(said["__unsafe"])
            if set(said) == {"__unsafe"}
            else {k: _marked(v) for k, v in said.items()}
        )
    return [_marked(one) for one in said] if isinstance(said, list) else said

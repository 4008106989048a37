"""Snapshots of inventories that execute programs: their output, stored as the files of a static inventory.

A study switches its topology a hundred times. It must not find other machines halfway, nor call a cloud's API each
time.
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
from harness.deploy.inventory.files import VARIABLE_FOLDERS
from harness.errors import BadInput
from harness.records import files


def take(root: Path, path: Path) -> Path:
    """Run the programs of an inventory and return the folder with their output; raises BadInput.

    The folders of variables next to the inventory are copied, so that they are part of the folder's hash.
    """
    folder = root / ".state" / "inventory" / f"snapshot-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    output = _output(root, path)
    private.make(private.make(folder.parent) / folder.name)
    for name in VARIABLE_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
        if (_base(path) / name).is_dir():
            shutil.copytree(_base(path) / name, folder / name)
    _write(folder / "hosts.yml", output)
    return folder


def keep(taken: Path, path: Path, folder: Path) -> Path:
    """Copy a snapshot into a study's folder, with links to the variables next to the inventory at `path`."""
    private.make(folder)
    files.replace(folder / "hosts.yml", (taken / "hosts.yml").read_bytes(), mode=0o600)
    for name in VARIABLE_FOLDERS:
        (folder / name).unlink(missing_ok=True)
        if (_base(path) / name).is_dir():
            (folder / name).symlink_to((_base(path) / name).resolve(), target_is_directory=True)
    return folder


def _base(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _output(root: Path, path: Path) -> Any:
    """What Ansible makes of the inventory, in a confined process; raises BadInput with its messages."""
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
        message = " ".join(done.stderr.split())[-1500:]
        unread = positions.Places.read(root, path).unread()
        raise BadInput(*(unread or [f"{path}: the inventory cannot list its hosts: {message}"]))
    return json.loads(done.stdout)


def _write(file: Path, output: Any) -> None:
    files.replace(file, unsafe_yaml.dump(_marked(output)).encode(), mode=0o600)


def _marked(value: Any) -> Any:
    """Mark the texts that snapshot_process wrote as {"__unsafe": ...}."""
    if isinstance(value, dict) and set(value) == {"__unsafe"}:
        return unsafe_yaml.Unsafe(value["__unsafe"])
    if isinstance(value, dict):
        return {name: _marked(inner) for name, inner in value.items()}
    return [_marked(inner) for inner in value] if isinstance(value, list) else value

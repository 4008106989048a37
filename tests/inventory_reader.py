"""`python -m tests.inventory_reader ROOT`: reads inventory paths on standard input, prints one JSON line for each.

Ansible is loaded once, and each path is read in a fork of that process: 60 bad inventories take seconds, not minutes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from harness.deploy.inventory import source_process


def read_in_a_fork(root: Path, path: Path) -> str:
    """Return the line that `harness.deploy.inventory.source_process` prints for a path; empty if it failed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as out:
                out.write(json.dumps(source_process.read(root, path), default=str))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as printed:
        line = printed.read()
    os.waitpid(child, 0)
    return line


def main() -> None:
    root = Path(sys.argv[1])
    source_process.read(root, root / "inventory" / "ec2")  # loads all modules that a fork needs
    for line in sys.stdin:
        sys.stdout.write((read_in_a_fork(root, Path(line.strip())) or "{}") + "\n")


if __name__ == "__main__":
    main()

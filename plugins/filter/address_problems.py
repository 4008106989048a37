"""Filter `address_problems`: what is wrong with hosts' private addresses."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))  # one rule for site.yml and study.py
from harness.deploy.inventory import addresses


def address_problems(names: list[str], hostvars: Mapping[str, Any]) -> list[str]:
    """One line for each problem of these hosts' `private_ip`."""
    return addresses.problems(
        {
            "name": name,
            "private_ip": hostvars[name].get("private_ip"),
            "ansible_host": hostvars[name].get("ansible_host"),
        }
        for name in names
    )


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, object]:
        """Name the filters of this plugin."""
        return {"address_problems": address_problems}

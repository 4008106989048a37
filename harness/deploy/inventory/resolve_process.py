"""Print an inventory as Ansible resolves it, as JSON: python -m harness.deploy.inventory.resolve_process ROOT PATH.

With names of variables after PATH it prints their values for the first load generator, decrypted. It runs in a confined
process, because an inventory can take any amount of time and memory.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.deploy import confined_process
from harness.errors import DeployFailed


def main() -> None:
    """Print {"hosts": [[host, its description], ...]}, {"values": {name: value}} or {"failed": reason}."""
    confined_process.confine()
    root, source, *names = sys.argv[1:]
    try:
        answer = _values(Path(root), Path(source), names) if names else _hosts(Path(root), Path(source))
    except DeployFailed as error:
        answer = {"failed": str(error)}
    sys.stdout.write(json.dumps(answer))


def _hosts(root: Path, source: Path) -> dict[str, Any]:
    from harness.deploy.ansible import Ansible  # takes long to load

    # Ansible would check each role's variables on each host, but the study checks them and knows file and line.
    os.environ["ANSIBLE_SKIP_TAGS"] = "always"
    outcome = Ansible(root, source).run("playbooks/describe-inventory.yml")
    return {"hosts": [(host, result["msg"]) for host, _, result in outcome.results if _is_mapping(result)]}


def _values(root: Path, source: Path, names: list[str]) -> dict[str, Any]:
    from harness.deploy.ansible import Ansible  # takes long to load

    outcome = Ansible(root, source).run("playbooks/read-secrets.yml", {"study_secret_names": names})
    found: dict[str, object] = next((result["msg"] for _, _, result in outcome.results if _is_mapping(result)), {})
    return {"values": {name: str(value) for name, value in found.items()}}


def _is_mapping(result: dict[str, Any]) -> bool:
    return isinstance(result.get("msg"), dict)


if __name__ == "__main__":
    main()

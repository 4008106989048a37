"""Print an inventory as Ansible resolves it, as JSON: python -m harness.deploy.inventory.resolve_process ROOT PATH.

It runs in a confined process, because an inventory can take any amount of time and memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.deploy import confined_process
from harness.errors import DeployFailed


def main() -> None:
    """Print {"hosts": [[host, its description], ...]} or {"failed": reason}."""
    confined_process.confine()
    from harness.deploy.ansible import Ansible  # takes long to load

    root, source = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        outcome = Ansible(root, source).run("playbooks/describe-inventory.yml")
    except DeployFailed as error:
        sys.stdout.write(json.dumps({"failed": str(error)}))
        return
    hosts = [(host, result["msg"]) for host, _, result in outcome.results if isinstance(result.get("msg"), dict)]
    sys.stdout.write(json.dumps({"hosts": hosts}))


if __name__ == "__main__":
    main()

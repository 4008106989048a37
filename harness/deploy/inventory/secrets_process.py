"""Print variables of the first load generator: python -m harness.deploy.inventory.secrets_process ROOT PATH NAME…

It runs in a confined process, because an inventory can take any amount of time and memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.deploy import confined_process
from harness.errors import DeployFailed


def main() -> None:
    """Print {"values": {name: value}} or {"failed": reason}."""
    confined_process.confine()
    from harness.deploy.ansible import Ansible  # takes long to load

    root, source, *names = sys.argv[1:]
    try:
        outcome = Ansible(Path(root), Path(source)).run("playbooks/read-secrets.yml", {"study_secret_names": names})
    except DeployFailed as error:
        sys.stdout.write(json.dumps({"failed": str(error)}))
        return
    found: dict[str, object] = next(
        (result["msg"] for _, _, result in outcome.results if isinstance(result.get("msg"), dict)), {}
    )
    sys.stdout.write(json.dumps({"values": {name: str(value) for name, value in found.items()}}))


if __name__ == "__main__":
    main()

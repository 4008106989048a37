"""Bad inventories in tests/data, and the error message that each must cause."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "data" / "bad_inventories"
CASES = sorted(path for path in FOLDER.iterdir() if path.name != "group_vars")
# Errors that only the complete resolution finds: an address that cannot be resolved, and the output of a program.
FULL_RESOLUTION_ONLY = ("ansible-host-missing.yml", "script-loopback")


def expected(case: Path) -> str:
    """Return the expected message of a case: file, line and text."""
    if case.is_dir():
        message = (case / "expect.txt").read_text(encoding="utf-8").strip()
        return f"{case}/{message}" if re.match(r"\S+:\d+: ", message) else f"{case}: {message}"
    found = re.match(r"# expect (\d+): (.*)", case.read_text(encoding="utf-8"))
    assert found, f"{case} must begin with '# expect LINE: MESSAGE'"
    return f"{case}:{found[1]}: {found[2]}"


def without_accounts(patch: pytest.MonkeyPatch, nowhere: Path) -> None:
    """Remove cloud accounts and Ansible settings from the environment."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "ANSIBLE_"))]:
        patch.delenv(name)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", str(nowhere))
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))

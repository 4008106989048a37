"""Read the files that ansible-runner writes for a playbook."""

from __future__ import annotations

import re
from pathlib import Path


def last_output(folder: Path) -> str:
    """The end of Ansible's output on one line; its errors if there are any."""
    try:
        text = (folder / "stdout").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [" ".join(line.split()) for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"\[?ERROR\b|.*: error: ", line)]
    return " ".join((errors or lines)[-3:])

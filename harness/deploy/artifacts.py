"""What ansible-runner leaves of a playbook in a folder: read once, then removed."""

from __future__ import annotations

import re
from pathlib import Path


def last_words(folder: Path) -> str:
    """What Ansible printed last of all, its errors if there are any; on one line."""
    try:
        text = (folder / "stdout").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [" ".join(line.split()) for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"\[?ERROR\b|.*: error: ", line)]
    return " ".join((errors or lines)[-3:])

"""Filter `context_hash`: what identifies an image that is built here."""

from __future__ import annotations

import hashlib
from pathlib import Path

IGNORED = {"__pycache__", "wheels"}


def context_hash(context: str, *more: object) -> str:
    """Hash a build context: every file's relative path and bytes, then `more`, as 12 hex digits.

    The digest of a finished build would not do: it differs every time. Wheels are left out because
    the requirements files name them by hash. Raises ValueError when there is no such directory.
    """
    root = Path(context)
    if not root.is_dir():
        raise ValueError(f"no build context at {context}")
    digest = hashlib.sha256()
    files = (p for p in root.rglob("*") if p.is_file() and not IGNORED & set(p.parts))
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    for item in more:
        digest.update(f"\0{item}".encode())
    return digest.hexdigest()[:12]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, object]:
        """Name the filters of this plugin."""
        return {"context_hash": context_hash}

"""The key that masks secrets: one for each user and machine, in a file that only the user can read.

It is not part of a study. With another key, as on another machine, a study resumes; only a change of a masked value is
not detected then.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from harness import process_environment
from harness.errors import CannotRun

BYTES = 32


def place() -> Path:
    """Return the path of the key."""
    home = os.environ.get("XDG_STATE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else process_environment.home() / ".local" / "state"
    return base / "scale-out" / "identity.key"


def read() -> bytes:
    """Return the key, created at the first call; raises CannotRun if it cannot be read or created."""
    file = place()
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as written:
                written.write(secrets.token_bytes(BYTES))
                written.flush()
                os.fsync(written.fileno())
            try:
                os.link(aside, file)  # of two simultaneous processes the first one wins
            except FileExistsError:
                pass
            finally:
                aside.unlink()
        file.chmod(0o600)
        key = file.read_bytes()
    except OSError as error:
        raise CannotRun(
            f"{file}: the key that masks secrets cannot be read: {error.strerror}. "
            "Fix: set HOME or XDG_STATE_HOME to a folder that this user can write"
        ) from None
    if len(key) < BYTES:
        raise CannotRun(f"{file}: not a key of {BYTES} bytes (got {len(key)}). Fix: remove it; it is created again")
    return key

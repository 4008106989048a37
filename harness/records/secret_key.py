"""The key by which secrets are masked: this user's on this machine, in a file that nobody else can read.

It is no part of a study. Where it is another one, as on another machine, a study goes on all the same: only whether a
masked value changed cannot be told then.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from harness.errors import CannotRun

BYTES = 32


def place() -> Path:
    """Where the key lies."""
    home = os.environ.get("XDG_STATE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    return base / "scale-out" / "identity.key"


def read() -> bytes:
    """The key, made at the first call; raises CannotRun where it can be neither read nor made."""
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
                os.link(aside, file)  # of two that begin at once the first one's counts
            except FileExistsError:
                pass
            finally:
                aside.unlink()
        file.chmod(0o600)
        key = file.read_bytes()
    except OSError as error:
        raise CannotRun(f"{file}: the key that secrets are masked with cannot be read: {error.strerror}") from None
    if len(key) < BYTES:
        raise CannotRun(f"{file}: this is no key of {BYTES} bytes. Fix: remove the file; another one is made")
    return key

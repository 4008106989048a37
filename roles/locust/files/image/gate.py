"""Who may start and stop load: only a client that read this process's token, and only against the balancer.

The token is random, made when the master starts, and lies in a file that its own user alone can read. A client with
access to the container engine reads it there, so it stands on no command line and in no variable of the environment.
No Locust in here.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from flask import Flask, jsonify, request

TOKEN_FILE = "/tmp/study-token"  # noqa: S105, S108 - a file in the container's own tmpfs
PATHS = "/study/"


def new_token(file: Path) -> str:
    """Write a new token into a file that only this user can read, and return it."""
    token = secrets.token_urlsafe(32)
    aside = file.with_name(f".{file.name}-{os.getpid()}")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as written:
        written.write(token)
    aside.replace(file)
    return token


def guard(app: Flask, token: str) -> None:
    """Refuse every request that has not the token, is not JSON where it has a body, or is not for the study.

    Locust's own pages can start load as well, and allow every other website to use them.
    """
    expected = f"Bearer {token}".encode()

    @app.before_request
    def refuse() -> Any:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            return jsonify({"error": "the token of this load generator is missing or wrong"}), 401
        if not request.path.startswith(PATHS):
            return jsonify({"error": f"there is nothing here but {PATHS}"}), 404
        if request.method not in ("GET", "HEAD") and request.mimetype != "application/json":
            return jsonify({"error": "the content type must be application/json"}), 415
        return None


def check_target(url: str, target: str) -> None:
    """Raise ValueError for a URL that is not the balancer's."""
    if not target:
        raise ValueError("this load generator was given no target: set locust_target_url")
    if not url.startswith(f"{target.rstrip('/')}/"):
        raise ValueError(f"{url} is not below {target}, the only target of this load generator")

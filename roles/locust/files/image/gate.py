"""Access control: only a client with this process's token may start load, and only against the balancer.

The token is random, created when the master starts, and stored in a file that only its user can read. A client with
access to the container engine reads it there, so it is on no command line and in no environment variable. No Locust
here.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, jsonify, request

TOKEN_FILE = "/tmp/study-token"  # noqa: S105, S108 - a file in the container's own tmpfs
PATHS = "/study/"


def new_token(file: Path) -> str:
    """Write a new token into a file that only this user can read; return it."""
    token = secrets.token_urlsafe(32)
    aside = file.with_name(f".{file.name}-{os.getpid()}")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as written:
        written.write(token)
    aside.replace(file)
    return token


def guard(app: Flask, token: str) -> None:
    """Reject requests without the token, outside of /study/, or with a body that is not JSON.

    Locust's own pages can start load as well, and allow requests from any website.
    """
    expected = f"Bearer {token}".encode()

    @app.before_request
    def reject() -> Any:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            return jsonify({"error": "the token of this load generator is missing or wrong"}), 401
        if not request.path.startswith(PATHS):
            return jsonify({"error": f"not found. Allowed: paths below {PATHS}"}), 404
        if request.method not in ("GET", "HEAD") and request.mimetype != "application/json":
            return jsonify({"error": "the content type must be application/json"}), 415
        return None


def over_tls(target: str) -> str:
    """The HTTPS URL of the same address and port, on which the balancer serves either; without a slash at its end."""
    parts = urlsplit(target.rstrip("/"))
    if parts.scheme != "http":
        return target.rstrip("/")
    return parts._replace(scheme="https", netloc=parts.netloc if parts.port else f"{parts.netloc}:80").geturl()


def check_target(url: str, target: str) -> None:
    """Raise ValueError for a URL outside of the balancer."""
    if not target:
        raise ValueError("this load generator has no target. Fix: set locust_target_url.")
    if not url.startswith((f"{target.rstrip('/')}/", f"{over_tls(target)}/")):
        raise ValueError(f"url: not the target of this load generator (got {url}). Allowed: URLs below {target}.")

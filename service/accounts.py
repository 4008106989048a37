"""Login and history of users, without any state: tokens are signed, and a history follows from the user's name.

Every server accepts the token of every other one, because all sign with a key derived from the same password.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from dataclasses import dataclass

LIFETIME_S = 86_400
MOST_ENTRIES = 100
_DIGITS = 10


@dataclass(frozen=True)
class Entry:
    """A prediction that a user requested earlier: its digit, its confidence and its age in seconds."""

    label: int
    confidence: float
    age_s: int


class Accounts:
    """Users, who all have the same password. A demonstration: the password protects nothing."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._key = hashlib.sha256(b"access tokens\n" + self._password).digest()

    def log_in(self, user: str, password: str, now_s: int) -> str | None:
        """Return a token of a user that expires after LIFETIME_S; None for a wrong password."""
        if not hmac.compare_digest(password.encode(), self._password):
            return None
        claim = f"{user.encode().hex()}.{now_s + LIFETIME_S}"
        return f"{claim}.{self._signature(claim)}"

    def user_of(self, token: str, now_s: int) -> str | None:
        """Return the user of a token; None for a token that is expired or not from `log_in`."""
        claim, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(claim).encode()):
            return None
        name, _, expires_s = claim.partition(".")
        return bytes.fromhex(name).decode() if now_s < int(expires_s) else None

    def _signature(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(), hashlib.sha256).hexdigest()


def history(user: str, limit: int) -> list[Entry]:
    """Return a user's last `limit` predictions, the newest first. They are invented, and equal on every server."""
    drawn = random.Random(user)  # noqa: S311 - a text, whose hash seeds the generator: no secret
    found, age_s = [], 0
    for _ in range(limit):
        age_s += drawn.randint(1, 3600)
        found.append(Entry(drawn.randrange(_DIGITS), round(drawn.uniform(0.5, 1.0), 4), age_s))
    return found

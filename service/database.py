"""A PostgreSQL that several servers share: every prediction holds one of its connections for a fixed time.

It gives a service a dependency of exactly known capacity: c connections that are each held for s seconds serve c / s
requests per second, however many servers there are. Like a paced slot (service/pace.py), a connection is held from the
arrival of the request or from the end of the previous one, so late wake-ups lose no capacity. The database function
`hold` of roles/dependency/files/postgresql computes that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import asyncpg

CONNECT_S = 10.0


@dataclass(frozen=True)
class DatabaseSettings:
    """Address of the database, seconds for which a request holds a connection, most connections of a process."""

    url: str
    hold_s: float
    connections: int


class _Plain(asyncpg.Connection):  # type: ignore[misc] # asyncpg ships no types
    """A connection that keeps its state when it is released; the database stores the end of each hold in it."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """Connections of one process. Use as a context; `hold` waits for a free one."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Connect; raises OSError or asyncpg's errors if the database does not answer."""
        self._pool = await asyncpg.create_pool(
            self._settings.url,
            connection_class=_Plain,
            min_size=1,
            max_size=self._settings.connections,
            max_inactive_connection_lifetime=0,
            statement_cache_size=0,
            timeout=CONNECT_S,
        )

    async def close(self) -> None:
        """Close all connections at once."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def hold(self) -> None:
        """Hold a connection for the fixed time, counted from now or from the end of its previous hold."""
        if self._pool is None:
            raise RuntimeError("the database is not connected")
        arrived = time.time()
        async with self._pool.acquire() as connection:
            # Without parameters it is one message, so a pooler in front of the database needs no prepared statement.
            await connection.execute(f"SELECT hold({self._settings.hold_s!r}, {arrived!r})")

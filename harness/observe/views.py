"""Views of databases and caches on their own connections: the clients that read them, and their output. Pure.

One session of the program's own client reads the view once a second, because a new client each time would cost the
dependency some percent of a core. The account's password stays in the container: its client gets it from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LABELS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "redis": "Redis"}
CORES = {"redis": 1}  # that one program can use: Redis executes commands on a single thread
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Connections that execute a statement or hold a transaction, without this one. Those for superusers are for no server.
# psql keeps its output until a page is full, but not what it gives to another program.
_POSTGRESQL = (
    "SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()), "
    "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - 1, "
    "coalesce(max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE wait_event_type = 'Lock'), 0) "
    "FROM pg_stat_activity \\g |cat"
)
_MYSQL = (
    "SELECT COALESCE(SUM(COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump') AND ID <> CONNECTION_ID()), 0), "
    "@@max_connections - 1, COALESCE(MAX(IF(STATE LIKE '%lock%', TIME, 0)), 0) FROM information_schema.PROCESSLIST;"
)


@dataclass(frozen=True)
class ConnectionUse:
    """Connections `in_use`, the `most` that are accepted, and the longest wait in seconds; None if it is unknown."""

    in_use: int
    most: int
    longest_wait_s: float | None


@dataclass(frozen=True)
class View:
    """How one kind of program is read: its client, the variable with its password, the question, and the output.

    `client` returns the client's command line for an account and a database.
    """

    client: Callable[[str, str], str]
    password: str
    question: str
    read: Callable[[str, dict[str, int]], ConnectionUse | None]


def reader(variables: Mapping[str, Any], seconds: int) -> tuple[View, list[str]] | None:
    """The view that a dependency's variables select, with the command that reads it once in each of `seconds`.

    None for a dependency without a view or without an account for it.
    """
    view = VIEWS.get(str(variables.get("dependency_kind") or ""))
    user = str(variables.get("dependency_view_user") or "")
    credential = str(variables.get("dependency_view_credential") or "")
    database = str(variables.get("dependency_view_database") or "")
    if view is None or not _NAME.fullmatch(user) or (database and not _NAME.fullmatch(database)):
        return None
    password = f'export {view.password}="${{{credential}-}}"; ' if _NAME.fullmatch(credential) else ""
    script = (
        f"{password}i=0; while [ $i -lt {seconds} ]; do printf '%s\\n' \"$1\"; i=$((i + 1)); sleep 1; done | "
        f"{view.client(user, database)}"
    )
    return view, ["sh", "-c", script, "sh", view.question]


def _columns(separator: str) -> Callable[[str, dict[str, int]], ConnectionUse | None]:
    def read(line: str, _: dict[str, int]) -> ConnectionUse | None:
        fields = line.strip().split(separator)
        try:
            return ConnectionUse(int(fields[0]), int(fields[1]), float(fields[2]))
        except (IndexError, ValueError):
            return None

    return read


def _redis(line: str, seen: dict[str, int]) -> ConnectionUse | None:
    """A Redis needs no connection for a request in it, so all connected clients count."""
    name, _, value = line.strip().partition(":")
    if value.isdecimal():
        seen[name] = int(value)
    if name != "maxclients" or "connected_clients" not in seen:
        return None
    return ConnectionUse(seen.pop("connected_clients"), seen[name], None)


VIEWS = {
    "postgresql": View(
        lambda user, database: f"psql -XAtq -U {user} {database or 'postgres'}",
        "PGPASSWORD",
        _POSTGRESQL,
        _columns("|"),
    ),
    "mysql": View(
        lambda user, database: f"mysql --batch --skip-column-names --unbuffered --user={user} {database}",
        *("MYSQL_PWD", _MYSQL, _columns("\t")),
    ),
    "redis": View(
        lambda user, _: "redis-cli" if user == "default" else f"redis-cli --user {user}",
        *("REDISCLI_AUTH", "INFO clients", _redis),
    ),
}

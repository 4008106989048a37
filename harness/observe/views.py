"""Views of databases and caches on their own connections: the clients that read them, and their output. Pure.

One session of the program's own client reads the view once a second, because a new client each time would cost the
dependency some percent of a core. The account's password stays in the container: its client gets it from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LABELS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "redis": "Redis"}
CORES = {"redis": 1}  # that one program can use: Redis executes commands on a single thread
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"/[\w./@-]+", re.ASCII)
# Connections that execute a statement or hold a transaction, without this one. Those for superusers are for no server.
# An account without pg_monitor sees the sessions of others without their states, and would count none of them.
# psql keeps its output until a page is full, but not what it gives to another program.
_POSTGRESQL = (
    "SELECT CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') "
    "THEN (count(*) FILTER (WHERE state <> 'idle'))::text ELSE 'no member of pg_monitor' END, "
    "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int "
    "- coalesce(current_setting('reserved_connections', true)::int, 0) - 1, "
    "coalesce(max(extract(epoch FROM clock_timestamp() - query_start)) FILTER (WHERE wait_event_type = 'Lock'), 0), "
    "count(*) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \\g |cat"
)
# A session that sleeps may hold a transaction. INNODB_TRX also has the waits for row locks, in whole seconds, and is an
# error without the right PROCESS, whereas PROCESSLIST would have only the sessions of this account.
_MYSQL = (
    "SET SESSION time_zone = 'SYSTEM'; "
    "SELECT COALESCE(SUM(COMMAND NOT IN ('Sleep', 'Binlog Dump', 'Binlog Dump GTID') "
    "OR ID IN (SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX)), 0), @@max_connections - 1, "
    "GREATEST(COALESCE(MAX(IF(STATE LIKE '%lock%', TIME, 0)), 0), COALESCE((SELECT "
    "MAX(TIMESTAMPDIFF(SECOND, trx_wait_started, NOW())) FROM information_schema.INNODB_TRX), 0)), COUNT(*) "
    "FROM information_schema.PROCESSLIST "
    "WHERE ID <> CONNECTION_ID() AND COMMAND <> 'Daemon' AND USER <> 'system user';"
)
_REFUSED = re.compile(
    r"(?i)too many connections|max number of clients reached|too many clients already|connection slots are reserved"
)
_NO_RIGHT = {
    "postgresql": "GRANT pg_monitor TO {user}",
    "mysql": "GRANT PROCESS ON *.* TO {user}",
    "mariadb": "GRANT PROCESS ON *.* TO {user}",
    "redis": "ACL SETUSER {user} +info",
}
# Pattern in a client's output → fix, with the names of the account and the client. The first match counts.
_FIXES = (
    (_REFUSED, "raise the dependency's limit of connections, or end other programs that use them"),
    (re.compile(r"(?i)no member of pg_monitor|PROCESS privilege|NOPERM"), "{right}"),
    (
        re.compile(r"(?i)peer authentication|no pg_hba\.conf entry"),
        "set dependency_view_arguments to [-h, 127.0.0.1], or allow the account in pg_hba.conf",
    ),
    (re.compile(r"(?i)database .* does not exist|Unknown database|to database"), "correct dependency_view_database"),
    (
        re.compile(
            r"(?i)access denied|WRONGPASS|NOAUTH|AUTH failed|password|authentication|"
            r"role .* does not exist|^(cat|sh): .*/"
        ),
        "correct dependency_view_user, and the password that dependency_view_credential names",
    ),
    (
        re.compile(r"(?i)not found"),
        "add the client {client} to the image, or remove dependency_view_user and set dependency_connections",
    ),
)
_UNREACHABLE = "set dependency_view_arguments to the options with which {client} connects, as in {options}"
_OPTIONS = {
    "postgresql": "[-h, /run/postgresql] or [-p, '5433']",
    "mysql": "[-S, /run/mysqld/mysqld.sock] or [-P, '3307']",
    "mariadb": "[-S, /run/mysqld/mysqld.sock] or [-P, '3307']",
    "redis": "[-s, /run/redis.sock], [-p, '6380'] or [--tls]",
}


@dataclass(frozen=True)
class ConnectionUse:
    """Connections `in_use`, the `most` that are accepted, the longest wait in seconds, and all open `sessions`.

    None is an unknown value. `sessions` include idle ones.
    """

    in_use: int
    most: int | None
    longest_wait_s: float | None
    sessions: int | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """How one kind of program is read: its client, the variable with its password, the question, and the output.

    `client` returns the client's command line for an account and a database. `program` is the client's name.
    """

    client: Callable[[str, str], str]
    program: str
    password: str
    question: str
    read: Callable[[str, dict[str, int]], ConnectionUse | None]


def reader(variables: Mapping[str, Any], seconds: int) -> tuple[View, list[str]] | None:
    """The view that a dependency's variables select, with the command that reads it once in each of `seconds`.

    The command starts another session when one ends, for example as the dependency restarts or is full. It prints
    errors to its output. None for a dependency without a view or without an account for it.
    """
    view = VIEWS.get(str(variables.get("dependency_kind") or ""))
    user = str(variables.get("dependency_view_user") or "")
    credential = str(variables.get("dependency_view_credential") or "")
    database = str(variables.get("dependency_view_database") or "")
    if view is None or not _NAME.fullmatch(user) or (database and not _NAME.fullmatch(database)):
        return None
    password = ""
    if _NAME.fullmatch(credential):
        password = f'{view.password}="${{{credential}-}}"; export {view.password}; '
    elif _FILE.fullmatch(credential):
        password = f'{view.password}="$(cat {credential})" || exit; export {view.password}; '
    script = (
        f"exec 2>&1; {password}question=$1; shift; end=$(($(date +%s) + {seconds})); "
        "while left=$((end - $(date +%s))); [ $left -gt 0 ]; do i=0; "
        "while [ $i -lt $left ]; do printf '%s\\n' \"$question\" || break; i=$((i + 1)); sleep 1; done | "
        f"{view.client(user, database)}; done"
    )
    options = variables.get("dependency_view_arguments") or []
    return view, ["sh", "-c", script, "sh", view.question, *map(str, options if isinstance(options, list) else [])]


def is_refused(line: str) -> bool:
    """Whether a client reports that all connections are taken."""
    return bool(_REFUSED.search(line))


def problem(variables: Mapping[str, Any], lines: list[str]) -> str:
    """Why a view cannot be read, by the output of its client, with the fix."""
    kind, user = str(variables.get("dependency_kind")), str(variables.get("dependency_view_user"))
    printed = [line.strip()[:200] for line in lines if line.strip()]
    found = next(((line, fix) for pattern, fix in _FIXES for line in printed if pattern.search(line)), None)
    line, fix = found or (printed[-1] if printed else "no output", _UNREACHABLE)
    words = fix.format(right=_NO_RIGHT[kind].format(user=user), client=VIEWS[kind].program, options=_OPTIONS[kind])
    return f"dependency_view_user: {user} cannot read the view of {LABELS[kind]} ({line}). Fix: {words}."


def _columns(separator: str) -> Callable[[str, dict[str, int]], ConnectionUse | None]:
    def read(line: str, _: dict[str, int]) -> ConnectionUse | None:
        fields = line.strip().split(separator)
        try:
            return ConnectionUse(int(fields[0]), int(fields[1]), float(fields[2]), int(fields[3]))
        except (IndexError, ValueError):
            return None

    return read


def _redis(line: str, seen: dict[str, int]) -> ConnectionUse | None:
    """A Redis needs no connection for a request in it, so all connected clients count, without this one.

    Redis before 6.2 reports no `maxclients` here. The last line used is `blocked_clients`, which all versions have.
    """
    name, _, value = line.strip().partition(":")
    if value.isdecimal():
        seen[name] = int(value)
    if name != "blocked_clients" or "connected_clients" not in seen:
        return None
    clients, most = seen.pop("connected_clients") - 1, seen.get("maxclients")
    return ConnectionUse(clients, None if most is None else most - 1, None, clients)


def _mysql(user: str, database: str) -> str:
    """MariaDB's images have no client of the old name, and MySQL's have no other."""
    client = '"$(command -v mariadb || echo mysql)"'
    return f'{client} --batch --skip-column-names --unbuffered --user={user} "$@" {database}'.rstrip()


_OF_MYSQL: dict[str, Any] = {"password": "MYSQL_PWD", "question": _MYSQL, "read": _columns("\t")}
VIEWS = {
    "postgresql": View(
        client=lambda user, database: f'psql -XAtq -U {user} "$@" {database or "postgres"}',
        program="psql",
        password="PGPASSWORD",  # noqa: S106 - the name of a variable, as below
        question=_POSTGRESQL,
        read=_columns("|"),
    ),
    "mysql": View(client=_mysql, program="mysql", **_OF_MYSQL),
    "mariadb": View(client=_mysql, program="mariadb", **_OF_MYSQL),
    "redis": View(
        client=lambda user, _: 'redis-cli "$@"' if user == "default" else f'redis-cli --user {user} "$@"',
        program="redis-cli",
        password="REDISCLI_AUTH",  # noqa: S106
        question="INFO clients",
        read=_redis,
    ),
}

"""Readings of dependencies: established connections, and their own views of connections and waits."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.observe import views, watch
from harness.observe.views import ConnectionUse

AGENT = Path(watch.__file__).parent / "agents" / "connections.py"
UNTHROTTLED = {"periods": 0, "throttled_periods": 0}
POSTGRESQL = {"dependency_kind": "postgresql", "dependency_view_user": "watcher", "dependency_view_database": "app"}


def test_the_established_connections_at_a_port_are_counted() -> None:
    """The program runs on every machine and uses only the standard library."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        process = subprocess.Popen(
            [sys.executable, "-I", str(AGENT), "self", str(port)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        for client in clients:
            client.close()
        process.kill()
        process.communicate()
    assert first["established"] == 3


def read(variables: dict[str, Any], folder: Path, program: str, prints: str, **environment: str) -> list[str]:
    """Read a view for one second with a client that prints its password, its arguments and `prints`."""
    client = folder / program
    client.write_text(f'#!/bin/sh\ncat > question\necho "$PGPASSWORD$MYSQL_PWD$REDISCLI_AUTH $*"\nprintf "{prints}"\n')
    client.chmod(0o755)
    found = views.reader(variables, 1)
    assert found is not None
    view, command = found
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, env={**environment, "PATH": path}
    )
    assert set((folder / "question").read_text().splitlines()) == {view.question}
    return done.stdout.splitlines()


def test_the_account_and_its_password_reach_only_the_client(tmp_path: Path) -> None:
    variables = {**POSTGRESQL, "dependency_view_credential": "WATCHER_PASSWORD"}
    first, line = read(variables, tmp_path, "psql", r"41|42|0.5|60\n", WATCHER_PASSWORD="s3cret")  # noqa: S106 - not one
    assert first == "s3cret -XAtq -U watcher app"
    assert views.VIEWS["postgresql"].read(line, {}) == ConnectionUse(41, 42, 0.5, 60)
    found = views.reader(variables, 1)
    assert found is not None
    assert "s3cret" not in " ".join(found[1])


def test_a_password_may_be_in_a_file_and_the_client_may_have_options(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    cache = {"dependency_kind": "redis", "dependency_view_user": "watcher", "dependency_view_arguments": ["-p", 6380]}
    first, *_ = read({**cache, "dependency_view_credential": f"{tmp_path}/password"}, tmp_path, "redis-cli", "")
    assert first == "s3cret --user watcher -p 6380"


def test_each_kind_has_a_client_and_a_parser(tmp_path: Path) -> None:
    mysql = {"dependency_kind": "mysql", "dependency_view_user": "watcher"}
    first, line = read(mysql, tmp_path, "mysql", r"7\t150\t3\t9\n")
    assert first == " --batch --skip-column-names --unbuffered --user=watcher"
    assert views.VIEWS["mysql"].read(line, {}) == ConnectionUse(7, 150, 3.0, 9)
    mariadb = {"dependency_kind": "mariadb", "dependency_view_user": "watcher"}
    first, _ = read(mariadb, tmp_path, "mariadb", r"7\t150\t3\t9\n")
    assert first.endswith("--user=watcher")
    redis = {"dependency_kind": "redis", "dependency_view_user": "default"}
    for most, limit in ((r"maxclients:10000\r\n", 9999), ("", None)):  # Redis before 6.2 does not report it
        lines = read(redis, tmp_path, "redis-cli", rf"# Clients\r\nconnected_clients:5\r\n{most}blocked_clients:0\r\n")
        seen: dict[str, int] = {}
        uses = [use for line in lines if (use := views.VIEWS["redis"].read(line, seen))]
        assert uses == [ConnectionUse(4, limit, None, 4)]


@pytest.mark.parametrize("line", ["", "ERROR:  permission denied", "1|2", "a|b|c"])
def test_other_output_is_no_reading(line: str) -> None:
    assert views.VIEWS["postgresql"].read(line, {}) is None


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {**POSTGRESQL, "dependency_view_user": ""},
        {**POSTGRESQL, "dependency_kind": ""},
        {**POSTGRESQL, "dependency_view_user": "a; rm -rf /"},
        {**POSTGRESQL, "dependency_view_database": "$(id)"},
    ],
)
def test_a_dependency_without_a_usable_account_has_no_view(variables: dict[str, Any]) -> None:
    assert views.reader(variables, 1) is None


def test_network_and_disk_use_are_rates_between_two_readings() -> None:
    def reading(second: int, received: int, written: int, **more: Any) -> dict[str, Any]:
        return {
            "read": f"2026-01-01T00:00:0{second}.000000000Z",
            "cpu_stats": {
                "cpu_usage": {"total_usage": second},
                "throttling_data": {"periods": 0, "throttled_periods": 0},
            },
            "memory_stats": {"usage": 1_000_000},
            "networks": {"eth0": {"rx_bytes": received, "tx_bytes": 0}, "eth1": {"rx_bytes": received, "tx_bytes": 0}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "Write", "value": written}]},
            **more,
        }

    seen = watch.host_sample("db", 2.0, reading(0, 0, 0), reading(2, 1_000_000, 500_000))
    assert seen is not None
    assert (seen.received_mb_per_s, seen.sent_mb_per_s) == (1.0, 0.0)
    assert (seen.read_mb_per_s, seen.written_mb_per_s) == (0.0, 0.25)
    seen = watch.host_sample(
        "db", 2.0, reading(0, 0, 0, networks=None), reading(2, 0, 0, networks=None, blkio_stats={})
    )
    assert seen is not None
    assert (seen.received_mb_per_s, seen.written_mb_per_s) == (None, None)

"""Views of real databases and caches: what they count, accounts without rights, and servers that are full.

MariaDB and Redis are Debian's. Each test has a container of its own, without the lab.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.deploy.inventory.resolve import describe
from harness.observe.containers import Probes
from harness.observe.views import ConnectionUse
from tests.integration.conftest import ROOT, playbook
from tests.integration.containers.databases.image import databases_image

pytestmark = pytest.mark.concurrent

PASSWORD = "open-sesame"  # noqa: S105 - of a database without data
ACCOUNT = {"dependency_view_user": "watcher", "dependency_view_credential": "WATCHER_PASSWORD"}
ACL = ["--user", "watcher", "on", f">{PASSWORD}", "-@all", "+info", "--user", "nobody", "on", f">{PASSWORD}", "-@all"]
WITHIN_S = 60.0
Run = Callable[..., "Database"]


class Database:
    """A container with a database, and the probes of a study that has it as its only dependency."""

    def __init__(self, container: Container, kind: str) -> None:
        self.container = container
        self.kind = kind

    def host(self, **variables: Any) -> Host:
        """The dependency with these variables in addition to those of its account."""
        known = {
            "study_container_engine": "local",
            "study_container": self.container.name,
            "dependency_kind": self.kind,
            "dependency_port": 3306 if self.kind == "mariadb" else 6379,
        }
        return Host.parse("db", "dependencies", {**known, **ACCOUNT, **variables}, ("dependencies",))

    def problem(self, **variables: Any) -> str:
        """Why the view cannot be read; empty if it can."""
        host = self.host(**variables)
        with Connections(Inventory("here", (host,))) as connections:
            return Probes(Inventory("here", (host,)), connections).view_problem(host)

    @contextlib.contextmanager
    def readings(self) -> Iterator[list[ConnectionUse]]:
        """The growing list of the view's readings, after the check of the view, as in a study."""
        host = self.host()
        with Connections(Inventory("here", (host,))) as connections:
            probes = Probes(Inventory("here", (host,)), connections)
            assert probes.view_problem(host) == ""
            found: list[ConnectionUse] = []
            ended = threading.Event()

            def read() -> None:
                with contextlib.closing(probes.connection_use(host, 100)) as session:
                    for use in session:
                        found.append(use)
                        if ended.is_set():
                            return

            thread = threading.Thread(target=read, daemon=True)
            thread.start()
            wait_for(lambda: bool(found))
            yield found
            ended.set()
            thread.join()

    def start(self, command: str) -> None:
        """Start a command of the shell in the container and do not wait for it."""
        self.container.exec_run(["sh", "-c", command], detach=True, environment={"MYSQL_PWD": PASSWORD})

    def sql(self, statements: str) -> None:
        """Run statements as the user of the servers."""
        done = self.container.exec_run(
            ["mariadb", "--user=app", "--host=127.0.0.1", "app", "-e", statements], environment={"MYSQL_PWD": PASSWORD}
        )
        assert done.exit_code == 0, done.output


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient) -> str:
    """The image of MariaDB and Redis, built once from the project's base image."""
    return databases_image(engine)


@pytest.fixture
def run(engine: docker.DockerClient, image: str) -> Iterator[Run]:
    """Start a database as the role does: without capabilities, and as the image's user."""
    made: list[Container] = []

    def start(kind: str, *options: str) -> Database:
        redis = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", *ACL]  # noqa: S104
        command = ["start-mariadb"] if kind == "mariadb" else redis
        container = engine.containers.run(
            image, [*command, *options], detach=True, init=True, cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"], environment={"WATCHER_PASSWORD": PASSWORD},
        )  # fmt: skip
        made.append(container)
        ready = "ready for connections" if kind == "mariadb" else "eady to accept connections"
        wait_for(lambda: ready in container.logs().decode())
        return Database(container, kind)

    yield start
    for container in made:
        container.remove(force=True, v=True)


def test_mariadbs_view_counts_statements_transactions_and_waits(run: Run) -> None:
    """A transaction between two statements holds its connection; a row lock is not in the state of its waiters."""
    database = run("mariadb", "--max-connections=50")
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1)")
    with database.readings() as found:
        wait_for(lambda: found[-1] == ConnectionUse(0, 49, 0.0, 0))
        held = "(echo 'BEGIN; UPDATE t SET v = 2;'; sleep 60)"
        database.start(f"{held} | mariadb --user=app --host=127.0.0.1 --unbuffered app")
        database.start("sleep 60 | mariadb --user=app --host=127.0.0.1 app")
        wait_for(lambda: (found[-1].in_use, found[-1].sessions) == (1, 2))
        database.start("mariadb --user=app --host=127.0.0.1 app -e 'UPDATE t SET v = 3'")
        wait_for(lambda: found[-1].in_use == 2 and (found[-1].longest_wait_s or 0) >= 2)
        everything = str(database.container.top()) + database.container.logs().decode()
        assert "INNODB_TRX" in everything, "the session of the view runs"
        assert PASSWORD not in everything


@pytest.mark.long
def test_rediss_view_counts_clients(run: Run) -> None:
    database = run("redis", "--maxclients", "20")
    with database.readings() as found:
        wait_for(lambda: found[-1] == ConnectionUse(0, 19, None, 0))
        database.start("sleep 60 | redis-cli --user watcher -x info & sleep 60 | redis-cli subscribe a")
        database.start(f"export REDISCLI_AUTH={PASSWORD}; (echo INFO; sleep 60) | redis-cli --user watcher")
        wait_for(lambda: (found[-1].sessions or 0) >= 1)
        reading = str([process for process in database.container.top()["Processes"] if "INFO clients" in str(process)])
        assert "redis-cli --user watcher" in reading
        assert PASSWORD not in reading


CASES: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "mariadb",
        {"dependency_view_user": "nobody"},
        "nobody cannot read the view of MariaDB (ERROR 1227 (42000) at line 1: Access denied; you need (at least one "
        "of) the PROCESS privilege(s) for this operation). Fix: GRANT PROCESS ON *.* TO nobody.",
    ),
    ("mariadb", {"dependency_view_credential": "PATH"}, "Fix: correct dependency_view_user, and the password"),
    ("mariadb", {"dependency_view_credential": "/no/such/file"}, "cat: /no/such/file"),
    ("mariadb", {"dependency_view_database": "other"}, "Fix: correct dependency_view_database."),
    (
        "mariadb",
        {"dependency_view_arguments": ["--socket=/elsewhere"]},
        "Fix: set dependency_view_arguments to the options with which mariadb connects",
    ),
    ("redis", {"dependency_view_user": "nobody"}, "Fix: ACL SETUSER nobody +info."),
    ("redis", {"dependency_view_credential": "PATH"}, "Fix: correct dependency_view_user, and the password"),
    ("redis", {"dependency_view_arguments": ["-p", "6380"]}, "(Could not connect to Redis at 127.0.0.1:6380"),
    ("postgresql", {}, "psql: not found). Fix: add the client psql to the image"),
)


def test_a_view_that_cannot_be_read_is_reported_with_its_fix(run: Run) -> None:
    mariadb, redis = run("mariadb"), run("redis", "--requirepass", PASSWORD)
    databases = {"mariadb": mariadb, "redis": redis, "postgresql": Database(redis.container, "postgresql")}
    with ThreadPoolExecutor(max_workers=len(CASES)) as pool:
        messages = list(pool.map(lambda case: databases[case[0]].problem(**case[1]), CASES))
    for (_, _, words), message in zip(CASES, messages, strict=True):
        assert words in message
        assert PASSWORD not in message


@pytest.mark.long
def test_a_full_database_is_read_as_full(run: Run) -> None:
    """A session that begins after all connections are taken gets none, which is a reading as well."""
    for kind, option, client in (
        ("mariadb", "--max-connections=10", "mariadb --user=app --host=127.0.0.1 app -e 'DO SLEEP(60)'"),
        ("redis", "--maxclients 10", "redis-cli subscribe a"),
    ):
        database = run(kind, *option.split())
        with database.readings() as found:
            wait_for(lambda found=found: (found[-1].sessions, found[-1].most) == (0, 9))  # type: ignore[misc]
            database.start(f"for i in $(seq 12); do (while :; do {client}; sleep 0.1; done) & done; wait")
            wait_for(lambda found=found: found[-1].in_use == 9)  # type: ignore[misc]
            database.container.exec_run(["pkill", "-f", "^[^ ]*(mariadb|redis-cli) .*user[= ]watcher"])
            wait_for(lambda found=found: found[-1] == ConnectionUse(9, 9, None, 9))  # type: ignore[misc]


@pytest.mark.long
def test_a_view_continues_after_a_restart_of_the_program(run: Run) -> None:
    database = run("mariadb")
    with database.readings() as found:
        database.sql("KILL USER watcher")
        before = len(found)
        wait_for(lambda: len(found) > before + 2)


@pytest.mark.long
def test_postgresqls_view_needs_pg_monitor(engine: docker.DockerClient) -> None:
    """Without it, the states of other sessions are hidden, and none would count as in use."""
    inventory = "inventory/lab_database"
    playbook("playbooks/build-images.yml", "-i", inventory)
    image = str(describe(ROOT, ROOT / inventory, inventory).dependencies[0].variables["dependency_image"])
    container = engine.containers.run(image, detach=True, init=True, environment={"DATABASE_PASSWORD": PASSWORD})
    try:
        database = Database(container, "postgresql")
        wait_for(lambda: container.exec_run(["pg_isready", "--quiet"]).exit_code == 0)
        assert "(no member of pg_monitor|" in database.problem(dependency_view_user="app")
        assert "Fix: GRANT pg_monitor TO app." in database.problem(dependency_view_user="app")
        assert "does not exist). Fix: correct dependency_view_user" in database.problem(dependency_view_user="other")
        with database.readings() as found:
            database.start("psql -U app -c 'SELECT pg_sleep(60)' app")
            database.start("sleep 60 | psql -U app app")
            wait_for(lambda: (found[-1].in_use, found[-1].sessions, found[-1].most) == (1, 2, 20))
    finally:
        container.remove(force=True, v=True)

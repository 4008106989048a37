"""Dependencies on machines: a MariaDB that exists already, observed over SSH, and a Redis that is deployed there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import yaml

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Inventory
from harness.deploy.inventory.resolve import describe
from harness.observe import systemd
from harness.observe.containers import Probes
from harness.records.directory import StudyDirectory
from tests.integration.conftest import ROOT, study
from tests.integration.containers.databases.image import databases_image
from tests.rehearsal.conftest import INVENTORY, Fleet, play, small_grid

pytestmark = pytest.mark.long

MACHINES = ("db", "cache")
PASSWORD = "open-sesame"  # noqa: S105 - of a database without data
FILE = "/home/admin/watcher-password"
MARIADB = f"""
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server >/dev/null
printf '[mariadbd]\\nbind-address = 0.0.0.0\\n' >/etc/mysql/mariadb.conf.d/99-all.cnf
systemctl restart mariadb
mariadb -e "CREATE USER watcher@localhost IDENTIFIED BY '{PASSWORD}'; GRANT PROCESS ON *.* TO watcher@localhost"
install -m 0600 -o admin /dev/null {FILE}
echo {PASSWORD} >{FILE}
"""
# A connection of a server to the database, and one that executes a statement.
CLIENTS = """
nohup python3 -c 'import socket, sys, time; s = socket.create_connection((sys.argv[1], 3306)); time.sleep(300)' {db} \
  >/dev/null 2>&1 &
"""
STATEMENT = "nohup mariadb -e 'DO SLEEP(300)' >/dev/null 2>&1 &"


@pytest.fixture(scope="module")
def site(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The fleet's inventory with two more machines, of which one has a MariaDB as a systemd unit."""
    hosts = yaml.safe_load((INVENTORY / "hosts.yml").read_text())
    account = {"dependency_view_user": "watcher", "dependency_view_credential": FILE}
    db = {"dependency_managed": False, "dependency_unit": "mariadb", "dependency_unit_user": "mysql", **account}
    command = ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]  # noqa: S104 - in a container
    hosts["all"]["children"]["dependencies"] = {
        "hosts": {
            "db": {**db, **place(51), "dependency_kind": "mariadb", "dependency_port": 3306},
            "cache": {
                **place(52),
                "dependency_kind": "redis",
                "dependency_port": 6379,
                "dependency_image": databases_image(fleet.engine),
                "dependency_command": command,
                "dependency_view_user": "default",
            },
        }
    }
    folder = tmp_path_factory.mktemp("databases") / "site"
    folder.mkdir()
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (folder / "group_vars").symlink_to(INVENTORY / "group_vars")
    play("playbooks/rehearsal-up.yml", "--limit", f"localhost,{','.join(MACHINES)}", inventory=folder)
    try:
        fleet.on("db", MARIADB)
        yield folder
    finally:
        for name in MACHINES:
            with contextlib.suppress(docker.errors.NotFound):
                fleet.engine.containers.get(f"{fleet.prefix}-{name}").remove(force=True, v=True)


def place(number: int) -> dict[str, str]:
    """Return the addresses of a machine."""
    return {
        "ansible_host": f"{{{{ rehearsal_public }}}}.{number}",
        "private_ip": f"{{{{ rehearsal_private }}}}.{number}",
    }


def run(site: Path, folder: Path, name: str) -> Any:
    """Run a study of one trial; return the finished process."""
    grid = small_grid(folder / f"{name}.yaml", name=name, factors={"servers": [1], "vusers": [20]}, repeats=1)
    return study("--grid", grid, "--inventory", site, "--results", folder / name)


def test_an_existing_database_is_read_over_ssh(site: Path, fleet: Fleet) -> None:
    """Its unit, its processes, its connections and its own view, with the password in a file of the machine."""
    inventory = describe(ROOT, site, str(site))
    (db,) = (host for host in inventory.dependencies if host.name == "db")
    alone = Inventory(inventory.path, (db,))
    fleet.on("db", STATEMENT)
    with Connections(alone) as connections:
        connections.reconnect()
        probes = Probes(alone, connections, systemd.dependency_units(alone))
        assert probes.view_problem(db) == ""
        assert probes.states()["db"].running
        with contextlib.closing(probes.connection_use(db, 30)) as session:
            use = next(session)
        assert (use.in_use, use.most, use.longest_wait_s) == (1, 150, 0.0)
        assert (use.sessions or 0) >= 1, "the session of the check may still be open"
        assert next(probes.connections(db))["established"] == 0, "the session of the view uses the socket"
        assert next(iter(probes.usage("db")))["memory_stats"]["usage"] > 10_000_000
        assert "open-sesame" not in fleet.on("db", "ps -ef")
        with fleet.broken("db", f"echo wrong >{FILE}", f"echo {PASSWORD} >{FILE}"):
            assert "cannot read the view of MariaDB (ERROR 1045" in probes.view_problem(db)
        fleet.on("db", "systemctl restart mariadb")
        assert probes.view_problem(db) == ""


def test_dependencies_are_observed_over_ssh(site: Path, deployed_fleet: Fleet, tmp_path: Path) -> None:
    private = str(deployed_fleet.host("balancer").private_ip).rsplit(".", 1)[0]
    deployed_fleet.on("server-1", CLIENTS.format(db=f"{private}.51"))
    deployed_fleet.on("db", STATEMENT)
    done = run(site, tmp_path, "observed")
    assert done.returncode in (0, 3), done.stdout[-3000:] + done.stderr  # 3: the machine was too busy
    (folder,) = (tmp_path / "observed").iterdir()
    rows = [row for row in StudyDirectory(folder).hosts("servers-1_vusers-20/r1") if row.role == "dependency"]
    of_db = [row for row in rows if row.host == "db" and row.sessions is not None]
    of_cache = [row for row in rows if row.host == "cache" and row.in_use is not None]
    assert {(row.most_connections, row.longest_wait_s) for row in of_db} == {(150, 0.0)}
    assert {row.in_use for row in of_db} == {1}, "the statement that sleeps"
    assert max(row.connections or 0 for row in of_db) == 1, "the server's connection; the others use the socket"
    assert max(row.memory_mb for row in of_db) > 10
    assert {(row.in_use, row.most_connections) for row in of_cache} == {(0, 9999)}
    everything = "".join(file.read_text(errors="replace") for file in folder.rglob("*.json"))
    assert PASSWORD not in everything + done.stdout + done.stderr


def test_an_unreadable_view_and_a_dependency_that_is_down_are_reported(
    site: Path, deployed_fleet: Fleet, tmp_path: Path
) -> None:
    with deployed_fleet.broken("db", f"echo wrong >{FILE}", f"echo {PASSWORD} >{FILE}"):
        done = run(site, tmp_path, "wrong")
    assert done.returncode == 2, done.stderr
    assert "db: dependency_view_user: watcher cannot read the view of MariaDB (ERROR 1045" in done.stderr
    with deployed_fleet.broken("db", "systemctl stop mariadb", "systemctl start mariadb"):
        done = run(site, tmp_path, "down")
    assert done.returncode == 4
    assert "db" in done.stderr
    assert "Connection refused" in done.stderr

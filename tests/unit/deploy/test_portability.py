"""What is different on a Mac: the engine's socket, forked workers, how long a socket's path may be."""

import tempfile
from pathlib import Path

import pytest

from harness.deploy.connections import ENGINE, FORWARDED, Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.process_environment import limit_threads, settle


def test_nothing_is_set_elsewhere(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    settle(environment, "linux", tmp_path, tmp_path / "none")
    assert environment == {}


def test_numpy_computes_in_one_thread_unless_the_user_sets_another_number() -> None:
    environment: dict[str, str] = {}
    limit_threads(environment)
    mine = {"OPENBLAS_NUM_THREADS": "2"}
    limit_threads(mine)
    assert (environment, mine) == ({"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"})


@pytest.mark.parametrize("socket", [".docker/run/docker.sock", ".colima/default/docker.sock"])
def test_the_engine_of_a_mac_is_found_below_the_home(tmp_path: Path, socket: str) -> None:
    (tmp_path / socket).parent.mkdir(parents=True)
    (tmp_path / socket).touch()
    environment: dict[str, str] = {}
    settle(environment, "darwin", tmp_path, tmp_path / "none")
    assert environment["DOCKER_HOST"] == f"unix://{tmp_path}/{socket}"
    assert environment["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] == "YES"
    mine = {"DOCKER_HOST": "tcp://elsewhere:2376"}
    settle(mine, "darwin", tmp_path, tmp_path / "none")
    assert mine["DOCKER_HOST"] == "tcp://elsewhere:2376"
    usual: dict[str, str] = {}
    settle(usual, "darwin", tmp_path, tmp_path)  # the usual socket is there, and programs find it by themselves
    assert "DOCKER_HOST" not in usual


@pytest.mark.parametrize("length", [4, 49, 60, 200])
def test_paths_of_sockets_fit_wherever_the_temporary_folder_is(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    base = Path(tempfile.mkdtemp(dir="/tmp"))
    long = base / ("x" * max(1, length - len(str(base)) - 1))
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    name = "a-host-of-a-long-name.in-a-subdomain.of-some-department.example"
    hosts = tuple(Host.parse(f"{name}-{n}", "ml_servers", {"study_container_engine": "ssh"}) for n in range(12))
    with Connections(Inventory("x", hosts)) as connections:
        sockets = [str(t.socket(what)) for t in connections.tunnels.values() for what in (ENGINE, *FORWARDED)]
    assert len(set(sockets)) == 12 * (1 + len(FORWARDED))
    # While it makes one, ssh writes a dot and 16 letters behind the name.
    assert max(map(len, sockets)) + 17 < 104
    long.rmdir()
    base.rmdir()

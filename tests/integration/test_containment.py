"""Every container of the lab has minimal rights, and a user's own image still runs."""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Inventory, Url
from harness.observe.containers import Probes
from tests.containment import freedoms, printed
from tests.integration.conftest import changed, playbook

pytestmark = pytest.mark.concurrent

STRANGER = "scale-out-test/stranger"
# A simple user program: runs as root and writes to its own folder.
PROGRAM = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        Path('/srv/requested').write_text(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write((sys.argv[1:] or ['it answers'])[0].encode())
HTTPServer(('', 8080), Answer).serve_forever()
"""


def container_of(engine: docker.DockerClient, lab: Inventory, group: str) -> Container:
    host = next(host for host in lab.hosts if host.group == group)
    return engine.containers.get(host.container)


def test_every_container_is_contained(pristine: Inventory, engine: docker.DockerClient) -> None:
    held = {h.name: freedoms(engine.containers.get(h.container), h.group) for h in pristine.hosts}
    assert held == {host.name: [] for host in pristine.hosts}


def test_each_kind_of_container_has_its_own_user(pristine: Inventory, engine: docker.DockerClient) -> None:
    groups = sorted({host.group for host in pristine.hosts})
    users = {container_of(engine, pristine, group).attrs["Config"]["User"] for group in groups}
    assert len(users) == len(groups) == 3


def test_the_ceilings_response_is_copied_to_the_balancer(pristine: Inventory) -> None:
    """The root file system is read-only, and the response is larger than a command-line argument can be."""
    body = b"x" * 3_000_000
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("null-answer")
        entry.size, entry.mode = len(body), 0o644
        archive.addfile(entry, io.BytesIO(body))
    with Connections(pristine) as connections:
        Probes(pristine, connections).put(pristine.balancer, "/var/lib/balancer", packed.getvalue())
        with connections.http(pristine.balancer, Url.SERVICE, timeout=10.0) as client:
            answer = client.post("/predict", headers={"X-Study-Trial": "ceiling"})
    assert (answer.status_code, answer.content) == (200, body)


def test_a_restarted_balancer_keeps_its_configuration(pristine: Inventory, engine: docker.DockerClient) -> None:
    balancer = container_of(engine, pristine, "load_balancers")
    balancer.restart(timeout=5)
    playbook("playbooks/deploy-balancer.yml", "--tags", "nginx_lb_verify")
    assert freedoms(balancer, "load_balancers") == []


@pytest.fixture(scope="module")
def stranger(deployed: Inventory, engine: docker.DockerClient) -> Iterator[str]:
    """A user's own image; restores the lab's servers afterwards."""
    ours = deployed.servers[0].variables["ml_server_image"]
    recipe = io.BytesIO(f"FROM {ours}\nUSER 0\nCMD {json.dumps(['python3', '-c', PROGRAM])}\n".encode())
    engine.images.build(fileobj=recipe, tag=STRANGER, rm=True)
    yield STRANGER
    playbook("playbooks/deploy-servers.yml")
    engine.images.remove(STRANGER)


def own(image: str, **variables: Any) -> int:
    """Deploy servers with a user's own image; return the number of changed tasks."""
    more = json.dumps({"ml_server_image": image, **variables})
    return changed(playbook("playbooks/deploy-servers.yml", "-e", more).stdout)


def answers(lab: Inventory, words: str = "it answers") -> None:
    """Wait until the first server of a user's own image answers through the balancer."""
    with httpx.Client(base_url=lab.balancer.url(Url.CONTROL), trust_env=False) as client:
        for _ in range(200):
            if client.get(f"/servers/{lab.servers[0].name}/any").text == words:
                return
            time.sleep(0.1)
    pytest.fail("the image does not answer")


FREE = {"it may write to its root file system", "its tmpfs are others", "its memory has no limit"}


def test_a_users_own_image_may_write_and_use_memory_freely(
    pristine: Inventory, engine: docker.DockerClient, stranger: str
) -> None:
    """It writes to its own folder without a memory limit, but has no privileges."""
    own(stranger)
    assert own(stranger) == 0
    answers(pristine)
    server = container_of(engine, pristine, "ml_servers")
    assert set(freedoms(server, "ml_servers", own_user=False)) == FREE
    assert printed(server, ["cat", "/srv/requested"]) == b"/any"
    assert printed(server, ["id", "-u"]) == b"0\n"
    assert server.attrs["HostConfig"]["ShmSize"] == 64 << 20


def test_a_users_own_image_gets_the_configured_resources(
    pristine: Inventory, engine: docker.DockerClient, stranger: str, tmp_path: Path
) -> None:
    (tmp_path / "model").write_text("weights")
    tmp_path.chmod(0o755)
    three = len(pristine.servers)
    wanted: dict[str, Any] = {
        "ml_server_user": "10009:10009",
        "ml_server_volumes": [f"{tmp_path}:/models:ro"],
        "ml_server_tmpfs": ["/scratch:size=3m,mode=1777"],
        "ml_server_shm_size": "256m",
        "ml_server_memory": "300m",
        "ml_server_devices": ["/dev/null:/dev/mine"],
        "ml_server_command": ["python3", "-c", PROGRAM.replace("/srv", "/scratch"), "another command"],
    }
    assert own(stranger, **wanted) == three
    assert own(stranger, **wanted) == 0
    answers(pristine, "another command")
    server = container_of(engine, pristine, "ml_servers")
    assert printed(server, ["cat", "/models/model"]) == b"weights"
    assert printed(server, ["cat", "/scratch/requested"]) == b"/any"
    assert printed(server, ["sh", "-c", "df -k /dev/shm | awk 'NR == 2 {print $2}'"]) == b"262144\n"
    assert server.exec_run(["test", "-c", "/dev/mine"]).exit_code == 0
    assert printed(server, ["id", "-u"]) == b"10009\n"
    assert server.attrs["HostConfig"]["Memory"] == 300 << 20
    assert own(stranger, **{**wanted, "ml_server_memory": ""}) == three, "a limit that is taken away is kept"
    assert container_of(engine, pristine, "ml_servers").attrs["HostConfig"]["Memory"] == 0


@pytest.mark.long
def test_a_users_own_image_can_be_contained_like_the_projects_image(
    pristine: Inventory, engine: docker.DockerClient, stranger: str
) -> None:
    writes_to_tmp = ["python3", "-c", PROGRAM.replace("/srv", "/tmp")]  # noqa: S108 - of a container, and all it may write
    own(stranger, ml_server_contained=True, ml_server_user="10009:10009", ml_server_command=writes_to_tmp)
    server = container_of(engine, pristine, "ml_servers")
    assert freedoms(server, "ml_servers") == []
    assert server.exec_run(["touch", "/srv/x"]).exit_code != 0
    own(stranger, ml_server_capabilities=["SETUID"])
    server = container_of(engine, pristine, "ml_servers")
    assert set(freedoms(server, "ml_servers", own_user=False)) >= {
        "it keeps capabilities",
        "a process has capabilities",
    }


@pytest.mark.long
def test_a_gpu_is_requested_from_the_engine(pristine: Inventory, stranger: str) -> None:
    """Without a GPU the engine's error shows that it received the request."""
    assert pristine
    variables = {"ml_server_image": stranger, "ml_server_device_requests": [{"count": -1, "capabilities": [["gpu"]]}]}
    done = playbook("playbooks/deploy-servers.yml", "-e", json.dumps(variables), check=False)
    assert done.returncode != 0
    assert "could not select device driver" in done.stdout
    assert "gpu" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"ml_server_memory": "much"},
        pytest.param({"ml_server_shm_size": "-1"}, marks=pytest.mark.long),
        pytest.param({"ml_server_port": 70000}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_an_invalid_size_or_port_is_rejected_by_name(pristine: Inventory, wrong: dict[str, Any]) -> None:
    assert pristine
    done = playbook("playbooks/deploy-servers.yml", "-e", json.dumps(wrong), check=False)
    assert done.returncode != 0
    assert f"{next(iter(wrong))}" in done.stdout
    assert "size such as 8g or 512m" in " ".join(done.stdout.split())


def test_the_projects_image_listens_on_the_configured_port(pristine: Inventory, engine: docker.DockerClient) -> None:
    playbook("playbooks/deploy-servers.yml", "-e", "ml_server_port=8000")
    server = container_of(engine, pristine, "ml_servers")
    probe = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/readyz').status)"
    for _ in range(100):
        if (done := server.exec_run(["python3", "-c", probe])).exit_code == 0:
            break
        time.sleep(0.1)
    assert done.output == b"200\n"

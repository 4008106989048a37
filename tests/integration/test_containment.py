"""Every container of the lab can do no more than its work needs, and a user's own image still runs."""

import io
import json
import tarfile
import time
from collections.abc import Iterator

import docker
import httpx
import pytest
from docker.models.containers import Container

from harness.inventory import Inventory
from harness.probes import Probes
from harness.reach import Reach
from tests.containment import freedoms
from tests.integration.conftest import changed, playbook

pytestmark = pytest.mark.beside

STRANGER = "scale-out-test/stranger"
# As somebody writes it in an afternoon: root, and something in /tmp.
PROGRAM = """
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        Path('/tmp/asked').write_text(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'it answers')
HTTPServer(('', 8080), Answer).serve_forever()
"""


def container_of(engine: docker.DockerClient, lab: Inventory, group: str) -> Container:
    host = next(host for host in lab.hosts if host.group == group)
    return engine.containers.get(host.need("study_container"))


def test_every_container_is_contained(deployed: Inventory, engine: docker.DockerClient) -> None:
    held = {h.name: freedoms(engine.containers.get(h.need("study_container")), h.group) for h in deployed.hosts}
    assert held == {host.name: [] for host in deployed.hosts}


def test_each_kind_has_a_user_of_its_own(deployed: Inventory, engine: docker.DockerClient) -> None:
    groups = sorted({host.group for host in deployed.hosts})
    users = {container_of(engine, deployed, group).attrs["Config"]["User"] for group in groups}
    assert len(users) == len(groups) == 3


def test_the_answer_of_the_ceiling_gets_to_the_balancer(deployed: Inventory) -> None:
    """Past a root file system that nobody writes to, larger than one argument of a command could be."""
    body = b"x" * 3_000_000
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("null-answer")
        entry.size, entry.mode = len(body), 0o644
        archive.addfile(entry, io.BytesIO(body))
    with Reach(deployed) as reach:
        Probes(deployed, reach).put(deployed.balancer, "/var/lib/balancer", packed.getvalue())
        with reach.http(deployed.balancer, "study_url", timeout=10.0) as client:
            answer = client.post("/predict", headers={"X-Study-Trial": "ceiling"})
    assert (answer.status_code, answer.content) == (200, body)


def test_a_balancer_that_starts_again_has_its_configuration(deployed: Inventory, engine: docker.DockerClient) -> None:
    balancer = container_of(engine, deployed, "load_balancers")
    balancer.restart(timeout=5)
    playbook("playbooks/deploy-balancer.yml", "--tags", "nginx_lb_verify")
    assert freedoms(balancer, "load_balancers") == []


@pytest.fixture
def stranger(deployed: Inventory, engine: docker.DockerClient) -> Iterator[str]:
    """A user's own image; the lab's servers are put back afterwards."""
    ours = deployed.servers[0].variables["ml_server_image"]
    recipe = io.BytesIO(f"FROM {ours}\nUSER 0\nCMD {json.dumps(['python3', '-c', PROGRAM])}\n".encode())
    engine.images.build(fileobj=recipe, tag=STRANGER, rm=True)
    yield STRANGER
    playbook("playbooks/deploy-servers.yml")
    engine.images.remove(STRANGER)


def test_a_users_own_image_runs_as_its_own_user(
    deployed: Inventory, engine: docker.DockerClient, stranger: str
) -> None:
    own = ["playbooks/deploy-servers.yml", "-e", f"ml_server_image={stranger}"]

    def freedoms_of_a_server() -> list[str]:
        with httpx.Client(base_url=deployed.balancer.need("study_control_url"), trust_env=False) as client:
            for _ in range(50):
                if client.get(f"/servers/{deployed.servers[0].name}/any").text == "it answers":
                    break
                time.sleep(0.1)
            else:
                pytest.fail("the image does not answer")
        return freedoms(container_of(engine, deployed, "ml_servers"), "ml_servers", own_user=False)

    playbook(*own)
    assert changed(playbook(*own).stdout) == 0
    server = container_of(engine, deployed, "ml_servers")
    assert freedoms_of_a_server() == []
    assert server.exec_run(["id", "-u"]).output == b"0\n"
    assert server.exec_run(["touch", "/root/x"]).exit_code != 0

    playbook(*own, "-e", json.dumps({"ml_server_read_only": False, "ml_server_capabilities": ["SETUID"]}))
    assert freedoms_of_a_server() == [
        "it keeps capabilities", "it may write to its root file system", "a process has capabilities"
    ]  # fmt: skip
    playbook(*own, "-e", "ml_server_user=10009:10009")
    server = container_of(engine, deployed, "ml_servers")
    assert freedoms_of_a_server() == []
    assert freedoms(server, "ml_servers") == []

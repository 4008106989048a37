"""A user's own image on the machines: pulled by digest, for the machines' architecture, on any port."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.deploy.connections import Connections
from tests.integration.conftest import changed
from tests.rehearsal.conftest import Fleet, gateway, play
from tests.rehearsal.registry import PASSWORD, USER, Registry, base_image, serve, small_recipe

pytestmark = pytest.mark.concurrent

DISTRIBUTE = "playbooks/distribute-images.yml"
SERVERS = ("server-1", "server-2", "server-3")
# Differs from the project's image: another port, root, and a file written next to the program.
PROGRAM = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        open('/srv/requested', 'w').write(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write((sys.argv[1:] or ['it answers'])[0].encode())
HTTPServer(('', 8000), Answer).serve_forever()
"""


@dataclass(frozen=True)
class Own:
    """A user's image in a registry, for two architectures."""

    registry: Registry
    repository: str
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.registry.address}/{self.repository}:1"

    @property
    def exact(self) -> str:
        return f"{self.name}@{self.digest}"

    def publish(self, recipe: str) -> str:
        """Push a new image under its tag for both architectures; return the digest."""
        self.registry.push(recipe, f"{self.repository}:amd64")
        return self.registry.join(self.repository, "1", {"amd64": "amd64", "arm64": "arm64"})


def published(registry: Registry, repository: str, recipe: str) -> Own:
    """Push an image for two architectures; the arm64 part only claims its architecture."""
    registry.push(small_recipe(registry.engine), f"{repository}:arm64")
    registry.disguise(repository, "arm64", "arm64")
    return Own(registry, repository, Own(registry, repository).publish(recipe))


def responding(registry: Registry, words: str) -> str:
    """Return the Dockerfile of a service that responds with this text."""
    return f"FROM {base_image(registry.engine)}\nCMD {json.dumps(['python3', '-c', PROGRAM, words])}\n"


@pytest.fixture(scope="module")
def registry(deployed_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serve(deployed_fleet.engine, gateway(deployed_fleet), tmp_path_factory.mktemp("registry")) as served:
        yield served
    for name in SERVERS:
        deployed_fleet.on(name, f"docker images -q '{served.address}/*/*' | sort -u | xargs -r docker rmi -f")


@pytest.fixture(scope="module")
def small(registry: Registry) -> Own:
    """An image with one small file, which no host can run."""
    return published(registry, "team/small", small_recipe(registry.engine))


@pytest.fixture(scope="module")
def app(registry: Registry) -> Own:
    """A user's own service."""
    return published(registry, "team/app", responding(registry, "it answers"))


@pytest.fixture(scope="module")
def ours_again(deployed_fleet: Fleet) -> Iterator[Fleet]:
    """Restores the project's service after tests that deploy another one."""
    yield deployed_fleet
    for name in ("deploy-servers", "deploy-balancer"):
        play(f"playbooks/{name}.yml")


@pytest.fixture
def account(registry: Registry, tmp_path: Path) -> Path:
    """A file of variables with the account, like a vault."""
    file = tmp_path / "account.json"
    file.write_text(
        json.dumps(
            {
                "image_distribution_registry_username": USER,
                "image_distribution_registry_password": PASSWORD,
                "image_distribution_registry_ca": str(registry.certificate),
            }
        )
    )
    return file


def variables(image: str, method: str, **more: Any) -> list[str]:
    """Return arguments with the image and the distribution method."""
    return ["-e", json.dumps({"ml_server_image": image, "images_distribution": method, **more})]


SERVICE = {"ml_server_port": 8000, "nginx_lb_server_port": 8000, "ml_server_health": "/x", "nginx_lb_health": "/x"}


def test_hosts_pull_an_image_by_the_resolved_digest_of_its_tag(
    small: Own, account: Path, deployed_fleet: Fleet
) -> None:
    """The tag is resolved once, nothing is pushed, and no credentials remain."""
    two = ("server-1", "server-2")
    arguments = [*variables(small.name, "pull"), "-e", f"@{account}", "--limit", f"{','.join(two)},localhost"]
    pushes = len(small.registry.requests("^(PUT|POST|PATCH) "))
    done = play(DISTRIBUTE, "-v", *arguments)
    assert PASSWORD not in done.stdout + done.stderr
    inspect = f"docker image inspect --format '{{{{json .RepoDigests}}}}' {small.name}"
    for name in two:
        assert f"{small.registry.address}/team/small@{small.digest}" in deployed_fleet.on(name, inspect)
        left = "ls /root/.docker/config.json /home/admin/.docker/config.json /tmp/registry-* 2>/dev/null"
        assert deployed_fleet.on(name, left, check=False) == ""
    first = str(deployed_fleet.host("server-1").private_ip)
    assert {line.split()[0] for line in small.registry.requests("^(GET|HEAD) /v2/team/small/manifests/1$")} == {first}
    assert len(small.registry.requests("^(PUT|POST|PATCH) ")) == pushes
    assert small.registry.requests(f"/team/small/manifests/{small.digest}")
    assert changed(play(DISTRIBUTE, *arguments).stdout) == 0
    assert changed(play(DISTRIBUTE, "--check", *arguments).stdout) == 0


@pytest.mark.long
@pytest.mark.usefixtures("ours_again")
def test_a_users_image_runs_on_its_own_port_behind_the_balancer(app: Own, account: Path, deployed_fleet: Fleet) -> None:
    arguments = [*variables(app.name, "pull", **SERVICE), "-e", f"@{account}"]
    for name in ("distribute-images", "deploy-servers", "check-servers", "deploy-balancer"):
        play(f"playbooks/{name}.yml", *arguments)
    private_ip = deployed_fleet.host("server-2").private_ip
    get = "python3 -c \"import urllib.request as u; print(u.urlopen('http://{}').read().decode())\""
    assert deployed_fleet.on("generator", get.format(f"{private_ip}:8000/x")) == "it answers\n"
    balancer = deployed_fleet.host("balancer").private_ip
    assert deployed_fleet.on("balancer", get.format(f"{balancer}:80/y")) == "it answers\n"
    paths = {deployed_fleet.on(name, "docker exec ml-server cat /srv/requested", check=False) for name in SERVERS}
    assert "/x" in paths or "/y" in paths
    assert changed(play("playbooks/deploy-servers.yml", *arguments).stdout) == 0
    other = json.dumps({"ml_server_command": ["python3", "-c", PROGRAM, "another command"]})
    assert changed(play("playbooks/deploy-servers.yml", *arguments, "-e", other).stdout) == 3
    play("playbooks/deploy-balancer.yml", *arguments)
    assert deployed_fleet.on("balancer", get.format(f"{balancer}:80/y")) == "another command\n"


@pytest.mark.long
def test_a_moved_tag_is_the_same_image_on_every_host(registry: Registry, account: Path, deployed_fleet: Fleet) -> None:
    moving = published(registry, "team/moving", responding(registry, "it answers"))
    arguments = [*variables(moving.name, "pull"), "-e", f"@{account}"]
    play(DISTRIBUTE, *arguments)
    digest = moving.publish(responding(registry, "it answers anew"))
    assert digest != moving.digest
    done = play(DISTRIBUTE, *arguments)
    assert all(f"changed: [{name}]" in done.stdout for name in SERVERS)
    inspect = f"docker image inspect --format '{{{{json .RepoDigests}}}}' {moving.name}"
    assert all(digest in deployed_fleet.on(name, inspect) for name in SERVERS)


@pytest.fixture
def logged_in(app: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller's user is logged in at the image's registry."""
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {app.registry.address: {"auth": secret}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


@pytest.mark.long
@pytest.mark.usefixtures("logged_in", "ours_again")
@pytest.mark.parametrize("method", ["copy", "registry", "pull"])
def test_a_name_with_a_digest_works_with_every_method(
    app: Own, account: Path, deployed_fleet: Fleet, connections: Connections, method: str
) -> None:
    """The name has a tag and a digest, as registries' pages show it."""
    only = ["--limit", "server-3,localhost"]
    registry = {"images_registry": f"{app.registry.address}/mine"} if method == "registry" else {}
    arguments = [*variables(app.exact, method, **registry), "-e", f"@{account}", *only]
    play(DISTRIBUTE, *arguments)
    assert changed(play(DISTRIBUTE, *arguments).stdout) == 0
    play("playbooks/deploy-servers.yml", *arguments)
    assert changed(play("playbooks/deploy-servers.yml", *arguments).stdout) == 0
    host = connections.docker(deployed_fleet.host("server-3"))
    container = host.containers.get("ml-server")
    hexadecimal = app.digest.removeprefix("sha256:")
    assert container.attrs["Config"]["Image"] == f"{app.registry.address}/team/app:sha256-{hexadecimal}"
    assert container.attrs["Config"]["Cmd"][:2] == ["python3", "-c"]
    if method == "registry":
        pushed = rf"/mine/team-app/manifests/sha256-{hexadecimal}"
        assert [line for line in app.registry.requests(pushed) if "PUT" in line]
    container.remove(force=True)
    for name in (container.attrs["Config"]["Image"], f"{app.registry.address}/team/app@{app.digest}"):
        deployed_fleet.on("server-3", f"docker rmi -f {name}", check=False)


FAKE_DOCKER = '#!/bin/sh\n[ "$1" != version ] || { echo linux/arm64; exit; }\nexec /usr/bin/docker "$@"\n'


@pytest.mark.long
@pytest.mark.usefixtures("logged_in")
def test_every_host_gets_the_image_of_its_own_architecture(app: Own, account: Path, deployed_fleet: Fleet) -> None:
    """All machines have one architecture, so a fake `docker version` prints another one on one machine."""
    digest = app.publish(responding(app.registry, "for each its own"))
    fake = f"cat >/usr/local/bin/docker <<'END'\n{FAKE_DOCKER}END\nchmod 755 /usr/local/bin/docker"
    architecture = f"docker image inspect --format '{{{{.Architecture}}}}' {app.name}"
    with deployed_fleet.broken("server-3", fake, "rm /usr/local/bin/docker"):
        done = play(DISTRIBUTE, check=False)
        output = re.sub(r"\s+", " ", done.stdout)
        assert done.returncode != 0
        assert "server-3: its engine runs linux/arm64, but the controller built scale-out/service:" in output
        assert "for linux/amd64. Fix: set images_distribution: build" in output

        done = play(DISTRIBUTE, *variables(app.name, "copy"), check=False)
        assert done.returncode != 0
        assert "runs on hosts of linux/amd64 and linux/arm64" in re.sub(r"\s+", " ", done.stdout)
        assert "Fix: set images_distribution: pull" in re.sub(r"\s+", " ", done.stdout)

        play(DISTRIBUTE, *variables(app.name, "pull"), "-e", f"@{account}")
        found = [deployed_fleet.on(name, architecture).strip() for name in SERVERS]
        assert found == ["amd64", "amd64", "arm64"]
        assert app.registry.requests(f"/team/app/manifests/{digest}")

        deployed_fleet.on("server-3", f"docker rmi -f {app.name}")
        play(DISTRIBUTE, *variables(app.name, "copy"), "--limit", "server-3,localhost")
        assert deployed_fleet.on("server-3", architecture).strip() == "arm64"

        only_one = app.name.removesuffix(":1") + ":amd64"
        done = play(DISTRIBUTE, *variables(only_one, "copy"), "--limit", "server-3,localhost", check=False)
        assert done.returncode != 0
        assert f"image {only_one} for linux/arm64 is neither" in re.sub(r"\s+", " ", done.stdout)
    deployed_fleet.on("server-3", f"docker rmi -f {app.name}")


@pytest.mark.parametrize(
    ("image", "more", "words"),
    [
        pytest.param("team/small:none", {}, "cannot be pulled by this host: ", marks=pytest.mark.long),
        (
            "team/small:1",
            {"image_distribution_registry_password": "no-such-secret"},
            "rejects the account tester",
        ),
        pytest.param(
            "team/small:1",
            {"image_distribution_registry_username": ""},
            "the account (image_distribution_registry_username",
            marks=pytest.mark.long,
        ),
    ],
)
def test_an_image_that_cannot_be_pulled_is_reported(
    small: Own, account: Path, image: str, more: dict[str, str], words: str
) -> None:
    arguments = variables(f"{small.registry.address}/{image}", "pull")
    done = play(
        DISTRIBUTE,
        *arguments,
        "-e",
        f"@{account}",
        "-e",
        json.dumps(more),
        "--limit",
        "server-3,localhost",
        check=False,
    )
    assert done.returncode != 0
    output = re.sub(r"\s+", " ", done.stdout)
    assert (
        f"server-3: {small.registry.address if 'account tester' in words else small.registry.address + '/' + image}"
        in output
    )
    assert words in output
    assert "no-such-secret" not in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
